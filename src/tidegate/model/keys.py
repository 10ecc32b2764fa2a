"""App keys: `tg_` + id + `_` + secret + checksum; only a keyed hash of one is ever stored."""

import re
from functools import lru_cache
from hashlib import blake2b
from typing import Literal
from zlib import crc32

from msgspec import Struct

Scope = Literal["messages", "count_tokens", "models", "batches", "files", "workspace", "user_profile"]
DEFAULT_SCOPES: tuple[Scope, ...] = ("messages", "count_tokens", "models")
ALL_SCOPES: tuple[Scope, ...] = (*DEFAULT_SCOPES, "batches", "files", "workspace", "user_profile")

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(r"tg_([a-z0-9]{8})_([0-9A-Za-z]{32})([0-9A-Za-z]{6})\Z")


class AppKey(Struct, frozen=True, kw_only=True):
    """What a key may do, as the ledger's database keeps it; times in microseconds since 1970 UTC."""

    id: str
    hash: bytes
    app: str
    scopes: tuple[Scope, ...] = DEFAULT_SCOPES
    models: tuple[str, ...] = ()
    """Empty: all."""
    routes: tuple[str, ...] = ()
    """Empty: all."""
    user_id: str | None = None
    user_from: Literal["metadata"] | None = None
    transparent: bool = False
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None


def compose(key_id: str, random: bytes) -> str:
    """A key from an id of 8 characters `[a-z0-9]` and at least 24 random bytes."""
    secret = _base62(int.from_bytes(random, "big"), 32)
    return f"tg_{key_id}_{secret}{_checksum(f'{key_id}_{secret}')}"


def key_id(key: str) -> str | None:
    """The id inside a well-formed key, else None."""
    match = _FORM.match(key)
    return None if match is None else match[1]


def has_checksum(key: str) -> bool:
    """True when a well-formed key's checksum is right: most mistypings need no look-up."""
    match = _FORM.match(key)
    return match is not None and _checksum(f"{match[1]}_{match[2]}") == match[3]


def keyed_hash(key: str, secret: str) -> bytes:
    """What is stored of a key: 32 bytes that need `TIDEGATE_KEY_SECRET` to be made."""
    return blake2b(key.encode(), key=_hash_key(secret), digest_size=32).digest()


@lru_cache(maxsize=8)
def _hash_key(secret: str) -> bytes:
    return blake2b(secret.encode()).digest()


def _checksum(text: str) -> str:
    return _base62(crc32(text.encode()), 6)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
