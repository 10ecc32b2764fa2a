"""The methods that ask, as they are written: what they are asked of, and where something is taken out by other ways."""

from tidegate.checks.facts.ways import METHODS, PASSED
from tidegate.checks.tree.nodes import Assign, Call, Item, Map, Member, Node


def base_of(node: Node) -> Node | None:
    """The client in `client.beta.messages.with_raw_response.create`."""
    if not isinstance(node, Member) or node.name not in METHODS:
        return None
    inner = node.of
    if isinstance(inner, Member) and inner.name in PASSED:
        inner = inner.of
    if not (isinstance(inner, Member) and inner.name in {"messages", "completions"}):
        return None
    base = inner.of
    if isinstance(base, Member) and base.name in {"beta", "chat"}:
        base = base.of
    return None if isinstance(base, Member) and base.name in {"threads", "batches"} else base


def is_odd(node: Node, up: Node | None) -> bool:
    """Whether something is taken out of a node by other ways than its name."""
    if isinstance(up, Assign):
        return isinstance(up.target, Map) and up.value is node
    return isinstance(up, Call) or (isinstance(up, Item) and up.of is node)
