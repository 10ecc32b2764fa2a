"""The receipt of a target: what was checked there, signed, without any value.

What the signature proves: whoever wrote the receipt had the target's secret, and nobody changed it since.  It does not
prove that the program that runs there is this one, nor that a variable was not changed afterwards; hence the expiry.

Rules
1. A receipt holds times, ids of checks, how they ended, names of variables, hashes, and of the key what may be seen
   anywhere: its prefix and its last four characters.  Texts stay in the target.
2. It is signed with TIDEGATE_KEY_SECRET where the target has one, else with its API key, through scrypt: a receipt that
   everybody can read helps nobody to guess the secret.  A secret that could be guessed all the same signs nothing.
3. Whoever reads it needs the same secret.  Without it nothing is known, which is said.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from tidegate.checks.boot.target import IS_TARGET
from tidegate.checks.verdict import State
from tidegate.config.hidden import Hidden

LASTS: Final = timedelta(days=30)
_VERSION: Final = 1
_SAME: Final = "00" * 16
"""The salt of what must be the same in two receipts."""

_LARGEST: Final = 64 * 1024
_SKEW: Final = timedelta(hours=1)
_LEAST_SECRET, _LEAST_KEY = 32, 40
"""Characters below which a text could be guessed from a receipt."""

_encode = msgspec.json.Encoder(order="sorted").encode


class Receipt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a receipt says."""

    receipt: int
    """The version of its form."""
    tidegate: str
    at: datetime
    until: datetime
    where: str
    """A keyed hash of the host and the platform's names: the same for the same place and secret."""
    platform: str | None
    """The variable that says that this is production; never its value."""
    key: str
    """The prefix and the last four characters of the API key; "" when it has no known form."""
    key_hash: str
    """A slow hash of the API key; "" when it could be guessed."""
    checks: dict[str, State]
    signed_with: str
    """TIDEGATE_KEY_SECRET or `API key`."""
    salt: str
    signer: str
    """Tells secrets apart: a part of a hash that only the secret gives."""
    signature: str


class Signer(Struct, frozen=True):
    """A secret that signs."""

    name: str
    secret: Hidden


def choose_signer(key_secret: Hidden | None, key: Hidden | None) -> Signer | None:
    """What the target signs with; None: nothing there is strong enough."""
    if key_secret is not None and _is_strong(key_secret, _LEAST_SECRET):
        return Signer("TIDEGATE_KEY_SECRET", key_secret)
    if key is not None and _is_strong(key, _LEAST_KEY):
        return Signer("API key", key)
    return None


def _is_strong(secret: Hidden, least: int) -> bool:
    return len(secret.reveal()) >= least and len(set(secret.reveal())) >= 10


def write_receipt(
    results: Mapping[str, State],
    signer: Signer,
    *,
    now: datetime,
    version: str,
    where: str,
    platform: str | None,
    seen: str,
    key: Hidden | None,
) -> str:
    """The receipt as one line of JSON."""
    salt = secrets.token_hex(16)
    made = _derive(signer.secret, salt)
    at = now.astimezone(UTC).replace(microsecond=0)
    document = {
        "receipt": _VERSION,
        "tidegate": version,
        "at": at,
        "until": at + LASTS,
        "where": _mac(_derive(signer.secret, _SAME), b"where", where.encode("utf-8", "surrogateescape"))[:16],
        "platform": platform,
        "key": seen,
        "key_hash": hash_key(key, salt) if key is not None else "",
        "checks": {name: state.value for name, state in sorted(results.items())},
        "signed_with": signer.name,
        "salt": salt,
        "signer": _mac(made, b"signer", b"")[:16],
    }
    return _encode({**document, "signature": _sign(made, document)}).decode()


def read_receipt(text: bytes, secrets_here: Iterable[Hidden], now: datetime) -> Receipt | str:
    """The receipt, or in one line why it counts for nothing."""
    receipt = _parse(text)
    if isinstance(receipt, str):
        return receipt
    made = next(
        (one for one in _made(secrets_here, receipt.salt) if _mac(one, b"signer", b"")[:16] == receipt.signer), None
    )
    if made is None:
        return f"the {_named(receipt)} that signed it is not here: it is of another target, or that secret is missing"
    unsigned: dict[str, Any] = msgspec.json.decode(text)
    signature = unsigned.pop("signature")
    if not hmac.compare_digest(str(signature).encode(), _sign(made, unsigned).encode()):
        return "it was changed after it was signed"
    if receipt.at > now + _SKEW:
        return f"it was made on {receipt.at:%Y-%m-%d %H:%M} UTC, which is yet to come: one of two clocks is wrong"
    if receipt.until < now or receipt.until - receipt.at > LASTS:
        return f"it counted until {receipt.until:%Y-%m-%d}"
    return receipt


def read_file(path: Path) -> bytes | str:
    """What is in the file, or in one line why it cannot be read."""
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
    except OSError as error:
        return f"it cannot be read: {error.strerror or 'I/O error'}"
    return text if len(text) <= _LARGEST else "it is larger than 64 KB"


def hash_key(key: Hidden, salt: str) -> str:
    """Tells whether a key is the one of the receipt; "" for one that could be guessed."""
    if not _is_strong(key, _LEAST_KEY):
        return ""
    return _mac(_derive(key, salt), b"key", b"")[:16]


def _parse(text: bytes) -> Receipt | str:
    try:
        version = msgspec.json.decode(text, type=_AnyReceipt).receipt
        if version > _VERSION:
            return "it was written by a newer tidegate"
        receipt = msgspec.json.decode(text, type=Receipt)
        bytes.fromhex(receipt.salt)
    except (msgspec.MsgspecError, ValueError):
        return "it is no receipt of `tidegate check --profile boot`"
    aware = receipt.at.tzinfo is not None and receipt.until.tzinfo is not None
    return receipt if aware and IS_TARGET in receipt.checks else "it is no whole receipt"


class _AnyReceipt(Struct):
    receipt: int


def _named(receipt: Receipt) -> str:
    return "TIDEGATE_KEY_SECRET" if receipt.signed_with == "TIDEGATE_KEY_SECRET" else "API key"


def _made(secrets_here: Iterable[Hidden], salt: str) -> Iterable[bytes]:
    return (_derive(one, salt) for one in secrets_here if _is_strong(one, _LEAST_SECRET))


def _derive(secret: Hidden, salt: str) -> bytes:
    """Slow on purpose: a fiftieth of a second, 16 MB."""
    text = secret.reveal().encode("utf-8", "surrogateescape")
    return hashlib.scrypt(text, salt=b"tidegate receipt " + bytes.fromhex(salt), n=2**14, r=8, p=1, dklen=32)


def _sign(made: bytes, document: Mapping[str, Any]) -> str:
    return _mac(made, b"signature", _encode(document))


def _mac(made: bytes, purpose: bytes, text: bytes) -> str:
    return hmac.new(made, purpose + b"\0" + text, hashlib.sha256).hexdigest()
