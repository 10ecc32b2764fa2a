"""What holds message content in one function: names, ways into what they name, and calls.

Rules
1. Of an answer, usage, ids, model and stop reason are no content; of a text, its length, hash or kind is none.
2. Of a dict, and of what a function gives back as one, only those entries hold content that are given some; so it is
   with the places of a tuple that a function gives back: `answer.0` is the first of them.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from tidegate.checks.program.module import Module
from tidegate.checks.program.program import returned
from tidegate.checks.tree.nodes import (
    Assign,
    Block,
    Call,
    Const,
    Function,
    Item,
    Items,
    Loop,
    Map,
    Member,
    Name,
    Node,
    Operation,
    Spread,
    Text,
)
from tidegate.checks.tree.walk import kids, last_name, walk

_HARMLESS: Final = {
    "usage", "id", "model", "stop_reason", "stopReason", "finish_reason", "finishReason", "role", "type", "_request_id",
    "request_id", "input_tokens", "output_tokens", "name", "action", "status", "status_code", "stop_sequence", "length",
    "headers", "elapsed", "retries_taken", "http_version", "reason_phrase", "statusText", "ok", "error",
}  # fmt: skip
"""No `url`: that of a citation or of an image is content; of a reply before it is parsed see RAW."""
_SAFE_CALLS: Final = {
    "len", "hash", "type", "bool", "id", "sum", "count", "isinstance", "redact", "mask", "scrub", "hexdigest",
    "sha256", "digest", "fingerprint", "count_tokens", "anonymize", "hashlib", "update", "md5", "keys",
}  # fmt: skip


_HANDS_ON: Final = {
    "str", "repr", "dict", "list", "dumps", "format", "stringify", "String", "extract_text", "get_text", "tuple",
    "enumerate", "reversed", "sorted", "iter", "next", "zip",
}  # fmt: skip
_BODIES: Final = (
    "parse", "text", "content", "json", "read", "iter_text", "iter_lines", "iter_bytes", "iter_raw",
    "aread", "aiter_text", "aiter_lines", "aiter_bytes", "aiter_raw",
)  # fmt: skip
RAW: Final = frozenset(
    f".{way}{body}" for way in ("", "http_response.", "http_request.", "http_response.request.") for body in _BODIES
)
"""The parts of a reply of `with_raw_response` that hold content; headers, address, status and times hold none."""
_EACH: Final = {"forEach", "map", "flatMap", "filter", "find", "some", "every", "then", "on", "once"}
"""Methods that hand what they are a method of, or parts of it, to a function."""
_ENDS: Final = {"error", "end", "abort", "close", "connect", "finish"}
"""Events that bring no content."""
_COMPARISONS: Final = {"==", "!=", "in", "not in", "is", "is not", "not", "instanceof", "<", ">", "<=", ">="}


def path_of(node: Node | None) -> str:
    """`body.text` for `body.text`, `body["text"]`, `body.get("text")`, `body.text[0]`; "" for what is no such thing."""
    if isinstance(node, Name):
        return node.id
    if isinstance(node, Member):
        base = path_of(node.of)
        return f"{base}.{node.name}" if base else ""
    if isinstance(node, Call):
        entry = _entry(node)
        return path_of(entry) if entry is not None else ""
    if isinstance(node, Item):
        base = path_of(node.of)
        named = isinstance(node.key, Const) and isinstance(node.key.value, str)
        return f"{base}.{node.key.value}" if base and named and isinstance(node.key, Const) else base
    return ""


def _entry(call: Call) -> Item | None:
    """`body["text"]` for `body.get("text")`."""
    key = call.args[0] if call.args else None
    if isinstance(call.of, Member) and call.of.name == "get" and isinstance(key, Const) and isinstance(key.value, str):
        return Item(call.at, call.of.of, key)
    return None


def _plain_paths(node: Node) -> Iterator[str]:
    """The names in `messages=…` and the ways to what is in them, but for those of functions."""
    path = path_of(node)
    if path:
        yield path
    elif not isinstance(node, Call) or not isinstance(node.of, Name):
        for one in kids(node):
            yield from _plain_paths(one)


def paths_in(module: Module, node: Node) -> set[str]:
    """The paths in `messages=…`, but for those of constants."""
    return {path for path in _plain_paths(node) if not _is_constant(module, path)}


def _is_constant(module: Module, path: str) -> bool:
    """`SYSTEM_PROMPT = "…"`, `prompts.SYSTEM`: what the program itself says is no message of a user."""
    bound = module.scopes[module.root].get(path, ())
    return path.rpartition(".")[2].isupper() or any(
        isinstance(one, Assign) and isinstance(one.value, Const) for one in bound
    )


_DEEPEST = 6
"""Entries of entries: `x = {"x": x}` in a loop has no end."""


class Held(NamedTuple):
    """The paths that hold content, and the calls that give some back, each with the parts of it that do."""

    names: set[str]
    calls: dict[Node, set[str]]
    """"" for all of what comes back, `.text` for an entry or a field."""

    def grow(self, around: Node) -> None:
        """Add what is made of content in a function."""
        known = -1
        while known < len(self.names):
            known = len(self.names)
            for node in walk(around):
                if isinstance(node, Assign | Loop) and node.target is not None:
                    value = node.value if isinstance(node, Assign) else node.over
                    self.names.update(self.taken(node.target, value))
                elif isinstance(node, Call):
                    self.names.update(self.called_back(node))

    def taken(self, target: Node, value: Node | None) -> Iterator[str]:
        """The paths that hold content after an assignment; of a dict, those of its entries that do."""
        if isinstance(target, Items) and isinstance(value, Items) and len(target.parts) == len(value.parts):
            for one, part in zip(target.parts, value.parts, strict=True):
                yield from self.taken(one, part)
            return
        if isinstance(target, Items) and isinstance(value, Call) and last_name(value.of) in {"enumerate", "items"}:
            target = Items(target.at, target.parts[1:])  # before it stands a number, or a key
        yield from (path for path in _spread(target, self.parts(value)) if path.count(".") <= _DEEPEST)

    def called_back(self, call: Call) -> Iterator[str]:
        """The parameters in `blocks.forEach((block) => …)`, `answer.then((message) => …)` that are given content."""
        if not isinstance(call.of, Member) or call.of.name not in _EACH:
            return
        event = call.args[0].value if call.args and isinstance(call.args[0], Const) else None
        function = next((one for one in call.args if isinstance(one, Function)), None)
        if function is None or event in _ENDS or not self.by(call.of.of):
            return
        for param in function.params:
            if param.number == 0 and param.name not in _HARMLESS:
                yield param.name

    def parts(self, value: Node | None) -> set[str]:
        """The parts of a value that hold content: {""} for all of it, {".text"} for an entry."""
        if isinstance(value, Map) and all(isinstance(key, Const) for key, _ in value.entries):
            return {
                f".{key.value}{below}"
                for key, part in value.entries
                if isinstance(key, Const)
                for below in self.parts(part)
            }
        if value in self.calls:
            return self.calls[value]
        path = path_of(value)
        if path and self.by(value):
            return {one[len(path) :] for one in self.names if _leads(path, one)} or {""}
        return {""} if self.by(value) else set()

    def given_back(self, function: Function) -> set[str]:
        """The parts of what a function gives back that hold content."""
        return {part for value in returned(function) for part in self.parts_given(value)}

    def parts_given(self, value: Node) -> set[str]:
        """The parts of what is given back: `.0` where the first of a tuple holds content."""
        if not isinstance(value, Items) or any(isinstance(one, Spread) for one in value.parts):
            return self.parts(value)
        return {f".{number}{part}" for number, one in enumerate(value.parts) for part in self.parts(one)}

    def by(self, node: Node | None) -> bool:
        """Whether a value holds content."""
        if isinstance(node, Name):
            return any(_leads(node.id, path) for path in self.names)
        if isinstance(node, Member | Item):
            return not _is_harmless(node) and self.by_part(node)
        if isinstance(node, Call):
            entry = _entry(node)
            return self.by_call(node) if entry is None else self.by(entry)
        return any(self.by(part) for part in _parts(node))

    def by_part(self, node: Member | Item) -> bool:
        """Whether a part of something holds content: content is in it, or it is in content."""
        if node.of in self.calls:
            return any(not part or _leads(f".{_key(node)}", part) for part in self.calls[node.of])
        path = path_of(node)
        if not path:
            return self.by(node.of)
        if isinstance(node, Item) and isinstance(_key(node), int) and self.is_tuple(path):
            path = f"{path}.{_key(node)}"
        known = any(_leads(path, one) or _leads(one, path) for one in self.names)
        return known and not self.by_harmless_way(node)

    def is_tuple(self, path: str) -> bool:
        """Whether it is known which places of something hold content."""
        below = [one[len(path) + 1 :] for one in self.names if one == path or one.startswith(f"{path}.")]
        return bool(below) and all(one.partition(".")[0].isdigit() for one in below)

    def by_harmless_way(self, node: Member | Item) -> bool:
        """`answer.usage.input_tokens`: below something harmless all is."""
        of = _entry(node.of) if isinstance(node.of, Call) else node.of
        return isinstance(of, Member | Item) and (_is_harmless(of) or self.by_harmless_way(of))

    def by_arguments(self, call: Call) -> bool:
        """Whether a call is given content."""
        return any(self.by(one) for one in (*call.args, *(value for _, value in call.named)))

    def by_call(self, node: Call) -> bool:
        """Whether what a call gives back holds content: `text.strip()`, `str(text)`; not `len(text)`."""
        if node in self.calls:
            return True
        word = last_name(node.of)
        if word in _SAFE_CALLS or any(safe in word.lower() for safe in ("redact", "mask", "hash", "scrub")):
            return False
        if isinstance(node.of, Member) and self.by(node.of.of):
            return True
        return word in _HANDS_ON and any(self.by(one) for one in node.args)


def _spread(target: Node, parts: set[str]) -> Iterator[str]:
    """The paths in a target that are given content, when these parts of a value hold some."""
    if isinstance(target, Items):
        for number, one in enumerate(target.parts):
            yield from _spread(one, _at_place(parts, number))
    elif isinstance(target, Spread):
        yield from _spread(target.of, parts)
    elif isinstance(target, Map):
        for key, one in target.entries:
            name = key.value if isinstance(key, Const) else None
            below = parts if key is None else _below(parts, name)
            yield from _spread(one, below)
    else:
        path = path_of(target)
        yield from (f"{path}{part}" for part in parts if path)


def _at_place(parts: set[str], number: int) -> set[str]:
    """The parts of one place, when these are the parts of a tuple, or of something that goes over its parts."""
    placed = {part for part in parts if part[1:].partition(".")[0].isdigit()}
    here = f".{number}"
    return (parts - placed) | {part[len(here) :] for part in placed if _leads(here, part)}


def _below(parts: set[str], name: object) -> set[str]:
    """The parts of an entry, when these are the parts of the whole."""
    whole = {""} if "" in parts and name not in _HARMLESS else set[str]()
    return whole | {part[len(f".{name}") :] for part in parts if _leads(f".{name}", part)}


def _leads(path: str, other: str) -> bool:
    """Whether a path is another or the beginning of it."""
    return other == path or other.startswith(f"{path}.")


def _is_harmless(node: Member | Item) -> bool:
    return _key(node) in _HARMLESS


def _key(node: Member | Item) -> object:
    return node.name if isinstance(node, Member) else node.key.value if isinstance(node.key, Const) else None


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
