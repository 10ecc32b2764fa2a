"""Point 4: each user is limited before Claude is asked."""

from collections.abc import Iterator

from tidegate.checks.check import Check
from tidegate.checks.facts.doors import Door
from tidegate.checks.facts.gates import is_exempt, limits_of
from tidegate.checks.facts.limiting import Limits, best
from tidegate.checks.facts.requests import Request
from tidegate.checks.facts.wide import limits_around
from tidegate.checks.project import Project
from tidegate.checks.topics.doors import head, no_doors
from tidegate.checks.topics.usual import LOOK, count, no_request, spoken
from tidegate.checks.tree.nodes import Const, Node
from tidegate.checks.tree.walk import walk
from tidegate.checks.verdict import Evidence, Verdict, failed, passed, skipped, unknown, warned

_SECTION = "limits"
_COUNT = (
    "Count requests by user id before the call: a limiter library, own code, or `tidegate.guard(client)`.",
    "Count requests by user id before the call: a limiter library, own code, or tidegate's gateway (`tidegate serve`).",
)
_COUNT_JOBS = ("Count requests by user id before the job is queued: a limiter library, or own code.",) * 2
_BEFORE_QUEUE = "Keep it for the API's own limits, and count by user id before a job is queued."
_NAME = ('Add metadata={"user_id": an opaque id}.', "Add metadata: { user_id: an opaque id }.")


def limited(project: Project) -> Iterator[Verdict]:
    """One user with a loop, or one stranger with a script, can spend a month's money in an hour and use up the rate
    limit of everybody else.  The gate has to stand before the call: a request that was sent is paid.
    """
    yield from no_request(project)
    if not project.requests:
        return
    queued = project.queueing
    if not project.doors and not queued:
        yield no_doors(project)
        return
    open_ = 0
    for door in (*project.doors, *queued):
        covered = _covered(project, door)
        if covered is not None:
            if covered.state.value != "pass":
                open_ += 1
                yield covered
            continue
        own = limits_of(project.program, project.reach, door)
        around = "no" if is_exempt(project.program, door) else _around(project, door)
        if "yes" in {own, around}:
            continue
        open_ += 1
        if best((own, around)) == "unknown":
            before = "something like a limiter" if own == "unknown" else "something that limits"
            text = f"{before} stands before {door.name}, and whether it limits each user there cannot be seen"
            yield unknown(text, supply=LOOK, place=head(door.module, door.function))
            continue
        fix = spoken(door.module, *(_COUNT_JOBS if door in queued else _COUNT))
        yield failed(
            head(door.module, door.function), f"{door.name} {_for_anybody(project, queued=door in queued)}", fix=fix
        )
    if not open_:
        yield passed(
            f"{count(len(project.doors) + len(queued), 'door')} to Claude limit their users", _evidence(project)
        )


def _for_anybody(project: Project, *, queued: bool) -> str:
    """What a door without a limit does; a queue that is held back as a whole is named, because it looks like one."""
    if not queued:
        return "asks Claude for anybody, as often as they like."
    pace = next((one for one in project.limiters if one.paces), None)
    held = f"; {pace.name} holds all users back together, and no single one" if pace is not None else ""
    return f"queues jobs for Claude for anybody, as often as they like{held}."


def _around(project: Project, door: Door) -> Limits:
    """What stands before all doors of an application, or before some."""
    return limits_around(project.program, project.wide, project.application(door.module.path), door)


def _evidence(project: Project) -> Evidence:
    return "config" if all(project.through.covers(request) for request in project.requests) else "static"


def _covered(project: Project, door: Door) -> Verdict | None:
    """What tidegate's own limits say; None: tidegate is not in the way."""
    requests = project.reach.requests_of(door.function, project.requests)
    if door in project.queueing:  # it queues jobs, for the requests of a worker
        requests = list(project.requests)
    covers = [project.through.covers(request) for request in requests]
    if not requests or False in covers:
        return None
    place = head(door.module, door.function)
    if None in covers:
        text = "tidegate.toml is there, and whether these requests pass tidegate cannot be seen"
        return unknown(text, supply="ANTHROPIC_BASE_URL in a file that deploys, or tidegate.guard(client)", place=place)
    settings = project.through.settings
    if settings is None:
        return unknown(
            f"tidegate.toml cannot be read: {project.through.error}",
            supply="a configuration without errors",
            place=place,
        )
    if _SECTION in project.through.overridden:
        return unknown(
            "limits are given to tidegate.guard() in code", supply="[[limits]] in tidegate.toml", place=place
        )
    if any("user" in limit.per for limit in settings.rules.limits):
        return passed("tidegate limits each user", "config")
    fix = 'Add [[limits]] with per = "user" and requests = "20/minute" to tidegate.toml.'
    return failed(place, f"tidegate stands before {door.name} and has no limit per user.", fix=fix)


