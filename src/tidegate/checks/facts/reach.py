"""Who asks Claude, directly or through others.

Rules
1. A function asks when a request stands in it, or the name of a function that asks: called, or handed to something
   that calls it (`to_thread(ask)`, `retry(ask)`).
2. A method of something that cannot be told counts when only one function of the project has its name.
3. An error leaves a function when a request or a call that lets errors out stands in no `try` that keeps them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from msgspec import Struct

from tidegate.checks.facts.requests import Request
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Assign, Call, Catch, Class, Exit, Function, Import, Member, Name, Node, Try
from tidegate.checks.tree.walk import last_name

_SHORT = 4
_KEEPING = {"register", "subscribe", "connect", "append", "add", "set", "on"}
_SOON = {"task", "tasks", "job", "timeout", "interval", "immediate"}
"""What is added to these runs."""

_MAKERS = ("__init__", "constructor")


class Site(Struct, frozen=True, eq=False):
    """A place in a function where Claude is asked: a request, or the name of a function that asks."""

    module: Module
    node: Node
    to: Function | None
    """None: the request itself."""


@dataclass(frozen=True)
class Reach:
    """Which functions ask, and where in them."""

    sites: Mapping[Function, tuple[Site, ...]]
    """Of every function that asks; nested functions count for those around them too."""
    top: tuple[Site, ...]
    """Places outside of every function."""
    home: Mapping[Function, Module]

    @cached_property
    def nodes(self) -> Mapping[Node, Site]:
        """Every place by its node."""
        return {site.node: site for some in (*self.sites.values(), self.top) for site in some}

    def asks(self, function: Function) -> bool:
        """Whether a function asks Claude, directly or not."""
        return function in self.sites

    def requests_of(self, function: Function, requests: Iterable[Request]) -> list[Request]:
        """The requests that a function leads to."""
        by_call = {request.call: request for request in requests}
        seen: set[Function] = set()
        waiting = [function]
        found: list[Request] = []
        while waiting:
            one = waiting.pop()
            if one in seen:
                continue
            seen.add(one)
            for site in self.sites.get(one, ()):
                if site.to is not None:
                    waiting.append(site.to)
                elif isinstance(site.node, Call) and site.node in by_call:
                    found.append(by_call[site.node])
        return found

    def callers(self, function: Function) -> Iterator[tuple[Function, Site]]:
        """The functions that call one which asks, each with the place."""
        for caller, sites in self.sites.items():
            for site in sites:
                if site.to is function:
                    yield caller, site


def find_reach(program: Program, requests: Sequence[Request]) -> Reach:
    """Work out who asks."""
    home = {node: module for module, node in program.every(Function)}
    sites: dict[Function, list[Site]] = {}
    for request in requests:
        for function in _around(request.module, request.call):
            sites.setdefault(function, []).append(Site(request.module, request.call, None))
    names = _Names(program, home)
    waiting = list(sites)
    seen: set[tuple[Function, Node]] = set()
    top = [Site(one.module, one.call, None) for one in requests if one.function is None]
    while waiting:
        to = waiting.pop()
        for module, node in names.of(to):
            if module.function_of(node) is None:
                top.append(Site(module, node, to))
            for function in _around(module, node):
                if function is not to and (function, node) not in seen:
                    seen.add((function, node))
                    if function not in sites:
                        waiting.append(function)
                    sites.setdefault(function, []).append(Site(module, node, to))
    return Reach({function: tuple(some) for function, some in sites.items()}, tuple(top), home)


def _around(module: Module, node: Node) -> Iterator[Function]:
    return (one for one in module.above(node) if isinstance(one, Function))


class _Names:
    """Finds the calls that name a function: by its word first, because that is quick, then by what the word means."""

    def __init__(self, program: Program, home: Mapping[Function, Module]) -> None:
        self.program = program
        self.home = home
        self.only = _unique(home)
        self.by_word: dict[str, list[tuple[Module, Call, Name | Member]]] = {}
        for module, call in program.every(Call):
            given = () if _only_keeps(call) else (*call.args, *(value for _, value in call.named))
            for part in (call.of, *given):
                if isinstance(part, Name | Member):
                    self.by_word.setdefault(last_name(part), []).append((module, call, part))
        self.aliases: dict[str, set[str]] = {}
        for _, one in program.every(Import):
            if one.local != one.name:
                self.aliases.setdefault(one.name, set()).add(one.local)
        for _, assign in program.every(Assign):
            if isinstance(assign.target, Name | Member) and isinstance(assign.value, Name | Member):
                self.aliases.setdefault(last_name(assign.value), set()).add(last_name(assign.target))

    def of(self, function: Function) -> Iterator[tuple[Module, Call]]:
        """The calls that name this function."""
        for word in self.words(function):
            for module, call, part in self.by_word.get(word, ()):
                if self.means(module, call, part) is function:
                    yield module, call

    def words(self, function: Function) -> set[str]:
        """What the function may be called."""
        module = self.home[function]
        words = {function.name, *self.aliases.get(function.name, ())}
        owner = module.class_of(function)
        if function.name in _MAKERS and owner is not None:
            words |= {owner.name, *self.aliases.get(owner.name, ())}
        if "default" in module.exports:
            words |= self.aliases.get("default", set())
        return words

    def means(self, module: Module, call: Call, part: Name | Member) -> Function | None:
        """The function that a name in a call means."""
        found = self.program.find(module, part)
        target = found.node if found is not None else None
        if isinstance(target, Assign):
            target = target.value
        if isinstance(target, Class) and part is call.of and found is not None:
            made = next(
                (one for one in (self.program.member(found, name) for name in _MAKERS) if one is not None), None
            )
            target = made.node if made is not None else None
        if isinstance(target, Function):
            return target
        guess = self.only.get(part.name) if target is None and isinstance(part, Member) else None
        return guess if guess is not None and self.near(module, self.home[guess]) else None

    @cached_property
    def imports(self) -> Mapping[str, frozenset[str]]:
        """The paths of what each module imports."""
        return {path: _imports(self.program, module) for path, module in self.program.modules.items()}

    def near(self, one: Module, other: Module) -> bool:
        """Whether one module knows the other, or a third knows both: then an object may come from one to the other."""
        if one is other or other.path in self.imports[one.path] or one.path in self.imports[other.path]:
            return True
        return any(one.path in known and other.path in known for known in self.imports.values())


def _imports(program: Program, module: Module) -> frozenset[str]:
    """The paths of the modules of the project that a module imports."""
    specs = set(module.imported)
    for one in module.every(Import):  # `from package import module`
        specs.add(f"{one.module}{'' if one.module.endswith('.') else '.'}{one.name}")
    found = (program.module_of(module, spec) for spec in specs)
    return frozenset(one.path for one in found if one is not None)


def _only_keeps(call: Call) -> bool:
    """`register(ask)`, `events.on("x", ask)`: what is handed over is kept for later, by whoever calls it then."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+", last_name(call.of))]
    return bool(words) and words[0] in _KEEPING and not _SOON & set(words)


