"""A secret as a value: nothing shows it by accident, and comparing it takes the same time whatever is compared."""

import hashlib
import hmac
from typing import NoReturn, final

_LONG_ENOUGH = 20
"""Characters from which on neither the last four nor a hash without a key helps anyone to guess the rest."""


@final
class Secret:
    """A secret; only `reveal()` gives it.  Repr, str and format hide it; msgspec, pickle and copy refuse it."""

    __slots__ = ("_value", "notices", "origin")

    def __init__(self, value: str, origin: str, notices: tuple[str, ...] = ()) -> None:
        self._value = value
        self.origin = origin
        """The address that it was read from."""
        self.notices = notices
        """Sentences worth saying at the start, such as that its file is open to everybody."""

    def reveal(self) -> str:
        """The secret itself."""
        return self._value

    def matches(self, candidate: str | bytes) -> bool:
        """Whether the candidate is this secret, in constant time, whatever its length."""
        given = candidate.encode("utf-8", "surrogatepass") if isinstance(candidate, str) else candidate
        return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(self._bytes()).digest())

    def fingerprint(self, key: bytes = b"") -> str:
        """The last four characters and twelve hex digits of a hash with `key`: tells secrets apart in front of people.

        A secret that is short enough to be guessed shows no characters, and without a key no hash.
        """
        long = len(self._value) >= _LONG_ENOUGH
        if not long and not key:
            return "(too short to show anything of it)"
        digest = hmac.new(b"tidegate fingerprint " + key, self._bytes(), hashlib.sha256).hexdigest()[:12]
        return f"…{self._value[-4:]} {digest}" if long else f"… {digest}"

    def _bytes(self) -> bytes:
        return self._value.encode("utf-8", "surrogatepass")

    def __repr__(self) -> str:
        return f"<secret from {self.origin}>"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret cannot be pickled or copied")
