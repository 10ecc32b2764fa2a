"""What limits users at one door: its decorators, parameters and registration, and what runs on the way to Claude.

Seeing a limiter is a hint, not a proof: that it refuses the twenty-first request is for a drill to show.
"""

from collections.abc import Iterator

from tidegate.checks.facts.doors import Door
from tidegate.checks.facts.limiting import (
    Limits,
    best,
    empties,
    given_to,
    is_exempting,
    limits_handed,
    limits_in,
    named_functions,
)
from tidegate.checks.facts.reach import Reach
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Assign, Call, Class, Function, Node
from tidegate.checks.tree.walk import last_name


def limits_of(program: Program, reach: Reach, door: Door) -> Limits:
    """Whether something limits users at a door."""
    handed = () if door.registered is None else given_to(door.registered)
    where = _home(program, door)
    return best(
        (
            *(limits_handed(program, where, one) for one in handed),
            *(limits_in(program, module, root) for module, root in _places(program, reach, door)),
        )
    )


def is_exempt(program: Program, door: Door) -> bool:
    """Whether a door is taken out of what limits all of them."""
    owner = door.module.class_of(door.function)
    around = (*door.function.decorators, *(owner.decorators if owner is not None else ()))
    if any(is_exempting(door.module, one) for one in around):
        return True
    if owner is not None and any(empties(one) for one in owner.body):
        return True
    return any(
        is_exempting(module, call.of)
        and any(target is door.function for one in call.args for _, target in named_functions(program, module, one))
        for module, call in program.every(Call)
        if last_name(call.of) == "exempt"
    )


def _places(program: Program, reach: Reach, door: Door) -> Iterator[tuple[Module, Node]]:
    """Where a limiter of this door may stand: it, the class around it, what registers it, what it calls."""
    yield door.module, door.function
    owner = door.module.class_of(door.function)
    if owner is not None:
        yield from (
            (door.module, one) for one in (*owner.decorators, *(one for one in owner.body if isinstance(one, Assign)))
        )
    if door.registered is not None:  # app.post("/x", limiter, handler)
        yield from _registered(program, door, door.registered)
    seen: set[Function] = {door.function}
    waiting = [door.function]
    while waiting:
        for site in reach.sites.get(waiting.pop(), ()):
            if site.to is not None and site.to not in seen:
                seen.add(site.to)
                waiting.append(site.to)
                yield reach.home[site.to], site.to
    yield from _depended(program, door, owner)


def _registered(program: Program, door: Door, call: Call) -> Iterator[tuple[Module, Node]]:
    """What else is handed over with a handler, and the functions of the project among it."""
    where = _home(program, door)
    for one in given_to(call):
        if one is not door.function:
            yield where, one
            yield from named_functions(program, where, one)


def _home(program: Program, door: Door) -> Module:
    """The module where a door is registered."""
    return next((one for one in program.modules.values() if door.registered in one.up), door.module)


def _depended(program: Program, door: Door, owner: Class | None) -> Iterator[tuple[Module, Node]]:
    """The functions of the project that decorators and the defaults of parameters name: `Depends(current_user)`."""
    around = (*door.function.decorators, *(owner.decorators if owner is not None else ()))
    yield from named_functions(program, door.module, *door.function.params, *around)
