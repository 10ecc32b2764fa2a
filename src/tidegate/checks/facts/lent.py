"""Clients that are handed to a library which nobody here knows: what it asks with them cannot be read.

A wrapper that gives the client back, such as a tracer's, is no such library: the requests are then sent in sight.
"""

import sys
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Final

from msgspec import Struct

from tidegate.checks.facts.doors import WEB
from tidegate.checks.facts.ways import CLIENTS, FOREIGN, RECORDERS
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Assign, Call, Function, Import, Items, Map, Member, Name, Node
from tidegate.checks.tree.walk import last_name, walk

_ASK_NOTHING: Final = frozenset({
    *WEB, *RECORDERS, "tidegate", "anthropic", "@anthropic-ai/sdk", "react", "vue", "svelte", "tenacity", "backoff",
    "stamina", "wrapt", "attrs", "attr", "pydantic", "msgspec", "svcs", "punq", "injector", "dependency_injector",
    "tsyringe", "inversify", "awilix", "typedi", "lodash", "p-retry", "p-limit", "zod", "anyio", "trio",
    "gevent", "eventlet", "joblib", "rich", "loguru", "structlog", "click", "typer", "@sentry/node", "@sentry/nextjs",
})  # fmt: skip
"""Packages that keep a client, look at it or run what they are given, and ask nothing themselves."""

_OF_NODE: Final = frozenset({"util", "assert", "async_hooks", "events", "stream", "worker_threads", "timers"})


class Lent(Struct, frozen=True, eq=False):
    """A call that hands a client on."""

    module: Module
    call: Call
    package: str


def find_lent(
    program: Program, made: Mapping[Call, Module], is_client: Callable[[Module, Node], bool], used: Container[Node]
) -> Iterator[Lent]:
    """The calls that hand a client to a library; `made`: where clients are made; `used`: whose result is asked."""
    words = _words(program, made) if made else set()
    for module, call in program.every(Call) if made else ():
        given = [one for one in _given(call) if one in made or not words.isdisjoint(_said(one))]
        if not given or call in used or program.origin(module, call.of) in CLIENTS:
            continue
        package = _package(program, module, call)
        if package and any(is_client(module, one) for one in given):
            yield Lent(module, call, package)


def _words(program: Program, made: Mapping[Call, Module]) -> set[str]:
    """Names that may stand for a client, and names of functions that may give one: a first, quick choice."""
    words: set[str] = set()
    for call, module in made.items():
        for one in module.above(call):
            if isinstance(one, Function | Assign):
                words.update([one.name] if isinstance(one, Function) else _names(one.target))
                break
    for _, assign in program.every(Assign):
        value = assign.value
        if isinstance(value, Call) and any(not words.isdisjoint(_said(one)) for one in (value, *value.args)):
            words.update(_names(assign.target))
    words.update(one.local for _, one in program.every(Import) if one.name in words)
    return words - {""}


def _names(target: Node) -> Iterator[str]:
    return (last_name(one) for one in walk(target))


def _said(node: Node) -> set[str]:
    """The names of what may be a client: `client`, `make()`, `client.with_options(…)`."""
    if not isinstance(node, Call):
        return {last_name(node)}
    return {last_name(node.of)} | ({last_name(node.of.of)} if isinstance(node.of, Member) else set())


def _package(program: Program, module: Module, call: Call) -> str:
    """The library that a call runs something of; "": none, or one that asks nothing."""
    origin = program.origin(module, call.of)
    where = module
    if not origin and isinstance(call.of, Member):  # agent.use(client)
        found = program.find(module, call.of.of)
        made = found.node.value if found is not None and isinstance(found.node, Assign) else None
        if found is not None and isinstance(made, Call):
            origin, where = program.origin(found.module, made.of), found.module
    fitting = (one for one in where.imported if origin == one or origin.startswith(f"{one}."))
    spec = max(fitting, key=len, default="")
    top = spec.partition(".")[0] if where.language == "python" else spec
    return "" if not top or _is_known(top) or spec in FOREIGN or spec in _ASK_NOTHING else top


def _is_known(top: str) -> bool:
    """Whether a package is known to ask nothing, or is named as one that asks."""
    if (
        top in sys.stdlib_module_names
        or top in _OF_NODE
        or top.startswith(("node:", "@opentelemetry/", "opentelemetry"))
    ):
        return True
    return top in _ASK_NOTHING or top in FOREIGN


def _given(call: Call) -> Iterator[Node]:
    """What a call is given that may be a client: `f(client)`, `f(llm=client)`, `f({ llm: client })`, `f([client])`."""
    for one in (*call.args, *(value for _, value in call.named)):
        if isinstance(one, Map):
            yield from (value for _, value in one.entries if isinstance(value, Name | Member | Call))
        elif isinstance(one, Items):
            yield from (part for part in one.parts if isinstance(part, Name | Member | Call))
        elif isinstance(one, Name | Member | Call):
            yield one
