"""What logs the bodies of all requests that come in, before a route gets them: users' messages are among them."""

from collections.abc import Iterator
from typing import Final

from tidegate.checks.facts.held import Held
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Call, Function, Member, Name, Node
from tidegate.checks.tree.walk import last_name

_TAKES: Final = {"use", "addHook", "all"}
"""What is given a function that runs for every request."""
_DECORATES: Final = {"middleware", "before_request", "after_request", "before_app_request"}
_METHODS: Final = {"dispatch", "__call__", "process_request", "process_view"}
_REQUESTS: Final = {"req", "request", "ctx", "context", "c"}
_BODIES: Final = ("body", "json", "data", "form", "text", "stream", "POST", "rawBody", "get_json", "get_data")


def body_readers(program: Program) -> Iterator[tuple[Module, Function, Held]]:
    """The functions that run for every request, with what holds a body in them."""
    taken = set(_taken(program))
    for module, function in program.every(Function):
        decorated = any(_called(one) in _DECORATES for one in function.decorators)
        if not (function in taken or decorated or function.name in _METHODS):
            continue
        names = {param.name for param in function.params} & _REQUESTS
        if decorated and not function.params:
            names = {"request"}  # of Flask
        held = Held(
            {f"{name}{way}.{body}" for name in names for way in ("", ".request", ".req") for body in _BODIES}, {}
        )
        if names:
            held.grow(function)
            yield module, function, held


def _taken(program: Program) -> Iterator[Node]:
    """The functions that are given to an application for every request."""
    for module, call in program.every(Call):
        if isinstance(call.of, Member) and call.of.name in _TAKES:
            for one in call.args:
                found = program.find(module, one) if isinstance(one, Name | Member) else None
                yield one if found is None else found.node


def _called(node: Node) -> str:
    return last_name(node.of if isinstance(node, Call) else node)
