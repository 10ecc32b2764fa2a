"""Compressed files, read piece by piece; of a damaged or truncated one, all that can still be read."""

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any, Final, Protocol

_INPUT = 256 * 1024
_PIECE = 1024 * 1024

_BROKEN = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)


class _Decompressor(Protocol):
    """What the three of the standard library have in common."""

    @property
    def eof(self) -> bool:
        """True at the end of a member."""

    @property
    def unused_data(self) -> bytes:
        """What stands behind that end."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """At most that many bytes of what has been given so far."""


class Inflated:
    """A compressed file as a stream; members that stand one behind the other are one content."""

    def __init__(self, file: Any, form: str) -> None:
        self._file = file
        self._make = _MAKERS[form]
        self._inside = self._make()
        self._waiting = b""
        self._over = False

    def read(self, size: int) -> bytes:
        """At most `size` bytes; empty at the end, which is also where the damage begins."""
        pieces: list[bytes] = []
        left = size
        while left > 0 and not self._over:
            piece = self._some(min(left, _PIECE))
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def _some(self, most: int) -> bytes:
        try:
            if self._inside.eof:
                self._next_member()
            if not self._waiting and self._hungry():
                self._waiting = self._file.read(_INPUT)
                self._over = not self._waiting
            data, self._waiting = self._waiting, b""
            piece = self._inside.decompress(data, most)
            self._waiting = getattr(self._inside, "unconsumed_tail", b"") or self._waiting
        except _BROKEN:
            self._over = True
            return b""
        return piece

    def _hungry(self) -> bool:
        """True when the decompressor has nothing left of what it was given."""
        return getattr(self._inside, "needs_input", True)

    def _next_member(self) -> None:
        rest = self._inside.unused_data.lstrip(b"\0") or self._file.read(_INPUT)
        self._inside = self._make()
        self._waiting = rest
        self._over = not rest


_MAKERS: Final[dict[str, Callable[[], _Decompressor]]] = {
    "gzip": lambda: zlib.decompressobj(31),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(memlimit=256 * 1024 * 1024),
}
"""`memlimit` in bytes: a dictionary of any size could be asked for."""
