"""Point 5, per request: max_tokens is set, realistic, and fits the way in which the answer comes."""

from collections.abc import Iterator
from typing import Final

from tidegate.checks.check import Check
from tidegate.checks.facts.models import Model, find_model
from tidegate.checks.facts.requests import Request
from tidegate.checks.facts.ways import WRAPPERS
from tidegate.checks.program.fold import Known, Value, source_of, whole
from tidegate.checks.program.program import Found
from tidegate.checks.project import Project
from tidegate.checks.topics.usual import count, files_of, no_request
from tidegate.checks.tree.nodes import Const, Map
from tidegate.checks.verdict import Verdict, failed, passed, unknown, warned

HUGE: Final = 16_384
"""What counts as huge unless `max_tokens` in tidegate-check.toml says otherwise: some 40 pages of text."""

MOST_WITHOUT_STREAM: Final = 21_333
"""3600 * max_tokens / 128000 seconds may not exceed 600; source: the Python SDK 2.12.0."""

_WRAPPED = frozenset({*WRAPPERS.values(), "the AI SDK", "litellm"})
_SUPPLY = "a number, or a constant, in sight; or a route with max_tokens in tidegate.toml"


def given(project: Project) -> Iterator[Verdict]:
    """`max_tokens` is the only bound on what one answer can cost, and the API refuses requests without it."""
    yield from no_request(project)
    fine = True
    for request in project.requests:
        if "max_tokens" in request.arguments.given or request.method == "tool_runner":
            continue
        if _cap(project, request) is not None:
            continue
        fine = False
        if request.arguments.open:
            yield unknown("max_tokens is put together elsewhere", supply=_SUPPLY, place=project.at(request))
        elif request.kind in _WRAPPED:
            text = f"max_tokens is left to {request.kind}, whose default may be all that the model can write."
            yield warned(project.at(request), text, fix="Set it to what real answers need, such as 512.")
        else:
            fix = "Set it to what real answers need, such as 512."
            yield failed(project.at(request), "The request has no max_tokens; the API refuses it.", fix=fix)
    if fine and project.requests:
        yield passed(f"{count(len(project.requests), 'request')} {files_of(project.requests)} set max_tokens")


def realistic(project: Project) -> Iterator[Verdict]:
    """A summary of 300 words needs 512 tokens.  With 64,000 one runaway answer costs a hundred times what was meant,
    and takes minutes.  Set it a little above the longest answer that is useful; what is cut says stop_reason
    max_tokens.
    """
    yield from no_request(project)
    judged: set[object] = set()
    fine = True
    for request in project.requests:
        if _cap(project, request) is not None:
            continue
        for value in project.values(request, "max_tokens"):
            key = value.node if isinstance(value, Known) else request.arguments.given["max_tokens"].node
            if key in judged:
                continue
            judged.add(key)
            verdict = _judge(project, request, value)
            if verdict is not None:
                fine = False
                yield verdict
    if project.requests and fine:
        if judged:
            yield passed(f"max_tokens is at most {_huge(project):,}")
        elif all(_cap(project, request) is not None for request in project.requests):
            yield passed("routes of tidegate cap max_tokens", "config")
        else:
            yield unknown("no max_tokens is in sight to be judged", supply=_SUPPLY)


def _judge(project: Project, request: Request, value: Value) -> Verdict | None:
    number = whole(value)
    if number is None or not isinstance(value, Known):
        given = request.arguments.given["max_tokens"]
        place = project.place(given.module, given.node)
        return unknown(f"max_tokens comes from {source_of(value)}", supply=_SUPPLY, place=place)
    place = project.place(value.module, value.node)
    model = _model(project, request)
    if model is not None and model.max_output is not None and number >= model.max_output:
        fix = "Set it to what real answers need; look at the usage that was recorded."
        return failed(place, f"max_tokens is {number:,}: all that {model.id} can write at once.", fix=fix)
    if number - _thinking_budget(project, request) > _huge(project):
        fix = "Lower it to what real answers need, or allow this place with a reason: `tidegate: allow[TG502] until …`."
        return warned(place, f"max_tokens is {number:,}, far more than most answers need.", fix=fix)
    return None


