"""The way of message content down: functions of the project that are given some and do not ask themselves.

Rules
1. A function is looked at with all that its callers on the way give it together.
2. What it hands on is followed again; what it gives back is not.
"""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from tidegate.checks.facts.alternatives import argument_of
from tidegate.checks.facts.carried import Carrier
from tidegate.checks.facts.held import Held
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Found, Program
from tidegate.checks.tree.nodes import Call, Class, Const, Function, Map, Member, Name, Node, Param
from tidegate.checks.tree.walk import walk

_MOST = 5
"""How often a function is looked at: each time with more that it is given."""
_MAKERS = ("__init__", "constructor")


class Receiver(Struct, frozen=True, eq=False):
    """A function that is handed content."""

    carrier: Carrier
    given: Held
    """What it is handed as it is; the carrier has what is made of that, too."""


def receivers(
    program: Program, carriers: Iterable[Carrier], skip: Callable[[Module, Call], bool]
) -> Iterator[Receiver]:
    """The functions that are handed content; `skip`: calls that are judged otherwise."""
    above = {carrier.around: carrier for carrier in carriers}
    found: dict[Node, Receiver] = {}
    visits: dict[Node, int] = {}
    waiting = list(above.values())
    while waiting:
        carrier = waiting.pop()
        for call in walk(carrier.around):
            if not isinstance(call, Call) or not carrier.held.by_arguments(call) or skip(carrier.module, call):
                continue
            for function, shift in _called(program, carrier.module, call):
                receiver = _at(found, above, function)
                one = receiver.carrier
                before = len(one.held.names)
                receiver.given.names.update(_given(carrier.held, one, call, shift))
                one.held.names.update(receiver.given.names)
                visits[one.around] = visits.get(one.around, 0) + (len(one.held.names) > before)
                if len(one.held.names) > before and visits[one.around] <= _MOST:
                    one.held.grow(one.around)
                    waiting.append(one)
    yield from found.values()


def _at(found: dict[Node, Receiver], above: dict[Node, Carrier], function: Found) -> Receiver:
    """The function as a carrier of its own: what it is handed here must not be asked of its other callers."""
    if function.node not in found:
        known = above.get(function.node)
        held = Held(set(known.held.names), dict(known.held.calls)) if known is not None else Held(set(), {})
        found[function.node] = Receiver(Carrier(function.module, function.node, held), Held(set(), {}))
    return found[function.node]


def _called(program: Program, module: Module, call: Call) -> Iterator[tuple[Found, int]]:
    """The functions of the project that a call runs, each with the number of arguments before its own."""
    for number, part in enumerate((call.of, *call.args)):
        found = program.find(module, part) if isinstance(part, Name | Member) else None
        if found is not None and isinstance(found.node, Class) and part is call.of:
            found = next((one for one in (program.member(found, name) for name in _MAKERS) if one is not None), None)
        if found is not None and isinstance(found.node, Function):
            yield found, number


def _given(held: Held, to: Carrier, call: Call, before: int) -> Iterator[str]:
    """The paths of a function that hold what a call gives it."""
    assert isinstance(to.around, Function)
    method = bool(to.around.params) and to.around.params[0].name in {"self", "cls"}
    for param in to.around.params:
        value = _value(to, call, param, int(method) - before)
        if value is not None:
            yield from (f"{param.name}{part}" for part in held.parts(value))


def _value(to: Carrier, call: Call, param: Param, shift: int) -> Node | None:
    """What a call gives for a parameter; `audit({ answer })` for `function audit({ answer })`."""
    value = argument_of(call, param, shift=shift)
    if not isinstance(value, Map) or to.module.language == "python":
        return value
    entries = [part for key, part in value.entries if isinstance(key, Const) and key.value == param.name]
    return entries[0] if entries else value