def per_user(project: Project) -> Iterator[Verdict]:
    """A limit by network address hits a whole office or school at once, and whoever has many addresses not at all.
    The account that is signed in is what has to be counted.
    """
    if not project.limiters:
        yield skipped("no limiter of a library that is known was seen")
        return
    fine, alone = True, all(one.paces for one in project.limiters)
    for limiter in project.limiters:
        place = project.place(limiter.module, limiter.node)
        if limiter.whom == "user" or (limiter.paces and not alone):
            continue
        fine = False
        if limiter.whom == "unknown":
            yield unknown(
                f"whom {limiter.name} counts cannot be told", supply="a key function that names the user", place=place
            )
        else:
            what = "network addresses" if limiter.whom == "address" else "all users together"
            fix = _BEFORE_QUEUE if limiter.paces else "Use the id of the signed-in user as its key."
            yield warned(place, f"{limiter.name} counts {what}, not users.", fix=fix)
    if fine:
        yield passed(f"{count(sum(not one.paces for one in project.limiters), 'limiter')} count users")


def shared(project: Project) -> Iterator[Verdict]:
    """A count in the memory of one process is a count for that process alone: with four workers a user has four times
    the limit, and a restart forgives everything.
    """
    through = project.through
    if through.settings is not None and through.used:
        if through.settings.store.url.startswith("memory"):
            yield warned(
                None,
                "tidegate keeps its limits in the memory of one process.",
                fix='Set url under [store], such as "sqlite:///tidegate.db".',
            )
        else:
            yield passed("tidegate's limits are shared by all processes on its store", "config")
        return
    limiters = [one for one in project.limiters if not one.paces]
    if not limiters:
        yield skipped("no limiter of a library that is known was seen")
        return
    fine = True
    for limiter in limiters:
        place = project.place(limiter.module, limiter.node)
        if limiter.where == "process":
            fine = False
            yield warned(
                place,
                f"{limiter.name} counts in the memory of each process.",
                fix="Give it a store that all processes share, such as Redis.",
            )
        elif limiter.where == "unknown":
            fine = False
            yield unknown(
                f"where {limiter.name} keeps its counts cannot be told", supply="its store, in sight", place=place
            )
    if fine:
        yield passed("limits are kept where all processes share them")


def named(project: Project) -> Iterator[Verdict]:
    """`metadata.user_id` lets Anthropic tell one abusive user from the rest instead of acting on the whole key, and
    lets every gateway in between count by user.  It must be an opaque id: no name, no address.
    """
    asked: dict[Request, None] = {}
    for door in project.doors:
        asked.update(dict.fromkeys(project.reach.requests_of(door.function, project.requests)))
    if not asked:
        yield no_doors(project)
        return
    fine = True
    for request in asked:
        headers = request.arguments.given.get("headers")
        if "metadata" in request.arguments.given or (headers is not None and "x-tidegate-user" in _texts(headers.node)):
            continue
        if request.client is not None and request.client.guarded and project.through.names_callers:
            continue
        fine = False
        if request.arguments.open:
            yield unknown(
                "the arguments of this request are put together elsewhere",
                supply="metadata with a user_id, in sight",
                place=project.at(request),
            )
        else:
            yield warned(
                project.at(request),
                "The request does not say for which user it is.",
                fix=spoken(request.module, *_NAME),
            )
    if fine:
        yield passed(f"{count(len(asked), 'request')} name the user")


def _texts(node: Node) -> set[object]:
    return {one.value for one in walk(node) if isinstance(one, Const)}


CHECKS = (
    Check(
        id="TG401",
        title="Every way in limits its users",
        severity="high",
        confidence="medium",
        evidence="static",
        scope="requests",
        look=limited,
        bad='@app.post("/chat")\ndef chat(…): return ask(…)',
        good='@app.post("/chat")\n@limiter.limit("20/minute")\ndef chat(…): return ask(…)',
    ),
    Check(
        id="TG402",
        title="Limits count users, not addresses",
        severity="medium",
        confidence="medium",
        evidence="static",
        scope="sources",
        look=per_user,
        bad="Limiter(key_func=get_remote_address)",
        good="Limiter(key_func=lambda request: request.state.user_id)",
    ),
    Check(
        id="TG403",
        title="Limits are shared by all processes",
        severity="low",
        confidence="medium",
        evidence="static",
        scope="sources",
        look=shared,
        bad="Limiter(key_func=user_id)",
        good='Limiter(key_func=user_id, storage_uri=os.environ["REDIS_URL"])',
    ),
    Check(
        id="TG404",
        title="Requests name their user",
        severity="low",
        confidence="high",
        evidence="static",
        scope="requests",
        look=named,
        bad="client.messages.create(model=…, max_tokens=512, messages=…)",
        good='client.messages.create(…, metadata={"user_id": hashed_id})',
    ),
)
