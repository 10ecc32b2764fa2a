"""Retries that a program adds around the SDK's own: decorators, calls and loops, and how each of them behaves."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tidegate.checks.facts.attempts import Attempt, find_attempts, find_repeating
from tidegate.checks.facts.bounds import is_endless
from tidegate.checks.facts.queues import find_queued
from tidegate.checks.facts.reach import Reach
from tidegate.checks.facts.recursions import (
    Again,
    Ends,
    as_loop,
    ends_of,
    find_again,
    find_repeating_calls,
    looks_at_error,
)
from tidegate.checks.facts.requests import Request
from tidegate.checks.facts.statuses import Judged, judge_catch, judge_types
from tidegate.checks.facts.waits import Waits, waits_of
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Call, Const, Function, Loop, Map, Name, Node, Operation
from tidegate.checks.tree.walk import last_name, walk


class Layer(Struct, frozen=True, eq=False):
    """One place where requests are repeated."""

    module: Module
    node: Node
    name: str
    """`tenacity`, `p-retry`, `a loop`."""
    requests: tuple[Request, ...]
    """What is repeated."""
    repeats: Judged
    """Which errors."""
    waits: Waits
    ends: Ends
    around: Function | None = None
    """The function that is repeated, or in which something is."""
    whole: bool = False
    """Whether that function is repeated as a whole, by a decorator."""


_TENACITY: Final = {"tenacity.retry", "tenacity.Retrying", "tenacity.AsyncRetrying"}
_DECORATORS: Final = _TENACITY | {
    "backoff.on_exception", "retry.retry", "retry.api.retry", "retrying.retry", "stamina.retry",
    "async_retrying.retry", "retry2.retry",
}  # fmt: skip
_CALLS: Final = {
    "p-retry.default": "p-retry", "p-retry.pRetry": "p-retry", "p-retry": "p-retry",
    "async-retry.default": "async-retry",
    "async-retry": "async-retry", "exponential-backoff.backOff": "exponential-backoff", "retry.retry_call": "retry",
    "ts-retry-promise.retry": "ts-retry-promise", "stamina.retry_context": "stamina",
}  # fmt: skip


def find_layers(program: Program, reach: Reach, requests: tuple[Request, ...]) -> tuple[Layer, ...]:
    """Every layer of retries that leads to Claude."""
    finder = _Finder(program, reach, requests)
    kinds = (Function, Call, Loop)
    return tuple(layer for kind in kinds for module, node in program.every(kind) for layer in finder.look(module, node))


def stands_around(reach: Reach, outer: Layer, inner: Layer) -> bool:
    """Whether one layer repeats what another repeats already."""
    if outer is inner or outer.node is inner.node or not set(outer.requests) & set(inner.requests):
        return False
    if outer.around is None or inner.around is None:
        return False
    if outer.around is inner.around:
        return outer.whole and outer.name != inner.name
    return inner.around in _below(reach, outer.around)


def _below(reach: Reach, function: Function) -> set[Function]:
    """The functions that a function calls on the way to Claude."""
    seen: set[Function] = set()
    waiting = [function]
    while waiting:
        for site in reach.sites.get(waiting.pop(), ()):
            if site.to is not None and site.to not in seen:
                seen.add(site.to)
                waiting.append(site.to)
    return seen


class _Finder:
    """Knows what stands where."""

    def __init__(self, program: Program, reach: Reach, requests: tuple[Request, ...]) -> None:
        self.program = program
        self.reach = reach
        self.requests = requests
        self.by_call: dict[Node, Request] = {request.call: request for request in requests}
        self.sites = reach.nodes

    def look(self, module: Module, node: Node) -> Iterator[Layer]:
        if isinstance(node, Function) and self.reach.asks(node):
            for decorator in node.decorators:
                for layer in self.decorator(module, node, decorator):
                    yield replace(layer, around=node, whole=True)
            yield from self.task(module, node)
            for again in find_again(self.program, module, node, self.is_asking):
                asked = self.asked_in(*again.body)
                if asked:
                    yield self.own_calls(again, asked)
        elif isinstance(node, Call):
            for layer in self.call(module, node):
                yield replace(layer, around=module.function_of(node))
        elif isinstance(node, Loop):
            for layer in self.loop(module, node):
                yield replace(layer, around=module.function_of(node))

    def is_asking(self, node: Node) -> bool:
        """Whether Claude is asked at a node."""
        return node in self.sites

    def task(self, module: Module, function: Function) -> Iterator[Layer]:
        """What the queue of a task does."""
        asked = tuple(self.reach.requests_of(function, self.requests))
        for one in find_queued(self.program, module, function):
            ends: Ends = "endless" if one.endless else "ends"
            yield Layer(module, one.node, one.name, asked, one.repeats, one.waits, ends, function, whole=True)

    def asked_in(self, *nodes: Node) -> tuple[Request, ...]:
        """The requests that some nodes lead to."""
        found: dict[Request, None] = {}
        for node in walk(*nodes):
            site = self.sites.get(node)
            if node in self.by_call:
                found[self.by_call[node]] = None
            elif site is not None and site.to is not None:
                found.update(dict.fromkeys(self.reach.requests_of(site.to, self.requests)))
        return tuple(found)

    def decorator(self, module: Module, function: Function, decorator: Node) -> Iterator[Layer]:
        call = decorator if isinstance(decorator, Call) else Call(decorator.at, decorator, ())
        origin = self.program.origin(module, call.of)
        if origin in _DECORATORS:
            asked = tuple(self.reach.requests_of(function, self.requests))
            yield self.made(module, decorator, call, origin, asked)
        else:
            yield from self.repeated(module, call, tuple(self.reach.requests_of(function, self.requests)))

    def repeated(self, module: Module, call: Call, asked: tuple[Request, ...]) -> Iterator[Layer]:
        """What a function of the project does that repeats what it is given."""
        found = self.program.find(module, call.of) if asked else None
        if found is not None and isinstance(found.node, Function):
            for attempt in find_repeating(self.program, found.module, found.node):
                yield self.own_loop(attempt, asked)
            for again in find_repeating_calls(self.program, found.module, found.node):
                yield self.own_calls(again, asked)

    def call(self, module: Module, node: Call) -> Iterator[Layer]:
        """`pRetry(() => ask())`, `Retrying(…)(ask, question)`."""
        origin = self.program.origin(module, node.of)
        if origin in _CALLS:
            asked = self.asked_in(node) if node not in self.sites else self.of_site(node)
            if asked:
                yield self.made(module, node, node, origin, asked)
        elif isinstance(node.of, Call) and self.program.origin(module, node.of.of) in _TENACITY:
            asked = self.asked_in(node)
            if asked:
                yield self.made(module, node.of, node.of, "tenacity.retry", asked)
        elif node.args or node.named:
            given = (*node.args, *(value for _, value in node.named))
            yield from self.repeated(module, node, self.handed(node, given))

    def handed(self, node: Call, given: tuple[Node, ...]) -> tuple[Request, ...]:
        """The requests of functions that a call is handed: `with_retry(ask)`, `withRetry(() => ask())`."""
        found = [one for part in given if isinstance(part, Function) for one in self.asked_in(*part.body)]
        named = self.sites.get(node)
        if named is not None and named.to is not None and any(last_name(part) == named.to.name for part in given):
            found.extend(self.reach.requests_of(named.to, self.requests))
        return tuple(dict.fromkeys(found))

    def of_site(self, node: Node) -> tuple[Request, ...]:
        site = self.sites[node]
        found = [] if site.to is None else self.reach.requests_of(site.to, self.requests)
        return (*found, *(one for one in self.asked_in(node) if one not in found))

    def made(self, module: Module, place: Node, call: Call, origin: str, asked: tuple[Request, ...]) -> Layer:
        name = _CALLS.get(origin, origin.partition(".")[0])
        repeats, waits, ends = _MANNERS[name](self.program, module, call)
        return Layer(module, place, name, asked, repeats, waits, ends)

    def loop(self, module: Module, node: Loop) -> Iterator[Layer]:
        over = node.over
        if isinstance(over, Call) and self.program.origin(module, over.of) in {*_TENACITY, "stamina.retry_context"}:
            asked = self.asked_in(*node.body)
            if asked:
                yield self.made(module, over, over, self.program.origin(module, over.of), asked)
            return
        for attempt in find_attempts(module, node, self.sites.__contains__):
            asked = self.asked_in(*attempt.body)
            if asked:
                yield self.own_loop(attempt, asked)

    def own_loop(self, attempt: Attempt, asked: tuple[Request, ...]) -> Layer:
        module, node = attempt.module, attempt.loop
        judged = [judge_catch(self.program, module, one) for one in attempt.goes_on]
        ends: Ends = "endless" if is_endless(node) else "ends"
        place = Name((node.at[0], node.at[1], node.at[0], len(module.lines[node.at[0] - 1])), "loop")
        return Layer(module, place, "a loop", asked, _worst(judged), waits_of(self.program, module, node), ends)

    def own_calls(self, again: Again, asked: tuple[Request, ...]) -> Layer:
        """A function that calls itself when it fails."""
        judged = judge_catch(self.program, again.module, again.catch)
        if judged == "unknown" and not looks_at_error(again):
            judged = "all"  # nothing chooses: it is only the function's own name that speaks of retries
        waits = waits_of(self.program, again.module, as_loop(again))
        if waits == "none":
            waits = waits_of(self.program, again.module, as_loop(again, whole=True))
        ends = ends_of(again.function, again.call)
        return Layer(again.module, again.call, _CALLING, asked, judged, waits, ends, again.function)


_CALLING: Final = "a function that calls itself"


def _worst(judged: list[Judged]) -> Judged:
    order: tuple[Judged, ...] = ("all", "unknown", "right")
    return next(one for one in order if one in judged)


# -- what the libraries do

Manners = tuple[Judged, Waits, Ends]
_Reads = Callable[[Program, Module, Call], Manners]


def _tenacity(program: Program, module: Module, call: Call) -> Manners:
    named = dict(call.named)
    retry, wait, stop = named.get("retry"), named.get("wait"), named.get("stop")
    repeats: Judged = "all" if retry is None else _predicate(program, module, retry)
    waits: Waits = "none" if wait is None else _tenacity_wait(program, module, wait)
    endless = stop is None or "stop_never" in program.origin(module, stop)
    return repeats, waits, "endless" if endless else "ends"


def _predicate(program: Program, module: Module, node: Node) -> Judged:
    """Tenacity's `retry=`."""
    if isinstance(node, Operation) and node.sign == "|":
        return _worst([_predicate(program, module, part) for part in node.parts])
    origin = program.origin(module, node.of if isinstance(node, Call) else node)
    if isinstance(node, Call) and origin.endswith(("retry_if_exception_type", "retry_if_exception_cause_type")):
        return judge_types(node.args) if node.args else "all"
    if isinstance(node, Call) and origin.endswith("retry_any"):
        return _worst([_predicate(program, module, part) for part in node.args])
    return "unknown"


