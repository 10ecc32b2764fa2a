"""What becomes of an answer: whether its usage is read, here or by whoever gets it."""

from collections.abc import Container, Iterable
from typing import Literal

from tidegate.checks.facts.carried import run_of
from tidegate.checks.facts.reach import Reach
from tidegate.checks.facts.requests import Request
from tidegate.checks.facts.usages import is_reading, reads_own_usage, reads_usage
from tidegate.checks.facts.ways import RECORDERS
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import (
    Assign,
    Call,
    Exit,
    Function,
    Item,
    Loop,
    Map,
    Member,
    Name,
    Node,
    Operation,
)
from tidegate.checks.tree.walk import last_name, walk

Recorded = Literal["read", "ignored", "unknown"]


def recorder(program: Program) -> str:
    """A library that records the usage of every request by itself; "": none was seen."""
    for module in program.modules.values():
        for package, name in RECORDERS.items():
            if any(one == package or one.startswith((f"{package}.", f"{package}/")) for one in module.imported):
                return name
    called = (program.origin(module, call.of) for module, call in program.every(Call))
    return "Logfire" if "logfire.instrument_anthropic" in called else ""


def recorded(reach: Reach, request: Request, doors: Container[Function]) -> Recorded:
    """Whether somebody reads the usage of a request's answer; what leaves by a door is read by nobody here."""
    module, call, function = request.module, request.call, request.function
    made_once = request.client is not None and request.client.call is call
    here = _read_of_model(module) if made_once else _read_here(reach, module, call)
    if here == "read":
        return here
    if not escapes(module, call):
        return here
    if function is None:
        return "unknown"
    above = _by_callers(reach, function, doors, {function})
    return here if above == "ignored" else above


def _read_of_model(module: Module) -> Recorded:
    """Of what is client and request in one, as LangChain's models are: its answers come elsewhere in the module."""
    return "read" if any(is_reading(one) for one in walk(module.root)) else "ignored"


def _read_here(reach: Reach, module: Module, answer: Node) -> Recorded:
    """Whether usage is read where an answer comes: its own, where there are several."""
    around = _outermost(module, module.function_of(answer) or module.root)
    if not reads_usage(around):
        return "ignored"
    sites = reach.sites.get(around, ()) if isinstance(around, Function) else reach.top
    answers = {site.node for site in sites if site.module is module}
    if len(answers) <= 1:
        return "read"
    here = run_of(module, answer)
    return "read" if reads_own_usage(module, around, here, {run_of(module, one) for one in answers}) else "unknown"


def _by_callers(reach: Reach, function: Function, doors: Container[Function], seen: set[Function]) -> Recorded:
    """What those do who are given the answer by a function."""
    if function in doors:
        return "ignored"
    said: list[Recorded] = []
    for caller, site in reach.callers(function):
        if caller in seen:
            continue
        seen.add(caller)
        here = _read_here(reach, site.module, site.node)
        if here != "ignored":
            said.append(here)
        elif escapes(site.module, site.node):
            said.append(_by_callers(reach, caller, doors, seen))
        else:
            said.append("ignored")
    order: tuple[Recorded, ...] = ("read", "unknown", "ignored")
    return next((one for one in order if one in said), "unknown")


def _outermost(module: Module, node: Node) -> Node:
    """The outermost function around a node: what is nested shares its names."""
    functions = [one for one in (node, *module.above(node)) if isinstance(one, Function)]
    return functions[-1] if functions else node


def escapes(module: Module, node: Node) -> bool:
    """Whether an answer leaves the function as a whole: returned, handed on, kept; not only its text."""
    up = module.up.get(node)
    if isinstance(up, Operation) and up.sign in {"or", "??", "?:"}:
        return escapes(module, up)
    if isinstance(up, Exit):
        return up.kind in {"return", "yield"}
    if isinstance(up, Call):
        return up.of is not node
    if isinstance(up, Assign) and up.value is node:
        if not isinstance(up.target, Name):
            return not isinstance(up.target, Map)
        return any(_uses_whole(module, use) for use in _uses(module, up.target))
    return isinstance(up, Map)


def _uses(module: Module, name: Name) -> Iterable[Name]:
    around = module.function_of(name) or module.root
    return (one for one in walk(around) if isinstance(one, Name) and one.id == name.id and one is not name)


def _uses_whole(module: Module, use: Name) -> bool:
    up = module.up.get(use)
    if isinstance(up, Member | Item):
        return False
    if isinstance(up, Loop) and up.over is use and isinstance(up.target, Name):
        return any(_keeps_event(module, one) for one in _uses(module, up.target))
    if isinstance(up, Call):
        return up.of is not use and not _only_looks(up)
    return isinstance(up, Exit | Map) or (isinstance(up, Assign) and up.value is use)


def _keeps_event(module: Module, use: Name) -> bool:
    """`yield event`, `answer = event.message`: usage is in some events and in the message."""
    up = module.up.get(use)
    if isinstance(up, Member) and up.name == "message":
        return isinstance(module.up.get(up), Assign | Exit | Call)
    return _uses_whole(module, use)


def _only_looks(call: Call) -> bool:
    """Calls that take an answer and keep nothing of it."""
    name = last_name(call.of)
    return name in {"print", "len", "str", "bool", "isinstance", "log", "info", "debug", "hasattr", "type"}
