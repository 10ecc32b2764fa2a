"""Point 11: logs say who, when and how much, never what."""

import re
from collections.abc import Iterator

from tidegate.checks.check import Check
from tidegate.checks.facts.content import logged_content
from tidegate.checks.files.settings import EXAMPLE
from tidegate.checks.program.fold import Known
from tidegate.checks.project import Project
from tidegate.checks.topics.usual import count, no_request
from tidegate.checks.tree.nodes import Assign, Call, Const, Item, Member, Node
from tidegate.checks.verdict import Edit, Place, Verdict, failed, passed, unknown, warned

_LOGS = "The SDK logs requests and answers."
_FIX = "Log user, route, model, tokens and duration; of a text at most its length."
_DEBUG = re.compile(r"^[^#\n]*\bANTHROPIC_LOG\b[\"']?\s*[:= ]\s*[\"']?debug\b.*$", re.MULTILINE | re.IGNORECASE)


def silent(project: Project) -> Iterator[Verdict]:
    """Logs are read by more people than a database, are kept longer, and are sent to other companies.  What a user
    writes to an assistant is often the most private thing that a program gets to see.
    """
    yield from no_request(project)
    seen: set[Node] = set()
    doors = {door.module.path for door in project.doors}
    for request in project.requests:
        for one in logged_content(project.program, request):
            if one.node in seen or (one.printed and not doors):
                continue
            seen.add(one.node)
            place = project.place(one.module, one.node)
            yield failed(place, "Message content is logged.", fix=_FIX)
    if project.requests and not seen:
        yield passed(f"no log call at {count(len(project.requests), 'request')} is given content")


def quiet(project: Project) -> Iterator[Verdict]:
    """At the level debug the SDK itself logs requests and answers, with all that users write and are told."""
    found = list(_in_code(project))
    for text in project.texts:
        if EXAMPLE.fullmatch(text.name):
            continue
        for said in _DEBUG.finditer(text.text):
            line = text.text.count("\n", 0, said.start()) + 1
            place = Place(text.path, line)
            production = "production" in text.name or text.name.lower().endswith(
                ("dockerfile", ".toml", ".yml", ".yaml")
            )
            state = failed if production else warned
            edits = (Edit(Place(text.path, line, 0, line + 1, 0), ""),) if text.name.startswith(".env") else ()
            found.append(
                state(
                    place,
                    _LOGS,
                    fix="Leave ANTHROPIC_LOG out, or set info.",
                    edits=edits,
                )
            )
    yield from found
    if not found:
        yield passed("the SDK is not told to log requests")


def _in_code(project: Project) -> Iterator[Verdict]:
    for module, node in project.program.every(Call):
        if _raises_level(node):
            yield failed(project.place(module, node), _LOGS, fix="Leave its logger at INFO.")
    for module, assign in project.program.every(Assign):
        if _sets_debug(assign):
            yield failed(project.place(module, assign), _LOGS, fix="Leave ANTHROPIC_LOG out.")
    for client in project.clients:
        value = project.value(client, "log_level")
        found = client.arguments.given.get("log_level")
        if found is None or value is None:
            continue
        place = project.place(found.module, found.node)
        if isinstance(value, Known):
            if value.value == "debug":
                yield failed(place, _LOGS, fix="Leave logLevel out.")
        else:
            yield unknown("what the SDK logs cannot be told", supply="logLevel in sight", place=place)


def _sets_debug(assign: Assign) -> bool:
    """`os.environ["ANTHROPIC_LOG"] = "debug"`."""
    key = assign.target.key if isinstance(assign.target, Item) else None
    value = assign.value.value if isinstance(assign.value, Const) else None
    return isinstance(key, Const) and key.value == "ANTHROPIC_LOG" and value == "debug"


def _raises_level(call: Call) -> bool:
    """`logging.getLogger("anthropic").setLevel(logging.DEBUG)`."""
    if (
        not isinstance(call.of, Member)
        or call.of.name != "setLevel"
        or not isinstance(call.of.of, Call)
        or not call.args
    ):
        return False
    named = call.of.of.args[0] if call.of.of.args else None
    level = call.args[0]
    debug = (isinstance(level, Member) and level.name == "DEBUG") or (
        isinstance(level, Const) and level.value in {"DEBUG", 10}
    )
    return debug and isinstance(named, Const) and str(named.value).partition(".")[0] in {"anthropic", "httpx", "httpx2"}


CHECKS = (
    Check(
        id="TG1101",
        title="No message content is logged",
        severity="high",
        confidence="medium",
        evidence="static",
        scope="requests",
        look=silent,
        bad='log.info("asked", prompt=prompt, answer=response.content)',
        good='log.info("claude_call_success", user=user, tokens=response.usage.output_tokens)',
    ),
    Check(
        id="TG1102",
        title="The SDK does not log requests",
        severity="high",
        confidence="high",
        evidence="static",
        scope="sources",
        look=quiet,
        bad="ANTHROPIC_LOG=debug",
        good="# ANTHROPIC_LOG is not set",
        fixes=True,
    ),
)