def _tenacity_wait(program: Program, module: Module, node: Node) -> Waits:
    words = [program.origin(module, one.of) for one in walk(node) if isinstance(one, Call)]
    if any("exponential" in word or "incrementing" in word or "chain" in word for word in words):
        return "grow"
    if any(word.endswith(("wait_fixed", "wait_random")) for word in words):
        return "same"
    return "none" if any(word.endswith("wait_none") for word in words) else "unknown"


def _backoff(program: Program, module: Module, call: Call) -> Manners:
    named = dict(call.named)
    generator = program.origin(module, call.args[0]) if call.args else ""
    caught = call.args[1] if len(call.args) > 1 else named.get("exception")
    repeats: Judged = "unknown" if caught is None or "giveup" in named else judge_types((caught,))
    waits: Waits = "same" if generator.endswith("constant") else "grow" if generator else "unknown"
    return repeats, waits, "ends" if {"max_tries", "max_time"} & set(named) else "endless"


def _stamina(program: Program, module: Module, call: Call) -> Manners:
    del program, module
    on = dict(call.named).get("on") or (call.args[0] if call.args else None)
    return "unknown" if on is None else judge_types((on,)), "grow", "ends"


def _retry(program: Program, module: Module, call: Call) -> Manners:
    """The package `retry`: for ever, on everything and at once, unless told otherwise."""
    del program, module
    named = dict(call.named)
    caught = named.get("exceptions") or (call.args[0] if call.args else None)
    grows = "backoff" in named
    waits: Waits = "grow" if grows else "same" if "delay" in named else "none"
    return "all" if caught is None else judge_types((caught,)), waits, "ends" if "tries" in named else "endless"


