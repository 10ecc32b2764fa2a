"""Which objects were found clean before: an object never changes, so it need not be read again.

The file holds the ids of clean objects alone, for one version of the rules; objects with findings, and those that
could not be looked at in full, are read again every time.  A file that is damaged, or of other rules, is as none.
"""

import os
import tempfile
from hashlib import blake2b
from pathlib import Path
from typing import Final

RULES: Final = 2
"""Increase it with every change that could find more: in kinds, likeness, match, escaped, runs, wide,
packed, lfs, sieve or dig."""

_PLACE = Path("tidegate") / "scan-cache"


class Cache:
    """The file of one repository, below its git directory; `unpack` is the budget that objects were looked at with."""

    def __init__(self, common: Path, id_length: int, unpack: int) -> None:
        self._path = common / _PLACE
        self._size = id_length // 2
        self._head = f"tidegate scan-cache 1; rules {RULES}; ids {self._size}; unpack {unpack}\n".encode()

    def read(self) -> set[bytes]:
        """The ids of clean objects in hexadecimal digits; none when there is no good file."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return set()
        body, seal = data[len(self._head) : -32], data[-32:]
        if not data.startswith(self._head) or len(body) % self._size or seal != _seal(self._head + body):
            return set()
        digits, length = body.hex().encode(), 2 * self._size
        return {digits[at : at + length] for at in range(0, len(digits), length)}

    def write(self, clean: set[bytes]) -> str | None:
        """Replace the file at once; returns why that was not possible."""
        body = self._head + bytes.fromhex(b"".join(sorted(clean)).decode())
        try:
            self._path.parent.mkdir(exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._path.parent, delete=False) as file:
                try:
                    file.write(body + _seal(body))
                    file.close()
                    os.replace(file.name, self._path)  # noqa: PTH105 - as a rename, in one step
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            return f"{self._path}: {error.strerror or error}"
        return None


def _seal(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()
