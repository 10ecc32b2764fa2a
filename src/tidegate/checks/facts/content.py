"""Message content on its way into logs.

Rules
1. Content is what stands in `messages` and `system` of a request by name, what its answer says, and what is made of it.
2. Of an answer, usage, ids, model and stop reason are no content; of a text, its length, hash or kind is none.
3. A logger always counts.  `print` and `console.log` count where users come in by a door: there they are the log.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec import Struct

from tidegate.checks.facts.requests import Request
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import (
    Assign,
    Block,
    Call,
    Const,
    Item,
    Items,
    Loop,
    Map,
    Member,
    Name,
    Node,
    Operation,
    Text,
)
from tidegate.checks.tree.walk import kids, last_name, walk

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

_HARMLESS: Final = {
    "usage", "id", "model", "stop_reason", "stopReason", "finish_reason", "finishReason", "role", "type", "_request_id",
    "request_id", "input_tokens", "output_tokens", "name", "status", "status_code", "stop_sequence", "length",
}  # fmt: skip
_SAFE_CALLS: Final = {
    "len", "hash", "type", "bool", "id", "sum", "count", "isinstance", "redact", "mask", "scrub", "hexdigest",
    "sha256", "digest", "fingerprint", "count_tokens", "anonymize", "hashlib", "update", "md5",
}  # fmt: skip


_HANDS_ON: Final = {"str", "repr", "dict", "list", "dumps", "format", "stringify", "String", "extract_text", "get_text"}
_COMPARISONS: Final = {"==", "!=", "in", "not in", "is", "is not", "not", "instanceof", "<", ">", "<=", ">="}


class Logged(Struct, frozen=True, eq=False):
    """A place where content is logged."""

    module: Module
    node: Call
    printed: bool
    """By `print` or `console.log`."""


def logged_content(program: Program, request: Request) -> Iterator[Logged]:
    """The log calls in the function around a request that are given content."""
    module = request.module
    around: Node = request.function or module.root
    held = _content_in(module, request, around)
    for node in walk(around):
        if not isinstance(node, Call) or node is request.call:
            continue
        printed = program.origin(module, node.of) in _PRINTS
        if (printed or _is_logger(program, module, node)) and held.by_arguments(node):
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


def _content_in(module: Module, request: Request, around: Node) -> "_Held":
    """The names that hold content in a function."""
    names: set[str] = set()
    for role in ("messages", "system"):
        found = request.arguments.given.get(role)
        if found is not None and found.module is module:
            names |= {path for path in _plain_paths(found.node) if not _is_constant(module, path)}
    answer = _bound_to(module, request.call)
    held = _Held(names, {answer} if answer else set())
    known = -1
    while known < len(names):
        known = len(names)
        for node in walk(around):
            if isinstance(node, Assign | Loop) and node.target is not None:
                value = node.value if isinstance(node, Assign) else node.over
                names.update(_taken(held, path_of(node.target), value))
    return held


def _taken(held: "_Held", target: str, value: Node | None) -> Iterator[str]:
    """The paths that hold content after an assignment; of a dict, those of its entries that do."""
    if target and isinstance(value, Map) and all(isinstance(key, Const) for key, _ in value.entries):
        for key, part in value.entries:
            assert isinstance(key, Const)
            yield from _taken(held, f"{target}.{key.value}", part)
    elif target and held.by(value):
        yield target


def path_of(node: Node | None) -> str:
    """`body.messages` for `body.messages`, `body["messages"]` and `body.messages[0]`; "" for what is no such thing."""
    if isinstance(node, Name):
        return node.id
    if isinstance(node, Member):
        base = path_of(node.of)
        return f"{base}.{node.name}" if base else ""
    if isinstance(node, Item):
        base = path_of(node.of)
        named = isinstance(node.key, Const) and isinstance(node.key.value, str)
        return f"{base}.{node.key.value}" if base and named and isinstance(node.key, Const) else base
    return ""


def _bound_to(module: Module, call: Node) -> str:
    """The name that the answer is given."""
    up = module.up.get(call)
    if isinstance(up, Assign) and isinstance(up.target, Name) and up.value is call:
        return up.target.id
    return ""


def _plain_paths(node: Node) -> Iterator[str]:
    """The names in `messages=…` and the ways to what is in them, but for those of functions."""
    if isinstance(node, Name | Member | Item) and path_of(node):
        yield path_of(node)
    elif not isinstance(node, Call) or not isinstance(node.of, Name):
        for one in kids(node):
            yield from _plain_paths(one)


def _is_constant(module: Module, path: str) -> bool:
    """`SYSTEM_PROMPT = "…"`, `prompts.SYSTEM`: what the program itself says is no message of a user."""
    bound = module.scopes[module.root].get(path, ())
    return path.rpartition(".")[2].isupper() or any(
        isinstance(one, Assign) and isinstance(one.value, Const) for one in bound
    )


class _Held(NamedTuple):
    """The paths that hold content, and the names of whole answers."""

    names: set[str]
    answers: set[str]

    def by(self, node: Node | None) -> bool:
        """Whether a value holds content."""
        if isinstance(node, Name):
            return node.id in self.answers or any(_leads(node.id, path) for path in self.names)
        if isinstance(node, Member | Item):
            return not _is_harmless(node) and self.by_part(node)
        if isinstance(node, Call):
            return self.by_call(node)
        return any(self.by(part) for part in _parts(node))

    def by_part(self, node: Member | Item) -> bool:
        """Whether a part of something holds content: content is in it, or it is in content."""
        path = path_of(node)
        if not path:
            return self.by(node.of)
        known = (*self.names, *self.answers)
        return any(_leads(path, one) or _leads(one, path) for one in known) and not self.by_harmless_way(node)

    def by_harmless_way(self, node: Member | Item) -> bool:
        """`answer.usage.input_tokens`: below something harmless all is."""
        return isinstance(node.of, Member | Item) and (_is_harmless(node.of) or self.by_harmless_way(node.of))

    def by_arguments(self, call: Call) -> bool:
        """Whether a call is given content."""
        return any(self.by(one) for one in (*call.args, *(value for _, value in call.named)))

    def by_call(self, node: Call) -> bool:
        """Whether what a call gives back holds content: `text.strip()`, `str(text)`; not `len(text)`."""
        word = last_name(node.of)
        if word in _SAFE_CALLS or any(safe in word.lower() for safe in ("redact", "mask", "hash", "scrub")):
            return False
        if isinstance(node.of, Member) and self.by(node.of.of):
            return True
        return isinstance(node.of, Name) and word in _HANDS_ON and any(self.by(one) for one in node.args)


def _leads(path: str, other: str) -> bool:
    """Whether a path is another or the beginning of it."""
    return other == path or other.startswith(f"{path}.")


def _is_harmless(node: Member | Item) -> bool:
    key = node.name if isinstance(node, Member) else node.key.value if isinstance(node.key, Const) else None
    return key in _HARMLESS


def _parts(node: Node | None) -> tuple[Node | None, ...]:
    """What a value is put together from; of a condition, what it chooses from; of a comparison, nothing."""
    if isinstance(node, Operation):
        if node.sign in _COMPARISONS:
            return ()
        return node.parts[1:] if node.sign == "?:" else node.parts
    if isinstance(node, Map):
        return tuple(value for _, value in node.entries)
    if isinstance(node, Loop):
        return (*node.body, node.over)
    return node.parts if isinstance(node, Text | Items | Block) else ()
