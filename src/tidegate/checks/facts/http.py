"""What a plain HTTP request says: its address and its body."""

from typing import NamedTuple

from tidegate.checks.facts.arguments import Arguments, read_arguments
from tidegate.checks.facts.ways import ADDRESS
from tidegate.checks.program.fold import Known, fold
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Assign, Call, Const, Map, Member, Name, Node, Operation, Text


class Session(NamedTuple):
    """What requests are sent with, where it is made."""

    module: Module
    call: Call


def session_of(program: Program, module: Module, call: Call) -> Session | None:
    """`httpx.Client(timeout=60)` of `client.post(…)`, `axios.create({…})` of `api.post(…)`."""
    found = program.find(module, call.of.of) if isinstance(call.of, Member) else None
    made = found.node.value if found is not None and isinstance(found.node, Assign) else None
    return Session(found.module, made) if found is not None and isinstance(made, Call) else None


def says_address(program: Program, module: Module, node: Node) -> bool:
    """Whether an expression is the address of the API, and of more than counting tokens."""
    value = fold(program, module, node)
    if isinstance(value, Known):
        return isinstance(value.value, str) and ADDRESS in value.value and "count_tokens" not in value.value
    parts = node.parts if isinstance(node, Text | Operation) else ()
    return any(says_address(program, module, part) for part in parts)


def body_of(call: Call) -> Node | None:
    """What is sent: `json=…`, `body: JSON.stringify(…)`, the second argument of `axios.post`."""
    named = dict(call.named)
    for name in ("json", "data", "content"):
        if name in named:
            return _unwrapped(named[name])
    for argument in call.args[1:]:
        if isinstance(argument, Map):
            for key, value in argument.entries:
                if isinstance(key, Const) and key.value in {"body", "data", "json"}:
                    return _unwrapped(value)
            if any(isinstance(key, Const) and key.value == "messages" for key, _ in argument.entries):
                return argument
        elif isinstance(argument, Name):
            return argument
    return None


def _unwrapped(node: Node) -> Node:
    """The object in `JSON.stringify(object)`, `json.dumps(object)`."""
    return node.args[0] if isinstance(node, Call) and node.args else node


def arguments_of_body(program: Program, module: Module, body: Node) -> Arguments:
    """What a body gives."""
    return read_arguments(program, module, Call(body.at, body, (), ((None, body),)))
