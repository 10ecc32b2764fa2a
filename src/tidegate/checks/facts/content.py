"""Message content on its way into logs.

Rules
1. Content is what stands in `messages` and `system` of a request by name, what its answer says, and what is made of it,
   in the function that asks, in those that call it, and in those that are handed it.
2. A logger always counts.  `print` and `console.log` count where users come in by a door: there they are the log.
"""

import re
from collections.abc import Container, Iterator, Sequence
from typing import Final

from msgspec import Struct

from tidegate.checks.facts.carried import carriers
from tidegate.checks.facts.handed import receivers
from tidegate.checks.facts.held import Held
from tidegate.checks.facts.middleware import body_readers
from tidegate.checks.facts.reach import Reach
from tidegate.checks.facts.requests import Request
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Call, Member, Node
from tidegate.checks.tree.walk import last_name, walk

_LEVELS: Final = {
    "debug",
    "info",
    "warning",
    "warn",
    "error",
    "exception",
    "critical",
    "log",
    "trace",
    "fatal",
    "msg",
    "success",
    "notice",
}
_LOGGER: Final = re.compile(r"_*(?:\w*_)?(?:log|logger|logging|structlog|loguru|pino|winston)|\w*Logger", re.IGNORECASE)
_PRINTS: Final = {
    "print",
    "console.log",
    "console.info",
    "console.debug",
    "console.error",
    "console.warn",
    "pprint.pprint",
    "rich.print",
    "pp",
}


class Logged(Struct, frozen=True, eq=False):
    """A place where content is logged."""

    module: Module
    node: Call
    printed: bool
    """By `print` or `console.log`."""
    sure: bool = True
    """False: what is logged is only made of what a function was handed."""


def logged_content(program: Program, reach: Reach, requests: Sequence[Request]) -> Iterator[Logged]:
    """The log calls on the way to requests and back that are given content, each once."""
    asking = {request.call for request in requests}
    seen: set[Node] = set()
    way = list(carriers(reach, requests))
    for carrier in way:
        yield from _logged(program, carrier.module, carrier.around, carrier.held, seen, asking)
    handed = receivers(program, way, lambda module, call: call in asking or _is_log(program, module, call))
    for one in handed:
        module, around = one.carrier.module, one.carrier.around
        yield from _logged(program, module, around, one.given, seen, asking)
        made = _logged(program, module, around, one.carrier.held, seen, asking)
        yield from (Logged(each.module, each.node, each.printed, sure=False) for each in made)


def logged_bodies(program: Program) -> Iterator[Logged]:
    """The log calls that are given the bodies of all requests that come in."""
    for module, function, held in body_readers(program):
        yield from _logged(program, module, function, held, set(), ())


def _logged(
    program: Program, module: Module, around: Node, held: Held, seen: set[Node], but: Container[Node]
) -> Iterator[Logged]:
    """The log calls in a function that are given what holds content there."""
    for node in walk(around):
        if not isinstance(node, Call) or node in but or node in seen:
            continue
        given = _is_log(program, module, node) and held.by_arguments(node)
        each = not given and _logs_each(program, module, node, held)
        if given or each:
            seen.add(node)
            yield Logged(module, node, each or is_print(program, module, node))


def _is_log(program: Program, module: Module, call: Call) -> bool:
    return is_print(program, module, call) or _is_logger(program, module, call)


def is_print(program: Program, module: Module, call: Call) -> bool:
    """Whether a call prints."""
    return program.origin(module, call.of) in _PRINTS


def _logs_each(program: Program, module: Module, call: Call, held: Held) -> bool:
    """`answer.content.forEach(console.log)`."""
    if not isinstance(call.of, Member) or not any(program.origin(module, one) in _PRINTS for one in call.args):
        return False
    return held.by(call.of.of)


def _is_logger(program: Program, module: Module, call: Call) -> bool:
    of = call.of
    if not isinstance(of, Member) or of.name not in _LEVELS:
        return False
    base: Node = of.of
    while isinstance(base, Call):  # logger.bind(…).info(…)
        base = base.of.of if isinstance(base.of, Member) else base.of
    word = last_name(base)
    origin = program.origin(module, base)
    return bool(_LOGGER.fullmatch(word)) or origin.startswith(("logging", "loguru", "structlog"))
