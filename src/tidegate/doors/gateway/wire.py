"""What crosses the gateway: which headers pass, in which direction."""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache

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
_LONGEST = 64


_passes: dict[bytes, bool] = dict.fromkeys(_NOT_UP, False)
"""Whether a header goes upstream whatever else is said, by its name: as many names as there were lately."""
_NONE: AbstractSet[bytes] = frozenset()
_READABLE = {b"gzip", b"deflate", b"identity"}


def upward(headers: Headers, said: Mapping[bytes, bytes], scopes: Collection[str]) -> list[tuple[bytes, bytes]]:
    """The headers that go upstream: no credentials, nothing about the way here, nothing of tidegate's own.

    `said`: the headers by name.
    """
    try:
        passed = [pair for pair in headers if _passes[pair[0]]]
    except KeyError:
        passed = [pair for pair in headers if _judge(pair[0], scopes)]
    once = len(said) == len(headers)
    if b"accept-encoding" in said:
        _make_readable(passed, said[b"accept-encoding"], once=once)
    if b"connection" in said and not (once and said[b"connection"] in _USUAL):
        named = _named(headers)
        passed = [pair for pair in passed if pair[0] not in named]
    return passed


def _judge(name: bytes, scopes: Collection[str]) -> bool:
    if name in SCOPED:
        return SCOPED[name] in scopes
    passes = name not in _NOT_UP and not name.startswith(_NOT_UP_PREFIXES)
    if len(name) <= _LONGEST:
        if len(_passes) >= _MOST_NAMES:
            _passes.clear()
        _passes[name] = passes
    return passes


def _make_readable(headers: list[tuple[bytes, bytes]], first: bytes, *, once: bool) -> None:
    """Replace what is accepted where it stands; `first`: as the first line, or the only one, says it."""
    if once:
        places = [headers.index((b"accept-encoding", first))]
    else:
        places = [at for at, pair in enumerate(headers) if pair[0] == b"accept-encoding"]
    for at in places:
        value = headers[at][1]
        headers[at] = (b"accept-encoding", (_usual if len(value) <= _LONGEST else readable_encodings)(value))


def downward(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers that go back to the client; lengths and framing are this connection's own."""
    passed = []
    named: AbstractSet[bytes] = _NONE
    for pair in headers:
        name = pair[0]
        if name not in _NOT_DOWN:
            passed.append(pair)
        elif name == b"connection" and pair[1] not in _USUAL:
            named = _named(headers)
    return [pair for pair in passed if pair[0] not in named] if named else passed


def _named(headers: Headers) -> AbstractSet[bytes]:
    """The headers that `connection` names."""
    lines = [value for name, value in headers if name == b"connection" and value not in _USUAL]
    named = {part.strip().lower() for line in lines for part in line.split(b",")}
    return named if named - {b"keep-alive", b"close"} else _NONE


def readable_encodings(value: bytes) -> bytes:
    """`accept-encoding` without what the meter cannot read: a bill must never hide in an unknown compression."""
    kept = [part for part in value.split(b",") if part.split(b";")[0].strip().lower() in _READABLE]
    return b",".join(kept).strip() or b"identity"


_usual = lru_cache(maxsize=64)(readable_encodings)
"""The same for what many say."""