def _huge(project: Project) -> int:
    return project.notes.max_tokens or HUGE


def _model(project: Project, request: Request) -> Model | None:
    values = project.values(request, "model")
    value = values[0] if len(values) == 1 else None
    return find_model(value.value) if isinstance(value, Known) and isinstance(value.value, str) else None


def _thinking_budget(project: Project, request: Request) -> int:
    """`thinking.budget_tokens`, which max_tokens has to exceed."""
    found = request.arguments.given.get("thinking")
    if found is None or not isinstance(found.node, Map):
        return 0
    for key, value in found.node.entries:
        if isinstance(key, Const) and key.value in {"budget_tokens", "budgetTokens"}:
            worth = project.fold(Found(found.module, value))
            return worth.value if isinstance(worth, Known) and isinstance(worth.value, int) else 0
    return 0


def _cap(project: Project, request: Request) -> int | None:
    """The max_tokens that tidegate sees to on every route, when the request passes it."""
    settings = project.through.settings
    if settings is None or not project.through.covers(request) or "routes" in project.through.overridden:
        return None
    routes = settings.rules.routes
    caps = [route.max_tokens for route in routes.values()]
    if "default" not in routes or any(cap is None for cap in caps):
        return None
    return max(cap for cap in caps if cap is not None)


def streamed(project: Project) -> Iterator[Verdict]:
    """Above 21,333 tokens an answer may take longer than ten minutes.  The SDK refuses to wait for it in one piece
    (ValueError), unless a time-out was set, and then proxies and load balancers on the way cut the silent connection.
    """
    yield from no_request(project)
    fine = True
    for request in project.requests:
        most = _most(project, request)
        if request.streams or (most is not None and most <= MOST_WITHOUT_STREAM):
            continue
        fine = False
        place = project.at(request)
        if most is None:
            streams = "it is not streamed" if request.streams is False else "it may not be streamed"
            yield unknown(f"{streams}, and how much it asks for cannot be told", supply=_SUPPLY, place=place)
        elif request.streams is None:
            yield unknown("whether this request streams cannot be told", supply="stream=True in sight", place=place)
        else:
            text = f"max_tokens is {most:,}, and the answer is not streamed."
            yield failed(place, text, fix="Use client.messages.stream(…), or ask for less.")
    if fine and project.requests:
        yield passed(f"no request waits for more than {MOST_WITHOUT_STREAM:,} tokens in one piece")


def _most(project: Project, request: Request) -> int | None:
    """The most tokens that a request may ask for; None: that cannot be told, and is not known to be too many."""
    cap = _cap(project, request)
    numbers = [whole(value) for value in project.values(request, "max_tokens")]
    known = [number for number in numbers if number is not None]
    most = max(known, default=0)
    if cap is not None:
        return min(most, cap) if known and len(known) == len(numbers) else cap
    told = len(known) == len(numbers) and (bool(numbers) or not request.arguments.open)
    return most if told or most > MOST_WITHOUT_STREAM else None


CHECKS = (
    Check(
        id="TG501",
        title="Every request sets max_tokens",
        severity="high",
        confidence="high",
        evidence="static",
        scope="requests",
        look=given,
        bad="client.messages.create(model=…, messages=…)",
        good="client.messages.create(model=…, max_tokens=512, messages=…)",
    ),
    Check(
        id="TG502",
        title="max_tokens is realistic",
        severity="medium",
        confidence="medium",
        evidence="static",
        scope="requests",
        look=realistic,
        bad="max_tokens=64000   # for a summary",
        good="max_tokens=512",
    ),
    Check(
        id="TG503",
        title="Long answers are streamed",
        severity="medium",
        confidence="high",
        evidence="static",
        scope="requests",
        look=streamed,
        bad="client.messages.create(max_tokens=32000, …)",
        good="with client.messages.stream(max_tokens=32000, …) as stream: …",
    ),
)
