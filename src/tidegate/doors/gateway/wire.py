"""What crosses the gateway: which headers pass, in which direction."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from itertools import compress
from operator import itemgetter

from tidegate.core.ports import Headers

HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"proxy-connection"}
)

_NOT_UP = HOP_BY_HOP | {
    b"host",
    b"content-length",
    b"expect",
    b"x-api-key",
    b"authorization",
    b"api-key",
    b"cookie",
    b"forwarded",
}
_NOT_UP_PREFIXES = (b"proxy-", b"x-forwarded-", b"x-tidegate-")
_NOT_DOWN = HOP_BY_HOP | {b"content-length"}
_USUAL = (b"keep-alive", b"close")
"""What `connection` says nearly always: it names no header."""

SCOPED = {b"anthropic-workspace-id": "workspace", b"anthropic-user-profile-id": "user_profile"}
"""Headers that choose an account's part: they need a scope of the key."""

_MOST_NAMES = 1_000
_LONGEST_NAME = 64


class _Verdicts(dict[bytes, bool]):
    """Whether a header passes, by its name; new names are judged when they come."""

    def __init__(self, names: AbstractSet[bytes], prefixes: tuple[bytes, ...] = ()) -> None:
        super().__init__()
        self._names = names
        self._prefixes = prefixes

    def __missing__(self, name: bytes) -> bool:
        passes = name not in self._names and not name.startswith(self._prefixes)
        if len(name) <= _LONGEST_NAME:
            if len(self) >= _MOST_NAMES:
                self.clear()
            self[name] = passes
        return passes


_name = itemgetter(0)
_goes_up = _Verdicts(_NOT_UP, _NOT_UP_PREFIXES).__getitem__
_goes_down = _Verdicts(_NOT_DOWN).__getitem__
_are_plain = frozenset({b"connection", b"accept-encoding", *SCOPED}).isdisjoint
_NONE: AbstractSet[bytes] = frozenset()
_READABLE = {b"gzip", b"deflate", b"identity"}


def upward(headers: Headers, scopes: Iterable[str]) -> list[tuple[bytes, bytes]]:
    """The headers that go upstream: no credentials, nothing about the way here, nothing of tidegate's own."""
    names = [*map(_name, headers)]
    passed = [*compress(headers, map(_goes_up, names))]
    if _are_plain(names):
        return passed
    named = _named(headers, names)
    return [
        (name, readable_encodings(value) if name == b"accept-encoding" else value)
        for name, value in passed
        if name not in named and (name not in SCOPED or SCOPED[name] in scopes)
    ]


def downward(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers that go back to the client; lengths and framing are this connection's own."""
    names = [*map(_name, headers)]
    passed = [*compress(headers, map(_goes_down, names))]
    if b"connection" in names and (named := _named(headers, names)):
        return [pair for pair in passed if pair[0] not in named]
    return passed


def _named(headers: Headers, names: list[bytes]) -> AbstractSet[bytes]:
    """The headers that `connection` names."""
    lines = names.count(b"connection")
    if not lines or (lines == 1 and headers[names.index(b"connection")][1] in _USUAL):
        return _NONE
    said = b",".join(value for name, value in headers if name == b"connection")
    named = {part.strip().lower() for part in said.split(b",")}
    return named if named - {b"keep-alive", b"close"} else _NONE


def readable_encodings(value: bytes) -> bytes:
    """`accept-encoding` without what the meter cannot read: a bill must never hide in an unknown compression."""
    kept = [part for part in value.split(b",") if part.split(b";")[0].strip().lower() in _READABLE]
    return b",".join(kept).strip() or b"identity"