def _retrying(program: Program, module: Module, call: Call) -> Manners:
    del program, module
    names = {name or "" for name, _ in call.named}
    waits: Waits = (
        "grow"
        if any("exponential" in one or "incrementing" in one for one in names)
        else "same"
        if names & {"wait_fixed"}
        else "none"
    )
    repeats: Judged = "unknown" if any(one.startswith("retry_on") for one in names) else "all"
    return repeats, waits, "ends" if any(one.startswith("stop") for one in names) else "endless"


def _script(program: Program, module: Module, call: Call) -> Manners:
    """p-retry and its like: everything, growing waits, ten times, unless told otherwise."""
    options: Mapping[object, Node] = {
        key.value: value
        for argument in call.args
        if isinstance(argument, Map)
        for key, value in argument.entries
        if isinstance(key, Const)
    }
    chooses = {"shouldRetry", "retry", "retryIf"} & set(options)
    words = {one.id for one in walk(call) if isinstance(one, Name)}
    repeats: Judged = "unknown" if chooses or words & {"AbortError", "bail"} else "all"
    factor = options.get("factor")
    flat = isinstance(factor, Const) and factor.value == 1
    forever = options.get("forever")
    endless = isinstance(forever, Const) and bool(forever.value)
    del program, module
    return repeats, "same" if flat else "grow", "endless" if endless else "ends"


_MANNERS: Mapping[str, _Reads] = {
    "tenacity": _tenacity,
    "backoff": _backoff,
    "stamina": _stamina,
    "retry": _retry,
    "retry2": _retry,
    "retrying": _retrying,
    "async_retrying": _retrying,
    "p-retry": _script,
    "async-retry": _script,
    "exponential-backoff": _script,
    "ts-retry-promise": _script,
}
