"""What crosses the gateway: which headers pass, in which direction."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

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
_PLAIN = frozenset(
    {b"content-type", b"accept", b"user-agent", b"anthropic-version", b"anthropic-beta", b"x-stainless-lang"}
)
"""What nearly every request has and nothing speaks against: known without the other questions."""
_NOT_UP_PREFIXES = (b"proxy-", b"x-forwarded-", b"x-tidegate-")
_NOT_DOWN = HOP_BY_HOP | {b"content-length"}
_USUAL = (b"keep-alive", b"close")
"""What `connection` says nearly always: it names no header."""

SCOPED = {b"anthropic-workspace-id": "workspace", b"anthropic-user-profile-id": "user_profile"}
"""Headers that choose an account's part: they need a scope of the key."""

_NONE: AbstractSet[bytes] = frozenset()
_READABLE = {b"gzip", b"deflate", b"identity"}


def upward(headers: Iterable[tuple[bytes, bytes]], scopes: Iterable[str]) -> list[tuple[bytes, bytes]]:
    """The headers that go upstream: no credentials, nothing about the way here, nothing of tidegate's own."""
    passed = []
    named: AbstractSet[bytes] = _NONE
    for pair in headers:
        name = pair[0]
        if name in _PLAIN:
            passed.append(pair)
        elif name == b"connection":
            named = named | _named(pair[1])
        elif name in _NOT_UP or name.startswith(_NOT_UP_PREFIXES) or (name in SCOPED and SCOPED[name] not in scopes):
            continue
        elif name == b"accept-encoding":
            passed.append((name, readable_encodings(pair[1])))
        else:
            passed.append(pair)
    if named and named - {b"keep-alive", b"close"}:
        return [(name, value) for name, value in passed if name not in named]
    return passed


def downward(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers that go back to the client; lengths and framing are this connection's own."""
    passed = []
    named: AbstractSet[bytes] = _NONE
    for pair in headers:
        name = pair[0]
        if name not in _NOT_DOWN:
            passed.append(pair)
        elif name == b"connection" and pair[1] not in _USUAL:
            named = named | _named(pair[1])
    if named and named - {b"keep-alive", b"close"}:
        return [pair for pair in passed if pair[0] not in named]
    return passed


def _named(connection: bytes) -> set[bytes]:
    return {part.strip().lower() for part in connection.split(b",")}


def readable_encodings(value: bytes) -> bytes:
    """`accept-encoding` without what the meter cannot read: a bill must never hide in an unknown compression."""
    kept = [part for part in value.split(b",") if part.split(b";")[0].strip().lower() in _READABLE]
    return b",".join(kept).strip() or b"identity"
