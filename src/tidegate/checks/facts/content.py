"""Message content on its way into logs.

Rules
1. Content is what stands in `messages` and `system` of a request by name, what its answer says, and what is made of it,
   in the function that asks and in those that call it.
2. A logger always counts.  `print` and `console.log` count where users come in by a door: there they are the log.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from tidegate.checks.facts.carried import carriers
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


def logged_content(program: Program, reach: Reach, requests: Sequence[Request]) -> Iterator[Logged]:
    """The log calls on the way to requests and back that are given content, each once."""
    asking = {request.call for request in requests}
    seen: set[Node] = set()
    for carrier in carriers(reach, requests):
        module = carrier.module
        for node in walk(carrier.around):
            if not isinstance(node, Call) or node in asking or node in seen:
                continue
            printed = program.origin(module, node.of) in _PRINTS
            if (printed or _is_logger(program, module, node)) and carrier.held.by_arguments(node):
                seen.add(node)
                yield Logged(module, node, printed)


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
