"""Point 3: requests are retried, once, on what may succeed, with growing waits, and not for ever."""

from collections.abc import Iterator
from typing import Final

from tidegate.checks.check import Check
from tidegate.checks.facts.layers import Layer, stands_around
from tidegate.checks.facts.requests import Request
from tidegate.checks.program.fold import Known
from tidegate.checks.project import Project
from tidegate.checks.topics.usual import count, files_of, no_request, spoken
from tidegate.checks.tree.nodes import Node
from tidegate.checks.verdict import Verdict, failed, passed, skipped, unknown, warned

_DEFAULTS: Final = {"sdk": 2, "http": 0, "the AI SDK": 2}
"""Retries without `max_retries`; LangChain's wrappers hand on the SDK's."""
_OWNER: Final = (
    "Let one place retry: Anthropic(max_retries=4), without another layer around it.",
    "Let one place retry: new Anthropic({ maxRetries: 4 }), without another layer around it.",
)
_LEAVE: Final = ("Leave max_retries out, or set 4.", "Leave maxRetries out, or set 4.")
_GROW: Final = (
    "Double the wait each time: wait_random_exponential(min=1, max=16), or 2 ** attempt with jitter.",
    "Double the wait each time, with jitter: 1000 * 2 ** attempt * (0.75 + Math.random() / 4) milliseconds.",
)
_STOP: Final = (
    "Stop after five tries: stop_after_attempt(5), range(5).",
    "Stop after five tries: for (let attempt = 0; attempt < 5; attempt++).",
)


def _retries(project: Project, request: Request) -> int | str:
    """How often the client itself tries again; a text says why that cannot be told."""
    value = project.value(request, "max_retries")
    if value is None:
        if request.kind == "litellm":
            return "litellm retries only when it is told to, here or in its proxy"
        if request.client is None and request.kind == "sdk":
            return "where its client is made could not be seen"
        return _DEFAULTS.get(request.kind, 2)
    if isinstance(value, Known) and isinstance(value.value, int):
        return int(value.value)
    return "max_retries is computed"


def on(project: Project) -> Iterator[Verdict]:
    """429 (too many requests), 529 (overloaded) and lost connections are part of every day; a request that is sent
    once turns each of them into an error for a user.  The SDK retries twice by itself, with waits that grow.
    """
    yield from no_request(project)
    fine: list[Request] = []
    for request in project.requests:
        if project.through.covers(request):
            fine.append(request)
            continue
        retries = _retries(project, request)
        around = [layer for layer in project.layers if request in layer.requests]
        if isinstance(retries, str) and not around:
            yield unknown(retries, supply="max_retries as a number, in sight", place=project.at(request))
        elif retries == 0 and not around:
            plain = request.kind == "http"
            what = "A plain HTTP request is" if plain else "Without retries by its client the request is"
            fix = "Use the official SDK, which retries." if plain else spoken(request.module, *_LEAVE)
            yield failed(project.at(request), f"{what} sent once: a 429 or 529 goes straight to the user.", fix=fix)
        else:
            fine.append(request)
    if fine and len(fine) == len(project.requests):
        yield passed(f"retried: {count(len(fine), 'request')} {files_of(fine)}")


def stacked(project: Project) -> Iterator[Verdict]:
    """A layer of retries around the SDK's own multiplies them: three times three tries, each with a time-out of
    minutes, while the service is overloaded and the user waits.
    """
    yield from no_request(project)
    said = False
    for outer, inner in _nested(project):
        said = True
        place = project.place(outer.module, outer.node)
        text = f"{_named(outer)} retries around {inner.name}, which retries already: the tries multiply."
        yield warned(place, text, fix=spoken(outer.module, *_OWNER))
    for layer in project.layers:
        for request in layer.requests[:1]:
            retries = _retries(project, request)
            if retries == 0:
                continue
            said = True
            place = project.place(layer.module, layer.node)
            if isinstance(retries, str) and not project.through.covers(request):
                yield unknown(
                    f"{layer.name} retries, and {retries}", supply="max_retries = 0 at the client", place=place
                )
            else:
                own = (
                    "tidegate"
                    if project.through.covers(request)
                    else f"the client ({count(int(retries or 0), 'retry', 'retries')})"
                )
                text = f"{_named(layer)} retries around {own}, which retries already: the tries multiply."
                yield warned(place, text, fix=spoken(layer.module, *_OWNER))
    if project.requests and not said:
        yield passed("no layer of retries stands around another")


def _nested(project: Project) -> Iterator[tuple[Layer, Layer]]:
    """Layers around others, where no client retries: there that is said already; each outer one once."""
    told: set[Node] = set()
    for outer in project.layers:
        if outer.node in told or any(_retries(project, request) != 0 for request in outer.requests[:1]):
            continue
        inner = next((one for one in project.layers if stands_around(project.reach, outer, one)), None)
        if inner is not None:
            told.add(outer.node)
            yield outer, inner