def _unique(home: Mapping[Function, Module]) -> Mapping[str, Function]:
    """Methods by their names, where no other function is called so and the name says something."""
    by_name: dict[str, list[Function]] = {}
    for function in home:
        by_name.setdefault(function.name, []).append(function)
    return {
        name: some[0]
        for name, some in by_name.items()
        if len(some) == 1 and len(name) > _SHORT and home[some[0]].class_of(some[0]) is not None
    }


def leaking(reach: Reach) -> frozenset[Function]:
    """The functions that errors of Claude leave."""
    leaks: set[Function] = set()
    grown = True
    while grown:
        grown = False
        for function, sites in reach.sites.items():
            if function in leaks:
                continue
            if any((site.to is None or site.to in leaks) and not is_kept(function, site) for site in sites):
                leaks.add(function)
                grown = True
    return frozenset(leaks)


def is_kept(function: Function, site: Site, *, some: bool = False) -> bool:
    """Whether a `try` inside of the function keeps the errors of a place in it; `some`: or part of them."""
    below: Node = site.node
    taken: set[str] = set()
    for one in site.module.above(site.node):
        if isinstance(one, Try) and below in one.body:
            keeping = [each for each in one.catches if keeps(each)]
            taken.update(last_name(kind) for each in keeping for kind in each.types)
            if keeping and (some or _take_all(keeping, taken)):
                return True
        if isinstance(one, Call) and isinstance(one.of, Member) and one.of.name == "catch" and below is one.of:
            return True
        if one is function:
            return False
        below = one
    return False


_PARTS = {
    "APIStatusError", "APIConnectionError", "APITimeoutError", "APIResponseValidationError", "BadRequestError",
    "AuthenticationError", "PermissionDeniedError", "NotFoundError", "ConflictError", "RequestTooLargeError",
    "UnprocessableEntityError", "RateLimitError", "InternalServerError", "ServiceUnavailableError", "OverloadedError",
    "DeadlineExceededError",
}  # fmt: skip
"""Classes of the SDK that are part of its errors."""
_WHOLE = {"APIStatusError", "APIConnectionError"}
"""Together all that a request may raise."""


def _take_all(keeping: Iterable[Catch], taken: set[str]) -> bool:
    """Whether catches take every error of Claude, with the classes that those around the place take."""
    return any(not one.types for one in keeping) or not taken <= _PARTS or taken >= _WHOLE


_NARROW = {
    "ValueError", "TypeError", "KeyError", "IndexError", "AttributeError", "JSONDecodeError", "ValidationError",
    "ImportError", "AssertionError", "StopIteration", "CancelledError", "KeyboardInterrupt",
}  # fmt: skip


def catches(catch: Catch) -> bool:
    """Whether errors of Claude may be among what a catch takes."""
    return not catch.types or not {last_name(one) for one in catch.types} <= _NARROW


def keeps(catch: Catch) -> bool:
    """Whether a catch takes errors of Claude and does not pass them on as they are."""
    return catches(catch) and not _passes_on(catch)


def _passes_on(catch: Catch) -> bool:
    """`raise`, `throw e`: the same error again, at the end of the catch."""
    last = catch.body[-1] if catch.body else None
    if not isinstance(last, Exit) or last.kind != "raise":
        return False
    return last.value is None or (isinstance(last.value, Name) and last.value.id == catch.name)
