"""Who is asking: from the credential of a request to the app key, without a look-up for what cannot be right."""

import hmac
from collections import OrderedDict
from collections.abc import Mapping
from typing import Protocol

from tidegate.core.ports import Clock
from tidegate.doors.gateway.request import Pairs
from tidegate.model.keys import AppKey, has_checksum, key_id, keyed_hash
from tidegate.model.refusal import Refusal
from tidegate.model.times import SECOND
from tidegate.policy.limits import Window

_FRESH = 0.5
"""Seconds that a key read from the database is believed: a revocation works within a second in every worker."""

_BAD_TRIES = 20
"""Bad keys per address and minute; beyond them the answer is `rate_limited`."""

_MOST_KEYS = 10_000
_MOST_ADDRESSES = 10_000
_MINUTE = 60 * SECOND


class KeySource(Protocol):
    """Where keys are looked up."""

    def find(self, key_id: str) -> AppKey | None:
        """The key of that id, revoked or not."""


class Keyring:
    """Checks app keys."""

    def __init__(self, source: KeySource, secret: str, clock: Clock) -> None:
        self._source = source
        self._secret = secret
        self._clock = clock
        self._ticks = clock.ticks
        self._known: dict[str, tuple[float, AppKey | None]] = {}
        self._good: dict[tuple[bytes | None, bytes | None], tuple[float, AppKey, bool]] = {}
        """Credentials with a good key: until when that key is believed, the key, whether it ends at a time."""
        self._bad: OrderedDict[str, Window] = OrderedDict()

    def check(self, headers: Pairs, said: Mapping[bytes, bytes], address: str) -> AppKey | Refusal:
        """The app key of a request, or why it has none; `said`: the headers by name."""
        again = self._good.get((said.get(b"x-api-key"), said.get(b"authorization")))
        if again is not None and self._ticks() < again[0] and len(said) == len(headers):
            return self._in_force(again[1])
        credential = _credential(headers)
        if isinstance(credential, Refusal):
            return credential
        checked = self._verify(credential)
        if isinstance(checked, AppKey):
            if len(said) == len(headers):
                self._remember((said.get(b"x-api-key"), said.get(b"authorization")), checked)
        elif checked.reason == "bad_key":
            return self._count_bad(address) or checked
        return checked

    def known(self, headers: Pairs, said: Mapping[bytes, bytes]) -> AppKey | None:
        """The key of a request whose credential was good a moment ago; None: `check` must say."""
        again = self._good.get((said.get(b"x-api-key"), said.get(b"authorization")))
        if again is None:
            return None
        until, key, ends = again
        return None if ends or self._ticks() >= until or len(said) != len(headers) else key

    def _verify(self, credential: str) -> AppKey | Refusal:
        name = key_id(credential)
        key = None if name is None else self._find(name, credential)
        if key is None or not hmac.compare_digest(key.hash, keyed_hash(credential, self._secret)):
            return Refusal(reason="bad_key")
        return self._in_force(key)

    def _remember(self, credential: tuple[bytes | None, bytes | None], key: AppKey) -> None:
        """Spare the next requests with the same headers the hash, until the key must be read again."""
        if len(self._good) >= _MOST_KEYS:
            self._good.clear()
        ends = key.expires_at is not None or key.revoked_at is not None
        self._good[credential] = (self._known[key.id][0] + _FRESH, key, ends)

    def _in_force(self, key: AppKey) -> AppKey | Refusal:
        if key.revoked_at is None and key.expires_at is None:
            return key
        now = self._clock.now()
        if key.revoked_at is not None and key.revoked_at <= now:
            return Refusal(reason="key_revoked")
        if key.expires_at is not None and key.expires_at <= now:
            return Refusal(reason="key_expired")
        return key

    def _find(self, name: str, credential: str) -> AppKey | None:
        ticks = self._ticks()
        known = self._known.get(name)
        if known is not None and ticks - known[0] < _FRESH:
            return known[1]
        if not has_checksum(credential):
            return None
        if len(self._known) >= _MOST_KEYS:
            self._known.clear()
        key = self._source.find(name)
        self._known[name] = (ticks, key)
        return key

    def _count_bad(self, address: str) -> Refusal | None:
        window = self._bad.setdefault(address, Window())
        self._bad.move_to_end(address)
        if len(self._bad) > _MOST_ADDRESSES:
            self._bad.popitem(last=False)
        now = int(self._ticks() * SECOND)
        wait = window.wait(1, _BAD_TRIES, now, _MINUTE)
        if wait:
            return Refusal(reason="rate_limited", scope="address", retry_after=wait / SECOND)
        window.add(1, now, _MINUTE)
        return None


def _credential(headers: Pairs) -> str | Refusal:
    found: set[bytes] = set()
    for name, value in headers:
        if name == b"x-api-key":
            found.add(value.strip())
        elif name == b"authorization":
            scheme, _, token = value.partition(b" ")
            found.add(token.strip() if scheme.lower() == b"bearer" else value)
    found.discard(b"")
    if len(found) > 1:
        return Refusal(
            reason="bad_request", detail="The headers x-api-key and authorization carry different keys; send one key."
        )
    return found.pop().decode("latin-1") if found else Refusal(reason="bad_key")
