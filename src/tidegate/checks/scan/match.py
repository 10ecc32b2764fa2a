"""Credentials in plain bytes: what begins like one, has its length, and looks drawn at random.

API and admin keys are matched exactly (95 characters, the last two `AA`): what is shorter is a truncated or masked
example.  The length of tokens is not documented, so they need 40 characters.  A credential that is written in pieces
(string literals side by side, a backslash or `=` at a line's end) is read across them.
"""

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from msgspec import Struct

from tidegate.checks.scan.kinds import KindName
from tidegate.checks.scan.likeness import looks_random
from tidegate.model.keys import has_checksum

NEEDLES: Final = (b"sk-ant-", b"tg_", b"whsec_")
"""Nothing is a credential without one of them."""

_HEAD = re.compile(rb"sk-ant-([a-z]{2,8})(\d{0,2})-")
_BODY = re.compile(rb"[A-Za-z0-9_-]{0,1100}")
_TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.([A-Za-z0-9_-]{20,})")
_APP_KEY = re.compile(rb"tg_[a-z0-9]{8}_[0-9A-Za-z]{38}")
_WEBHOOK = re.compile(rb"whsec_([A-Za-z0-9+/]{32,120})={0,2}")
_MASKED = (b"..", b"*", b"\xe2\x80\xa6", b"\xe2\x80\xa2", b"<", b"[")
"""What follows the visible part of a token that was cut short: dots, stars, an ellipsis, bullets, `<cut>`."""

_GAP = rb"(?:\s|\\\r?\n){0,80}"
_SEAM = re.compile(rb"=\r?\n|\\\r?\n[ \t]*|\\?[\"'`]" + _GAP + rb"(?:[+.&]" + _GAP + rb")?[bBfFrRuU]{0,2}\\?[\"'`]")
"""Between two pieces of one credential: quoted-printable, a continued line, string literals side by side."""

_WRAP = re.compile(_SEAM.pattern + rb"|\r?\n[ \t>|#*]*")
"""A line that was wrapped by a terminal or a mail, too; believed for keys only, whose length tells whether it fits."""

_KEY_LENGTH = 95
_LEAST_TOKEN = 40
_MOST_TOKEN = 1024
_NEAR = 512
"""Bytes before and behind in which a zero byte tells that this is no text."""

_WINDOW = 1024
"""Bytes that the pieces of one credential may be spread over."""

_KEYS: Final[dict[bytes, KindName]] = {b"api03": "api-key", b"api01": "compliance-key", b"admin01": "admin-key"}
_TOKENS: Final[dict[bytes, KindName]] = {b"oat": "oauth-token", b"ort": "refresh-token", b"sid": "session-key"}


_EXAMPLES = frozenset({"96ad2ccd81462a76", "2dd745ff991276ae"})
"""Fingerprints of the secrets in Svix's documentation and in the tests of Standard Webhooks: they are everywhere."""


class Match(Struct, frozen=True):
    """A credential at `data[start:end]`; `sure` says that its shape is documented and fits in full."""

    kind: KindName
    secret: bytes
    start: int
    end: int
    sure: bool


def credentials(data: bytes) -> Iterator[Match]:
    """Every credential that stands in these bytes as it is, in no particular order."""
    at = data.find(b"sk-ant-")
    while at >= 0:
        found = _claude(data, at) or _in_pieces(data, at)
        if found is not None:
            yield found
        at = data.find(b"sk-ant-", at + 7)
    if b"tg_" in data:
        yield from _app_keys(data)
    if b"whsec_" in data:
        yield from _webhooks(data)


def fingerprint(secret: bytes) -> str:
    """What names a secret without telling it; betterleaks' fingerprint begins with the same 16 digits."""
    return sha256(secret).hexdigest()[:16]


