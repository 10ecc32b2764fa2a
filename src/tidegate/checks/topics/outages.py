"""Point 9: the API may be down or slow."""

from collections.abc import Iterator
from typing import Final

from tidegate.checks.check import Check
from tidegate.checks.facts.patience import timeout_of, without_timeout
from tidegate.checks.facts.requests import Client, Request
from tidegate.checks.program.fold import Known
from tidegate.checks.program.program import Found
from tidegate.checks.project import Project
from tidegate.checks.topics.usual import ATTEST, no_request
from tidegate.checks.tree.nodes import Call
from tidegate.checks.verdict import Place, Verdict, failed, passed, unknown, warned

_LONG: Final = 300
"""Seconds that hardly anybody waits for an answer."""
_SECOND: Final = 1000
"""Milliseconds."""
_FIX: Final = "Set it to what people wait for, such as 60 seconds."
_SUPPLY = "timeout as a number, in sight"


def drilled(project: Project) -> Iterator[Verdict]:
    """What a program does when Claude is down is seen only when Claude is down.  A drill plays the outage: refused
    connections, 500, 529, a stream that breaks off, and looks at what users and logs got.
    """
    del project
    yield unknown(
        "no drill was run: this version has none yet",
        supply=f"a try by hand with `tidegate fake`, {ATTEST}",
    )


def patient(project: Project) -> Iterator[Verdict]:
    """Without a time-out of your own the SDK waits up to ten minutes for a silent server, twice more with its retries.
    A few such requests take every worker, and the whole program is down with the API.  Answers of a chat need a
    minute.
    """
    yield from no_request(project)
    seen: set[object] = set()
    fine = 0
    for request in project.requests:
        given = timeout_of(project.program, request)
        key = given.node if given is not None else request.client or request.call
        if key in seen:
            continue
        seen.add(key)
        verdict = _judge(project, request)
        if verdict is None:
            fine += 1
        else:
            yield verdict
    if project.requests and fine == len(seen):
        through = all(project.through.covers(request) for request in project.requests)
        yield passed("every request has a time-out", "config" if through else "static")


def _judge(project: Project, request: Request) -> Verdict | None:
    if project.through.covers(request) and request.client is not None and request.client.guarded:
        return None  # tidegate's own time-outs
    found = timeout_of(project.program, request)
    if found is None:
        return _without(project, request, request.client or request)
    seconds = _seconds(project, found)
    place = project.place(found.module, found.node)
    if isinstance(seconds, str):
        return unknown(f"the time-out comes from {seconds}", supply=_SUPPLY, place=place)
    if seconds is None:
        return failed(place, "The time-out is switched off.", fix=_FIX)
    return _odd(place, seconds, in_milliseconds=found.module.language != "python")


def _odd(place: Place, number: float, *, in_milliseconds: bool) -> Verdict | None:
    """What is wrong with a time-out: the unit, or the length."""
    if in_milliseconds and 0 < number < _SECOND:
        text = f"The time-out is {number:g} milliseconds: TypeScript counts in milliseconds."
        return failed(place, text, fix="Write 60_000 for a minute.")
    if not in_milliseconds and number > 10 * _LONG:
        text = f"The time-out is {number:,g} seconds: Python counts in seconds."
        return failed(place, text, fix="Write 60 for a minute.")
    seconds = number / _SECOND if in_milliseconds else number
    return warned(place, f"The time-out is {seconds:,g} seconds.", fix=_FIX) if seconds > _LONG else None


def _without(project: Project, request: Request, where: Client | Request) -> Verdict | None:
    if {"transport", "signal"} & set(request.arguments.given):
        name = "an HTTP client of its own" if "transport" in request.arguments.given else "an AbortSignal"
        return unknown(f"the time-out is left to {name}", supply=_SUPPLY, place=project.at(where))
    if request.arguments.open or (request.client is None and request.kind == "sdk"):
        return unknown("where the time-out is set could not be seen", supply=_SUPPLY, place=project.at(where))
    waits = without_timeout(project.program, request)
    return warned(project.at(where), waits.text, fix=waits.fix)


def _seconds(project: Project, found: Found) -> float | str | None:
    """The number of a time-out; a text names what could not be told; None: there is none."""
    node = found.node
    if isinstance(node, Call) and project.program.origin(found.module, node.of).endswith(
        (".Timeout", ".ClientTimeout")
    ):
        named = dict(node.named)
        first = named.get("read") or named.get("total") or named.get("timeout") or next(iter(node.args), None)
        if first is None:
            return "an object"
        return _seconds(project, Found(found.module, first))
    value = project.fold(found)
    if isinstance(value, Known):
        if value.value is None:
            return None
        if isinstance(value.value, int | float) and not isinstance(value.value, bool):
            return float(value.value)
        return "a text"
    return getattr(value, "text", "") or f"the variable {getattr(value, 'name', '')}"


CHECKS = (
    Check(
        id="TG901",
        title="It was tried with the API down",
        severity="high",
        confidence="high",
        evidence="drill",
        scope="project",
        look=drilled,
        bad="the first outage is the test",
        good='[[attest]]\ncheck = "TG901"\nby = "Ada"\nhow = "tidegate fake, all faults, by hand"\nuntil = 2027-02-01',
    ),
    Check(
        id="TG902",
        title="Requests have a time-out that people would wait for",
        severity="medium",
        confidence="medium",
        evidence="static",
        scope="requests",
        look=patient,
        bad="client = Anthropic()   # ten minutes",
        good="client = Anthropic(timeout=60.0)",
    ),
)
