"""Everything that an argument may be worth: both branches, every assignment, and what callers give."""

from collections.abc import Iterator

from tidegate.checks.facts.reach import Reach
from tidegate.checks.facts.requests import Request
from tidegate.checks.program.fold import Computed, Known, Value, fold
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Found, Program
from tidegate.checks.tree.nodes import Assign, Call, Function, Member, Name, Node, Operation, Param
from tidegate.checks.tree.walk import last_name

_HOPS = 5


def alternatives(program: Program, reach: Reach, request: Request, role: str) -> tuple[Value, ...]:
    """What an argument of a request may be worth; empty: it is not given."""
    found = request.arguments.given.get(role)
    if found is None:
        return ()
    made: dict[tuple[object, ...], Value] = {}
    for value in _of(program, reach, found, _HOPS):
        made.setdefault(_sameness(value), value)
    return tuple(made.values())


def origins(program: Program, reach: Reach, found: Found, hops: int = _HOPS) -> Iterator[Found]:
    """Where an expression is written in the end: through names, branches and what callers give."""
    more = list(_parts(program, reach, found)) if hops > 0 else []
    if not more:
        yield found
    for one in more:
        yield from origins(program, reach, one, hops - 1)


def _sameness(value: Value) -> tuple[object, ...]:
    if isinstance(value, Known):
        return ("known", value.node)
    return (type(value).__name__, value.text if isinstance(value, Computed) else value.name)


def _of(program: Program, reach: Reach, found: Found, hops: int) -> Iterator[Value]:
    value = fold(program, found.module, found.node)
    more = list(_parts(program, reach, found)) if hops > 0 else []
    if not more or (isinstance(value, Known) and not value.default_of):
        yield value
        return
    if isinstance(value, Known):
        yield value  # the default; callers may give others
    for one in more:
        yield from _of(program, reach, one, hops - 1)


def _parts(program: Program, reach: Reach, found: Found) -> Iterator[Found]:
    """What a value is chosen from."""
    module, node = found
    if isinstance(node, Operation) and node.sign == "?:":
        yield from (Found(module, part) for part in node.parts[1:])
    elif isinstance(node, Operation) and node.sign in {"or", "??"}:
        yield from (Found(module, part) for part in node.parts)
    elif isinstance(node, Name):
        bound = program.bindings(module, node)
        assigned = (one for one in bound if isinstance(one, Assign) and isinstance(one.target, Name))
        yield from (Found(module, one.value) for one in assigned if one.sign == "=")
        for param in bound:
            if isinstance(param, Param):
                yield from _given(module, reach, param)


def _given(module: Module, reach: Reach, param: Param) -> Iterator[Found]:
    """What the callers of a function give for one of its parameters, where they name it or count up to it."""
    function = module.up.get(param)
    if not isinstance(function, Function):
        return
    method = bool(function.params) and function.params[0].name in {"self", "cls"}
    top = (site for site in reach.top if site.to is function)
    for site in (*(site for _, site in reach.callers(function)), *top):
        if not isinstance(site.node, Call):
            continue
        if any(names(one, function) for one in site.node.args):
            yield Found(site.module, site.node)  # handed to something that calls it
            continue
        argument = argument_of(site.node, param, shift=int(method))
        if argument is not None:
            yield Found(site.module, argument)


def names(node: Node, function: Function) -> bool:
    """Whether an argument is the function itself."""
    return isinstance(node, Name | Member) and last_name(node) == function.name


def argument_of(call: Call, param: Param, *, shift: int) -> Node | None:
    """What a call gives for a parameter that counts up from `shift`."""
    named = next((value for name, value in call.named if name == param.name), None)
    if named is not None:
        return named
    number = param.number - shift
    return call.args[number] if 0 <= number < len(call.args) else None
