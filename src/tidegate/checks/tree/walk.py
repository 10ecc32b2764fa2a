"""Going through a small tree: what is below a node, and what is above it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from tidegate.checks.tree import nodes
from tidegate.checks.tree.nodes import Function, Member, Name, Node


def _nothing(_: Any) -> tuple[Node, ...]:
    return ()


def _given(*parts: Node | None) -> list[Node]:
    return [one for one in parts if one is not None]


_KIDS: Final[dict[type[Node], Callable[[Any], Sequence[Node]]]] = {
    nodes.Const: _nothing,
    nodes.Name: _nothing,
    nodes.Import: _nothing,
    nodes.Member: lambda node: (node.of,),
    nodes.Spread: lambda node: (node.of,),
    nodes.Export: lambda node: (node.of,),
    nodes.Item: lambda node: (node.of, node.key),
    nodes.Call: lambda node: (node.of, *node.args, *(value for _, value in node.named)),
    nodes.Text: lambda node: node.parts,
    nodes.Operation: lambda node: node.parts,
    nodes.Items: lambda node: node.parts,
    nodes.Block: lambda node: node.parts,
    nodes.Map: lambda node: [part for entry in node.entries for part in entry if part is not None],
    nodes.Param: lambda node: () if node.default is None else (node.default,),
    nodes.Function: lambda node: (*node.params, *node.body, *node.decorators),
    nodes.Class: lambda node: (*node.of, *node.body, *node.decorators),
    nodes.Assign: lambda node: (node.target, node.value),
    nodes.If: lambda node: (node.test, *node.then, *node.other),
    nodes.Loop: lambda node: (*node.body, *_given(node.test, node.target, node.over)),
    nodes.Catch: lambda node: (*node.types, *node.body),
    nodes.Try: lambda node: (*node.body, *node.catches, *node.rest),
    nodes.Exit: lambda node: () if node.value is None else (node.value,),
}
"""By class, because this is asked of every node of every source, many times."""


def kids(node: Node) -> Sequence[Node]:
    """The nodes right below, in the order of the fields."""
    return _KIDS[type(node)](node)


def last_name(node: Node | None) -> str:
    """The `c` of `c` and of `a.b.c`; "" for what has no name."""
    return node.name if isinstance(node, Member) else node.id if isinstance(node, Name) else ""


def walk(*roots: Node) -> Iterator[Node]:
    """The roots and every node below them, a node before what is in it."""
    waiting = list(reversed(roots))
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(kids(node)))


def walk_here(*roots: Node) -> Iterator[Node]:
    """As `walk`, but not into functions that are defined on the way: what runs when the roots run."""
    waiting = list(reversed(roots))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Function):
            waiting.extend(reversed(kids(node)))