def statuses(project: Project) -> Iterator[Verdict]:
    """A 400, 401, 403, 404, 413 or 422 fails the same way again.  Trying it again delays the error, hides a bug, and
    counts against the rate limit.  Worth another try are 408, 409, 429, 5xx and lost connections.
    """
    yield from _for_layers(project, "the SDK alone retries: 408, 409, 429, 5xx and lost connections")
    for layer in project.layers:
        place = project.place(layer.module, layer.node)
        if layer.repeats == "all":
            fix = "Name what may succeed (RateLimitError, InternalServerError, APIConnectionError)."
            yield failed(
                place, f"{_named(layer)} also retries errors that fail the same again, such as 400 and 401.", fix=fix
            )
        elif layer.repeats == "unknown":
            yield unknown(
                f"which errors {layer.name} retries cannot be told", supply="exception classes by name", place=place
            )
    if project.layers and all(layer.repeats == "right" for layer in project.layers):
        yield passed(f"{count(len(project.layers), 'layer')} of retries name what may succeed")


def waits(project: Project) -> Iterator[Verdict]:
    """Retries at once, or all after the same second, keep an overloaded service down: waits have to double, with some
    chance in them.
    """
    yield from _for_layers(project, "the SDK's own waits grow, with jitter")
    for layer in project.layers:
        place = project.place(layer.module, layer.node)
        fix = spoken(layer.module, *_GROW)
        if layer.waits == "none":
            yield failed(place, f"{_named(layer)} retries without a wait.", fix=fix)
        elif layer.waits == "same":
            yield warned(place, f"{_named(layer)} waits the same time before every try.", fix=fix)
        elif layer.waits == "unknown":
            yield unknown(
                f"how long {layer.name} waits cannot be told", supply="a wait that grows, in sight", place=place
            )
    if project.layers and all(layer.waits == "grow" for layer in project.layers):
        yield passed(f"the waits of {count(len(project.layers), 'layer')} of retries grow")


def ends(project: Project) -> Iterator[Verdict]:
    """Retries without an end keep a user, a worker and a connection waiting for as long as an outage lasts."""
    yield from _for_layers(project, "the SDK's own retries end")
    for layer in project.layers:
        if layer.ends == "endless":
            place = project.place(layer.module, layer.node)
            yield failed(place, f"{_named(layer)} retries for ever.", fix=spoken(layer.module, *_STOP))
        elif layer.ends == "unknown":
            place = project.place(layer.module, layer.node)
            yield unknown(f"when {layer.name} gives up cannot be told", supply="a number of tries", place=place)
    if project.layers and all(layer.ends == "ends" for layer in project.layers):
        yield passed(f"{count(len(project.layers), 'layer')} of retries end")


def _named(layer: Layer) -> str:
    """`A loop`, at the beginning of a sentence; names of libraries stay as they are."""
    return layer.name.replace("a ", "A ", 1) if layer.name.startswith("a ") else layer.name


def _for_layers(project: Project, without: str) -> Iterator[Verdict]:
    """What is said where there is no layer to judge."""
    if not project.requests:
        yield from no_request(project)
    elif not project.layers:
        if all(_retries(project, one) == 0 and not project.through.covers(one) for one in project.requests):
            yield skipped("nothing is retried")
        else:
            yield passed(without)


CHECKS = (
    Check(
        id="TG301",
        title="Every request is retried",
        severity="medium",
        confidence="high",
        evidence="static",
        scope="requests",
        look=on,
        bad="client = Anthropic(max_retries=0)",
        good="client = Anthropic(max_retries=4)",
    ),
    Check(
        id="TG302",
        title="One place retries",
        severity="medium",
        confidence="high",
        evidence="static",
        scope="requests",
        look=stacked,
        bad="@retry(stop=stop_after_attempt(5))\ndef ask(): return client.messages.create(…)   # retries twice itself",
        good="client = Anthropic(max_retries=4)\ndef ask(): return client.messages.create(…)",
    ),
    Check(
        id="TG303",
        title="Only what may succeed is retried",
        severity="medium",
        confidence="medium",
        evidence="static",
        scope="requests",
        look=statuses,
        bad="@retry(stop=stop_after_attempt(5))   # on every exception",
        good="@retry(retry=retry_if_exception_type((RateLimitError, InternalServerError, APIConnectionError)), …)",
    ),
    Check(
        id="TG304",
        title="Waits between retries grow",
        severity="medium",
        confidence="medium",
        evidence="static",
        scope="requests",
        look=waits,
        bad="except RateLimitError: time.sleep(1)",
        good="except RateLimitError: time.sleep(2**attempt * random.uniform(0.75, 1))",
    ),
    Check(
        id="TG305",
        title="Retries end",
        severity="medium",
        confidence="medium",
        evidence="static",
        scope="requests",
        look=ends,
        bad="@retry(wait=wait_exponential())   # no stop",
        good="@retry(wait=wait_random_exponential(max=16), stop=stop_after_attempt(5))",
    ),
)
