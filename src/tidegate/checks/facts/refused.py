"""Where a program has seen that a plain HTTP request failed: what runs then has an error in its hands."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tidegate.checks.facts.requests import Request
from tidegate.checks.program.module import Module
from tidegate.checks.tree.nodes import Assign, Const, If, Member, Name, Node, Operation
from tidegate.checks.tree.walk import walk

_STATUS = {"status_code", "status"}
_GOOD = {"ok", "is_success"}
_BAD = {"is_error", "is_client_error", "is_server_error"}
_ERRORS = 400


class Refused(NamedTuple):
    """What runs when Claude refused; `name` is the reply."""

    module: Module
    body: tuple[Node, ...]
    name: str
    test: If


def find_refused(requests: Iterable[Request]) -> Iterator[Refused]:
    """The branches that know that a plain request failed."""
    for request in requests:
        up = request.module.up.get(request.call)
        if request.kind != "http" or not isinstance(up, Assign) or not isinstance(up.target, Name):
            continue
        for node in walk(request.function or request.module.root):
            if isinstance(node, If):
                body = _failing(node, up.target.id)
                if body:
                    yield Refused(request.module, body, up.target.id, node)


def _failing(branch: If, name: str) -> tuple[Node, ...]:
    """The side of a branch on which the reply is an error; empty where the test is about something else."""
    failed = _says_failed(branch.test, name)
    return () if failed is None else branch.then if failed else branch.other


def _says_failed(test: Node, name: str) -> bool | None:
    """Whether a test that holds means a failure: True for `r.status != 200` and `!r.ok`, False for `r.ok`."""
    if isinstance(test, Operation) and test.sign == "not":
        inner = _says_failed(test.parts[0], name)
        return None if inner is None else not inner
    if _is_of(test, name, _GOOD):
        return False
    if _is_of(test, name, _BAD):
        return True
    if not isinstance(test, Operation) or len(test.parts) != 2 or not _is_of(test.parts[0], name, _STATUS):
        return None
    status = test.parts[1].value if isinstance(test.parts[1], Const) else None
    return _compared(test.sign, status) if isinstance(status, int) else None


def _compared(sign: str, status: int) -> bool | None:
    if sign == "!=":
        return status < _ERRORS
    if sign == "==":
        return status >= _ERRORS
    return {">=": True, ">": True, "<": False, "<=": False}.get(sign)


def _is_of(node: Node, name: str, fields: set[str]) -> bool:
    return isinstance(node, Member) and node.name in fields and isinstance(node.of, Name) and node.of.id == name
