"""Where the API's own address is named, and no request that was read goes to it.

Rules
1. Prose, such as a message or a policy of a browser, is no address; nor is a path that asks no model.
2. An address that is only compared is nobody's to ask.
3. An address is accounted for by the clients and requests that are given it, by name or as it is.
"""

import re
from collections.abc import Iterator

from tidegate.checks.facts.requests import Asking, Client, Request
from tidegate.checks.facts.ways import ADDRESS, ROLES
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Found, Program
from tidegate.checks.tree.nodes import Assign, Block, Call, Const, Function, Member, Name, Node, Operation, Param, Text
from tidegate.checks.tree.walk import last_name, walk

_ASKS_NOTHING = re.compile(r"\s|count_tokens|/v1/(?!messages|complete|chat)\w")
_LOOKS = {"includes", "startswith", "startsWith", "endswith", "endsWith", "indexOf", "find", "match", "test", "replace"}
_COMPARES = {"==", "===", "!=", "!==", "in", "not in"}
_HOPS = 6


def unasked(program: Program, asking: Asking) -> Iterator[Found]:
    """The places that name the address for something that was not read."""
    senders: list[Client | Request] = [*asking.clients, *asking.requests]
    known = {one.call for one in senders}
    naming = [module for module in program.modules.values() if any(ADDRESS in line for line in module.lines)]
    if not naming:
        return
    covered: set[Node] = set()
    for one in senders:
        _cover(program, one.module, one.call, covered, _HOPS)
    for module in naming:
        for node in module.every(Const):
            if node not in covered and _is_address(node) and not _is_idle(module, node):
                yield Found(module, node)
    for module, call in program.every(Call):
        if call not in known and call not in covered:
            given = (value for name, value in call.named if name is not None and ROLES.get(name) == "base_url")
            yield from (Found(module, one) for one in given if _is_covered_name(program, module, one, covered))


def _cover(program: Program, module: Module, node: Node, covered: set[Node], hops: int) -> None:
    """Note every node of an expression, and of what the names in it mean."""
    for one in walk(node):
        if one in covered:
            continue
        covered.add(one)
        found = program.find(module, one) if hops > 0 and isinstance(one, Name | Member) else None
        if found is None:
            continue
        if isinstance(found.node, Assign):
            _cover(program, found.module, found.node.value, covered, hops - 1)
        elif isinstance(found.node, Param) and found.node.default is not None:
            _cover(program, found.module, found.node.default, covered, hops - 1)


def _is_address(node: Const) -> bool:
    return isinstance(node.value, str) and ADDRESS in node.value and not _ASKS_NOTHING.search(node.value)


def _is_idle(module: Module, node: Node) -> bool:
    """Whether a text is only compared, or stands for itself, as a docstring does."""
    up = module.up.get(node)
    if isinstance(up, Text):
        parts = "".join(str(one.value) if isinstance(one, Const) else "…" for one in up.parts)
        return bool(_ASKS_NOTHING.search(parts))
    if isinstance(up, Operation) and up.sign == "+":
        return any(isinstance(one, Const) and _ASKS_NOTHING.search(str(one.value)) for one in up.parts)
    if isinstance(up, Call):
        return last_name(up.of) in _LOOKS
    return isinstance(up, Block | Function) or (isinstance(up, Operation) and up.sign in _COMPARES)


def _is_covered_name(program: Program, module: Module, node: Node, covered: set[Node]) -> bool:
    """Whether a name stands for an address that other clients and requests are given, too."""
    found = program.find(module, node) if isinstance(node, Name | Member) else None
    value = found.node.value if found is not None and isinstance(found.node, Assign) else None
    return value in covered and isinstance(value, Const) and _is_address(value)
