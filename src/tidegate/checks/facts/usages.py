"""Where usage is read, and of which of several answers.

Rules
1. An answer is known by the names that it is assigned to, and by those that something is made of it under.
2. Of several answers under one name, a reading counts for the last one before it, and for others only where they are
   in another branch.
"""

from collections.abc import Collection, Iterator
from typing import Final

from tidegate.checks.facts.held import path_of
from tidegate.checks.program.module import Module
from tidegate.checks.tree.nodes import (
    Assign,
    Call,
    Class,
    Const,
    Exit,
    Function,
    If,
    Item,
    Items,
    Loop,
    Map,
    Member,
    Node,
    Try,
)
from tidegate.checks.tree.walk import last_name, walk, walk_here

_USAGE: Final = {
    "usage", "usage_metadata", "input_tokens", "output_tokens", "inputTokens", "outputTokens", "totalUsage",
    "total_tokens", "totalTokens", "cache_read_input_tokens", "usageMetadata", "prompt_tokens",
    "completion_tokens", "onFinish",
}  # fmt: skip


def reads_usage(around: Node) -> bool:
    """Whether any usage is read in a function, with those in it, or in a module outside of its functions."""
    return any(is_reading(one) for one in _walk(around))


def _walk(around: Node) -> Iterator[Node]:
    return walk(around) if isinstance(around, Function) else walk_here(around)


def is_reading(node: Node) -> bool:
    """Whether usage is read right here."""
    if isinstance(node, Member):
        return node.name in _USAGE
    if isinstance(node, Item):
        return isinstance(node.key, Const) and node.key.value in _USAGE
    if isinstance(node, Call):
        return _asks_for_usage(node)
    return isinstance(node, Assign) and isinstance(node.target, Map) and bool(_USAGE & _keys(node.target))


def _asks_for_usage(call: Call) -> bool:
    """`reply.get("usage")`, `record_usage(reply)`, `onFinish`."""
    name = last_name(call.of)
    if "usage" in name.lower():
        return True
    if name in {"get", "getattr"}:
        return any(isinstance(one, Const) and one.value in _USAGE for one in call.args)
    return any(isinstance(one, Map) and "onFinish" in _keys(one) for one in call.args)


def _keys(table: Map) -> set[object]:
    return {key.value for key, _ in table.entries if isinstance(key, Const)}


def reads_own_usage(module: Module, around: Node, answer: Node, others: Collection[Node]) -> bool:
    """Whether the usage of this answer is read in a function, or a module, that has others, too."""
    way = list(_way(module, answer))
    if any(is_reading(one) for one in (answer, *way)):
        return True
    names = _names_of(answer, way)
    others = [one for one in others if one is not answer]
    _grow(names, around, {answer, *others})
    rivals = [one for one in others if names & _names_of(one, list(_way(module, one)))]
    readings = (one for one in _walk(around) if is_reading(one) and _mentions(one, names))
    return any(_is_of(module, answer, reading, rivals) for reading in readings)


def _way(module: Module, answer: Node) -> Iterator[Node]:
    """What stands around an answer in its statement, from the nearest on, up to what it is assigned to."""
    for one in module.above(answer):
        if isinstance(one, Function | Class | If | Try | Exit):
            return
        yield one
        if isinstance(one, Assign | Loop):
            return


def _names_of(answer: Node, way: list[Node]) -> set[str]:
    """The names that an answer is assigned to."""
    last = way[-1] if way else None
    target = last.target if isinstance(last, Assign | Loop) else None
    if target is None:
        return set()
    below = answer
    for one in way:  # a, b = gather(ask(), ask())
        parts = one.parts if isinstance(one, Items) else one.args if isinstance(one, Call) else ()
        if isinstance(target, Items) and below in parts and len(parts) == len(target.parts):
            target = target.parts[parts.index(below)]
        below = one
    return _targets(target)


def _targets(target: Node) -> set[str]:
    if isinstance(target, Items | Map):
        parts = target.parts if isinstance(target, Items) else [value for _, value in target.entries]
        return {name for part in parts for name in _targets(part)}
    path = path_of(target)
    return {path} if path else set()


def _mentions(node: Node, names: set[str]) -> bool:
    return any(path_of(one) in names for one in walk(node))


def _grow(names: set[str], around: Node, answers: set[Node]) -> None:
    """Add what is made of what has these names; not what other answers are."""
    known = -1
    while known < len(names):
        known = len(names)
        for one in _walk(around):
            value = one.value if isinstance(one, Assign) else one.over if isinstance(one, Loop) else None
            target = one.target if isinstance(one, Assign | Loop) else None
            if value is None or target is None or not _mentions(value, names):
                continue
            if not any(below in answers for below in walk(value)):
                names |= _targets(target)


def _is_of(module: Module, answer: Node, reading: Node, rivals: list[Node]) -> bool:
    """Whether a reading comes after this answer and before any of the same name that takes its place."""
    rivals = [one for one in rivals if not _exclude(module, answer, one)]
    if reading.at > answer.at:
        return not any(answer.at < one.at < reading.at for one in rivals)
    loop = next((one for one in module.above(answer) if isinstance(one, Loop)), None)
    if loop is None or loop not in module.above(reading):
        return False
    return not any(loop in module.above(one) and (one.at > answer.at or one.at < reading.at) for one in rivals)


def _exclude(module: Module, one: Node, other: Node) -> bool:
    """Whether two places are in different branches, so that only one of them counts afterwards."""
    branches = dict(_branches(module, other))
    return any(branches.get(node, branch) != branch for node, branch in _branches(module, one))


def _branches(module: Module, node: Node) -> Iterator[tuple[Node, int]]:
    below = node
    for one in module.above(node):
        if isinstance(one, If):
            yield one, 0 if below is one.test else 1 if below in one.then else 2
        elif isinstance(one, Try):
            yield one, 1 if below in one.body else 2 if below in one.catches else 0
        below = one
