"""Decompressing a body piece by piece, in bounded memory, with the same result for every chunking."""

import zlib
from collections.abc import Iterator

PIECE = 64 * 1024
"""Most bytes that one step hands out: a zip bomb costs time, never memory."""

_GZIP, _ZLIB, _RAW = 31, 15, -15
_NAMES = {b"gzip": _GZIP, b"x-gzip": _GZIP, b"deflate": _ZLIB}


class Garbage(ValueError):  # noqa: N818 - the fact, not a fault
    """The bytes are not in the encoding that they claim."""


class Inflater:
    """One compressed body; `feed` yields its plain bytes and raises Garbage after the last that could be read."""

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._stream = None if wbits == _ZLIB else zlib.decompressobj(wbits)
        self._head = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The plain bytes that this chunk completes, in pieces of at most `PIECE`."""
        if self._stream is None:
            chunk = self._head = self._head + chunk
            if len(chunk) < 2:
                return
            self._stream = zlib.decompressobj(_deflate_wbits(chunk))
            self._head = b""
        while chunk:
            # A copy (1 us) lets a corrupt chunk give up the bytes before its fault, as a finer chunking would.
            before = self._stream.copy()
            try:
                piece = self._stream.decompress(chunk, PIECE)
            except zlib.error:
                yield from _until_fault(before, chunk)
                raise Garbage from None
            yield piece
            if self._stream.eof:
                chunk = self._stream.unused_data
                self._stream = zlib.decompressobj(self._wbits)  # gzip allows several members in a row
            else:
                chunk = self._stream.unconsumed_tail
                if not chunk and len(piece) == PIECE:
                    yield from self._rest()

    def _rest(self) -> Iterator[bytes]:
        """What zlib still holds back after all input is used."""
        stream = self._stream
        while stream is not None and (piece := stream.decompress(b"", PIECE)):
            yield piece


def is_plain(content_encoding: bytes | None) -> bool:
    """True for bytes that need no decompression."""
    return content_encoding is None or content_encoding.strip().lower() in (b"", b"identity")


def inflater(content_encoding: bytes | None) -> Inflater | None:
    """The way to read that content-encoding; None for one that we cannot read."""
    wbits = _NAMES.get((content_encoding or b"").strip().lower())
    return None if wbits is None else Inflater(wbits)


def inflate(body: bytes, content_encoding: bytes | None, limit: int) -> bytes:
    """A whole body in clear; raises Garbage when it is not readable or longer than `limit`."""
    if is_plain(content_encoding):
        return body
    stream = inflater(content_encoding)
    if stream is None:
        raise Garbage
    pieces: list[bytes] = []
    size = 0
    for piece in stream.feed(body):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise Garbage
    return b"".join(pieces)


def _deflate_wbits(head: bytes) -> int:
    """`deflate` means zlib's format, but some servers send it without its two leading bytes."""
    wrapped = head[0] & 0x0F == 8 and (head[0] << 8 | head[1]) % 31 == 0
    return _ZLIB if wrapped else _RAW


def _until_fault(stream: "zlib._Decompress", chunk: bytes) -> Iterator[bytes]:
    """The plain bytes before the fault in this chunk."""
    for at in range(len(chunk)):
        try:
            piece = stream.decompress(chunk[at : at + 1])
        except zlib.error:
            return
        yield piece
