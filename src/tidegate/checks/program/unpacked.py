"""What a name is given where something is taken apart: `client, limiter = make()`, `const { client } = make()`."""

from collections.abc import Iterator

from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Found, Program, returned
from tidegate.checks.tree.nodes import Assign, Call, Const, Function, Items, Map, Name, Node, Spread

Step = int | str
_HOPS = 4


def unpacked(program: Program, module: Module, assign: Assign, name: str) -> Iterator[Found]:
    """The values that a name may be given by an assignment to several; nothing where that cannot be told."""
    way = _way(assign.target, name)
    if way:
        yield from _parts(program, Found(module, assign.value), way, _HOPS)


def _way(target: Node, name: str) -> tuple[Step, ...]:
    """The place of a name in what is taken apart: 1 in `a, b`, `x` in `{ x: b }`; nothing behind `*rest`."""
    steps: Iterator[tuple[Step, Node]] = iter(())
    if isinstance(target, Items):
        starred = next((number for number, one in enumerate(target.parts) if isinstance(one, Spread)), None)
        steps = ((number, one) for number, one in enumerate(target.parts[:starred]))
    elif isinstance(target, Map):
        steps = (
            (key.value, one) for key, one in target.entries if isinstance(key, Const) and isinstance(key.value, str)
        )
    for step, one in steps:
        if isinstance(one, Name) and one.id == name:
            return (step,)
        below = _way(one, name)
        if below:
            return (step, *below)
    return ()


def _parts(program: Program, found: Found, way: tuple[Step, ...], hops: int) -> Iterator[Found]:
    """What lies at a place in a value that is written out, or that a function of the project gives back."""
    module, node = found
    if not way:
        yield found
    elif isinstance(node, Items | Map):
        part = _part(node, way[0])
        if part is not None:
            yield from _parts(program, Found(module, part), way[1:], hops)
    elif hops > 0 and isinstance(node, Call):
        made_by = program.find(module, node.of)
        if made_by is not None and isinstance(made_by.node, Function):
            for value in returned(made_by.node):
                yield from _parts(program, Found(made_by.module, value), way, hops - 1)
    elif hops > 0 and isinstance(node, Name):
        named = program.find(module, node)
        if named is not None and isinstance(named.node, Assign) and isinstance(named.node.target, Name):
            yield from _parts(program, Found(named.module, named.node.value), way, hops - 1)


def _part(node: Items | Map, step: Step) -> Node | None:
    """One part of a tuple or an entry of an object; nothing behind what is spread out."""
    if isinstance(node, Items):
        before = node.parts[: step + 1] if isinstance(step, int) else ()
        plain = len(before) > 0 and not any(isinstance(one, Spread) for one in before)
        return before[-1] if plain and isinstance(step, int) and len(before) == step + 1 else None
    entries = (value for key, value in reversed(node.entries) if isinstance(key, Const) and key.value == step)
    return next(entries, None)
