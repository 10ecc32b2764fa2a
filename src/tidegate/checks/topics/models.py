"""Point 9, on a date that is known: models end, and the API refuses what it used to take."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from tidegate.checks.check import Check
from tidegate.checks.facts.manners import GIVEN, MODEL, VERSION, refused, sdk_version
from tidegate.checks.facts.models import find_model, is_of_platform
from tidegate.checks.facts.requests import Request
from tidegate.checks.program.fold import Known, Value, source_of
from tidegate.checks.project import Project
from tidegate.checks.topics.removal import without_argument
from tidegate.checks.topics.usual import count, files_of, no_request
from tidegate.checks.tree.nodes import Node
from tidegate.checks.verdict import Verdict, failed, passed, unknown, warned

SOON: Final = timedelta(days=120)
_SUPPLY: Final = "its name, in sight, or as the default of a variable"
_PLATFORMS: Final = ("Bedrock", "BedrockMantle", "Vertex", "Foundry", "AWS", "GoogleCloud")
_SETTLES: Final = {
    VERSION: "the version of the SDK in requirements.txt, pyproject.toml or package.json",
    MODEL: "the model's name, in sight",
    GIVEN: "the dict, written out",
}


def alive(project: Project) -> Iterator[Verdict]:
    """A model that has ended answers every request with 404, from one day to the next.  The dates are published months
    ahead, and the newer model is usually better and cheaper; but test it before you change.
    """
    yield from no_request(project)
    fine = True
    seen: set[object] = set()
    for request in project.requests:
        values = project.values(request, "model")
        if not values:
            fine = False
            yield unknown("the model is given elsewhere", supply=_SUPPLY, place=project.at(request))
        for value in values:
            key = value.node if isinstance(value, Known) else request.arguments.given["model"].node
            if key in seen:
                continue
            seen.add(key)
            verdict = _judge(project, request, value)
            if verdict is not None:
                fine = False
                yield verdict
    if project.requests and fine:
        yield passed(f"{count(len(seen), 'model')} in use, none of which ends within {SOON.days} days")


def _judge(project: Project, request: Request, value: Value) -> Verdict | None:
    if not isinstance(value, Known) or not isinstance(value.value, str):
        given = request.arguments.given["model"]
        place = project.place(given.module, given.node)
        return unknown(f"the model comes from {source_of(value)}", supply=_SUPPLY, place=place)
    model = find_model(value.value)
    place = project.place(value.module, value.node)
    if model is None:
        text = f"the model {value.value[:60]!r} is not known here"
        return unknown(text, supply="the name of a Claude model", place=place)
    fix = f"Move to {model.instead}, after a test."
    if model.retired or (model.ends is not None and model.ends <= project.today):
        when = f" on {model.ends}" if model.ends else ""
        if is_of_platform(value.value) or _is_platform(request):
            return warned(place, f"{model.id} ended{when} at Anthropic; your platform has its own last day.", fix=fix)
        return failed(place, f"{model.id} ended{when}: requests are refused.", fix=fix)
    if model.ends is not None and model.ends - project.today <= SOON:
        return warned(place, f"{model.id} ends on {model.ends}, {_days(project.today, model.ends)}.", fix=fix)
    return None


def _is_platform(request: Request) -> bool:
    return request.client is not None and request.client.name.rpartition(".")[2].endswith(_PLATFORMS)


def _days(today: date, end: date) -> str:
    left = (end - today).days
    return "tomorrow" if left == 1 else f"in {left} days"


def taken(project: Project) -> Iterator[Verdict]:
    """The API refuses with 400 what a model or version no longer takes: temperature and top_p, a thinking budget, a
    begun answer, a forced tool.  Such a request fails every time, for every user.
    """
    yield from no_request(project)
    seen: set[tuple[Node, str]] = set()
    versions = {python: sdk_version(project.texts, python) for python in (True, False)}
    fine = True
    for request in project.requests:
        sdk = versions[request.module.language == "python"]
        for one in refused(project.program, request, sdk):
            fine = False
            if (one.found.node, one.text) in seen:
                continue
            seen.add((one.found.node, one.text))
            place = project.place(one.found.module, one.found.node)
            if one.doubt:
                yield unknown(f"{one.text[:-1]}; {one.doubt} cannot be told", supply=_SETTLES[one.doubt], place=place)
            else:
                edits = without_argument(one.found) if one.removable else ()
                yield failed(place, one.text, fix=one.fix, edits=edits)
        if request.arguments.open and request.kind == "sdk":
            fine = False
            text = "what the request is given is put together elsewhere"
            yield unknown(text, supply="every parameter, in sight", place=project.at(request))
    if project.requests and fine:
        yield passed(f"{count(len(project.requests), 'request')} {files_of(project.requests)}: nothing that is refused")


CHECKS = (
    Check(
        id="TG903",
        title="No model in use has ended or will soon",
        severity="high",
        confidence="high",
        evidence="static",
        scope="requests",
        look=alive,
        bad='model="claude-3-5-sonnet-20241022"',
        good='model="claude-sonnet-5-5"',
    ),
    Check(
        id="TG904",
        title="Requests hold nothing that is refused",
        severity="high",
        confidence="high",
        evidence="static",
        scope="requests",
        look=taken,
        bad="client.messages.create(temperature=0.2, …)   # refused since SDK 2",
        good="client.messages.create(…)",
        fixes=True,
    ),
)