def shown(secret: str, kind: KindName) -> str:
    """What may be seen of a secret: its prefix and its last four characters."""
    last = f"…{secret[-4:]}" if len(secret) >= 16 else "…"
    if kind == "other":
        return last
    if kind == "app-key":
        return f"{secret[:12]}{last}"  # `tg_` and the id, which is no secret
    if kind == "webhook-secret":
        return f"whsec_{last}"
    head = _HEAD.match(secret.encode("utf-8", "replace"))
    return f"{head[0].decode() if head else 'sk-ant-'}{last}"


def _claude(data: bytes, at: int) -> Match | None:
    head = _HEAD.match(data, at)
    if head is None:
        return None
    name, start = head[1], head.end()
    fence = b"_" if data[at - 1 : at] == b"_" else b""  # as in _emphasis_
    if name == b"si":
        return _signed(data, at, start, fence)
    body = _BODY.match(data, start)
    assert body is not None, "the pattern matches nothing, too"
    cut = data.startswith(_MASKED, body.end())
    text = _exact(body[0], glued=b"\0" in data[max(0, at - _NEAR) : at + _NEAR])
    if name in {b"api", b"admin"}:
        return _key(name + head[2], data[at:start], text, at)
    return None if cut else _token(name, data[at:start], text or body[0].rstrip(fence), at)


def _key(name: bytes, prefix: bytes, text: bytes | None, at: int) -> Match | None:
    if text is None or not looks_random(text[:-2].decode()):
        return None
    kind = _KEYS.get(name, "api-key" if name.startswith(b"api") else "admin-key")
    return Match(kind, prefix + text, at, at + len(prefix) + len(text), sure=name in _KEYS)


def _token(name: bytes, prefix: bytes, text: bytes, at: int) -> Match | None:
    if not _LEAST_TOKEN <= len(text) <= _MOST_TOKEN or not looks_random(text.decode()):
        return None
    sure = name in _TOKENS and len(text) >= _KEY_LENGTH - 15
    kind = _TOKENS.get(name, "claude-credential")
    return Match(kind, prefix + text, at, at + len(prefix) + len(text), sure=sure)


def _exact(body: bytes, *, glued: bool) -> bytes | None:
    """The 95 characters of a key.

    A dash or an underscore behind them may belong to the text around it.  In a database, fields stand side by side
    without anything between them: there (`glued`) any text may follow.
    """
    if body[_KEY_LENGTH - 2 : _KEY_LENGTH] != b"AA":
        return None
    return body[:_KEY_LENGTH] if glued or body[_KEY_LENGTH : _KEY_LENGTH + 1] in (b"", b"-", b"_") else None


def _signed(data: bytes, at: int, start: int, fence: bytes) -> Match | None:
    token = _TOKEN.match(data, start)
    if token is None or not looks_random(token[1].decode()):
        return None
    secret = data[at : token.end()].rstrip(fence)
    return Match("session-token", secret, at, at + len(secret), sure=True)


def _in_pieces(data: bytes, at: int) -> Match | None:
    """A credential whose pieces stand apart; its end is where the last of them ends, or a little later."""
    piece = _BODY.match(data, at)
    assert piece is not None, "the pattern matches nothing, too"
    for seam in (_SEAM, _WRAP):
        if seam.match(data, piece.end()) is None:
            continue
        behind = data.find(b"sk-ant-", at + 7, at + _WINDOW)
        window = data[at : at + _WINDOW if behind < 0 else behind]
        if len(window) < _LEAST_TOKEN:
            return None
        found = _claude(seam.sub(b"", window), 0)
        if found is not None and (seam is _SEAM or found.kind in _KEYS.values()):
            return Match(found.kind, found.secret, at, at + min(len(window), found.end), sure=False)
    return None


def _app_keys(data: bytes) -> Iterator[Match]:
    for key in _APP_KEY.finditer(data):
        if has_checksum(key[0].decode()):
            yield Match("app-key", key[0], key.start(), key.end(), sure=True)


def _webhooks(data: bytes) -> Iterator[Match]:
    for secret in _WEBHOOK.finditer(data):
        if looks_random(secret[1].decode()) and fingerprint(secret[0]) not in _EXAMPLES:
            yield Match("webhook-secret", secret[0], secret.start(), secret.end(), sure=False)
