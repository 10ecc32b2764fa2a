"""Going through a small tree: what is below a node, and what is above it."""

from collections.abc import Iterator

from tidegate.checks.tree.nodes import Function, Member, Name, Node


def kids(node: Node) -> list[Node]:
    """The nodes right below."""
    found: list[Node] = []
    for name in node.__struct_fields__[1:]:  # the first is where the node stands
        value = getattr(node, name)
        if isinstance(value, Node):
            found.append(value)
        elif isinstance(value, tuple):
            for one in value:
                if isinstance(one, Node):
                    found.append(one)
                elif isinstance(one, tuple):  # a named argument, an entry
                    found.extend(part for part in one if isinstance(part, Node))
    return found


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
