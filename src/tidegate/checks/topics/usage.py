"""Point 7: the tokens of every request are recorded."""

from collections.abc import Iterator

from tidegate.checks.check import Check
from tidegate.checks.facts.results import recorded, recorder
from tidegate.checks.project import Project
from tidegate.checks.topics.usual import count, files_of, no_request, spoken
from tidegate.checks.verdict import Verdict, failed, passed, unknown

_KEEP = (
    "Log response.usage with user, route and model, or let `tidegate.guard(client)` keep the ledger.",
    "Log message.usage with user, route and model, or let tidegate's gateway (`tidegate serve`) keep the ledger.",
)


def kept(project: Project) -> Iterator[Verdict]:
    """The answer says what it cost, once, and no API tells it later.  Without it nobody can say which user, route or
    change made the bill.  Record input, output and cache tokens with user, route, model and time; nothing of the
    content.
    """
    yield from no_request(project)
    rest = [request for request in project.requests if not project.through.covers(request)]
    if project.requests and not rest:
        yield passed("tidegate's ledger has a row for every attempt", "config")
        return
    name = recorder(project.program)
    if name and rest:
        yield passed(f"{name} records the usage of every request")
        return
    fine = True
    doors = {door.function for door in project.doors}
    for request in rest:
        said = recorded(project.reach, request, doors)
        if said == "read":
            continue
        fine = False
        if said == "unknown":
            text = "whether the usage of this answer is read cannot be seen: it is handed on, or one of several"
            yield unknown(text, supply="`usage` read where the request is sent", place=project.at(request))
        else:
            fix = spoken(request.module, *_KEEP)
            yield failed(project.at(request), "The answer's usage is thrown away.", fix=fix)
    if rest and fine:
        yield passed(f"usage is read for {count(len(rest), 'request')} {files_of(rest)}")


CHECKS = (
    Check(
        id="TG701",
        title="The usage of every answer is read",
        severity="medium",
        confidence="medium",
        evidence="static",
        scope="requests",
        look=kept,
        bad="return response.content[0].text",
        good='log.info("claude", user=user, tokens=response.usage.output_tokens)\nreturn response.content[0].text',
    ),
)
