"""What a rule, an `x-fake-` header or a marker in the prompt can order for one attempt, as one flat value."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

import msgspec

Position = int | Literal["before", "headers"]
"""When a fault strikes: before the headers, right after them, or after so many events (JSON: in mid-body)."""


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One attempt's orders; with none given it is answered well and at once."""

    # an error instead of an answer
    status: int | None = None
    error_type: str | None = None
    error_code: str | None = None
    message: str | None = None
    html: bool = False
    spend: Literal["tier", "self", "credit", "workspace"] | None = None
    retry_after: int | float | str | None = None
    retry_after_ms: int | None = None
    should_retry: bool | None = None
    headers: dict[str, str] = {}
    # what is said
    say: str | None = None
    output_tokens: int | Literal["max"] | None = None
    input_tokens: int | None = None
    thinking_tokens: int | None = None
    tool: str | bool | None = None
    web_searches: int | None = None
    stop_reason: str | None = None
    model: str | None = None
    refuse: Literal["before", "after"] | None = None
    iterations: Literal["compaction", "advisor", "fallback"] | None = None
    # when
    delay: float = 0.0
    first_byte: float = 0.0
    gap: float = 0.0
    tokens_per_event: int | None = None
    pace: Literal["quick", "real"] | None = None
    # what breaks
    stall: Position | None = None
    cut: int | None = None
    cut_chunked: Position | None = None
    reset: Position | None = None
    error_event: int | None = None
    error_event_type: str = "overloaded_error"
    malformed: bool = False
    empty: bool = False
    content_type: str | None = None
    gzip: bool | Literal["force"] = False
    huge: int | bool | None = None
    no_usage: bool = False
    progressive: bool = False
    future: bool = False
    pings: int = 0
    # what it costs
    bill: Literal["none", "input", "so_far", "full"] | None = None
    linger: int | None = None


PLAIN = Command()
REAL_PACE = {"first_byte": 0.3, "gap": 0.02}
FAULTS = (
    *("status", "html", "spend", "refuse", "iterations", "stall", "cut", "cut_chunked", "reset", "error_event"),
    *("malformed", "empty", "content_type", "huge", "no_usage", "progressive", "future", "pings"),
)
"""The orders that make an attempt a faulty one, for the books' column `fault`."""

_NAMES = frozenset(Command.__struct_fields__)
_MARKER = re.compile(rb"\[\[fake:([^\]\\]*)\]\]")
MARKER = b"[[fake:"
_HEADER = b"x-fake-"


class BadCommandError(ValueError):
    """An order that the fake does not understand; the text says which."""


def build(orders: Mapping[str, Any]) -> Command:
    """Orders as a value; unknown names and wrong types raise BadCommandError."""
    if not orders:
        return PLAIN
    if orders.get("pace") == "real":
        orders = {**REAL_PACE, **orders}
    try:
        return msgspec.convert(dict(orders), Command)
    except msgspec.ValidationError as bad:
        raise BadCommandError(f"{bad}; the fake knows: {', '.join(sorted(_NAMES))}") from bad


def from_headers(headers: Mapping[bytes, bytes]) -> dict[str, Any]:
    """Orders in `x-fake-fault: status=529; retry-after=2` and `x-fake-NAME: value` headers."""
    orders: dict[str, Any] = {}
    for name, value in headers.items():
        if name.startswith(_HEADER):
            text = value.decode("latin-1")
            key = name[len(_HEADER) :].decode()
            orders.update(parse(text) if key == "fault" else {_name(key): _value(_name(key), text)})
    return orders


def from_marker(body: bytes) -> dict[str, Any]:
    """Orders in the last `[[fake: output_tokens=max]]` of a request's text."""
    if MARKER not in body:
        return {}
    found = _MARKER.findall(body)
    return parse(found[-1].decode("utf-8", "replace")) if found else {}


@lru_cache(maxsize=1_024)
def parse(text: str) -> dict[str, Any]:
    """`name=value; name` pairs; a bare name means true."""
    orders = {}
    for part in filter(None, (each.strip() for each in text.split(";"))):
        name, equals, value = part.partition("=")
        orders[_name(name)] = _value(_name(name), value) if equals else True
    return orders


def _name(text: str) -> str:
    return text.strip().replace("-", "_").lower()


def _value(name: str, text: str) -> Any:
    """A number or a truth where the text is one, else the text without its quotes."""
    text = text.strip()
    if text[:1] in "\"'" and text[-1:] == text[:1] and len(text) > 1:
        return text[1:-1]
    if name in ("say", "message"):
        return text
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def fault_name(command: Command) -> str:
    """What was ordered to go wrong, for the books: `status=529`, `cut=3`."""
    given = ((name, getattr(command, name)) for name in FAULTS)
    return "; ".join(
        name if value is True else f"{name}={value}"
        for name, value in given
        if value is not None and value is not False and (name, value) != ("pings", 0)
    )
