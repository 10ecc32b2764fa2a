"""What is packed: gzip, bzip2, xz, zip (jar, wheel, docx, …) and tar, read piece by piece within a budget.

Nothing is written to the disk and no name in an archive is followed.  A budget bounds the bytes that one file may
unpack to, the number of its members and how deep archives may be nested, so that a bomb costs seconds; what a
budget cut off is told, never passed over in silence.
"""

import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import IO, Any, Final, Literal

from msgspec import Struct

from tidegate.checks.scan.inflated import Inflated

Form = Literal["gzip", "bzip2", "xz", "zip", "tar"]

_MAGIC: Final[dict[bytes, Form]] = {
    b"\x1f\x8b\x08": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
}
_STARTS = tuple(_MAGIC)
_FIRST = {start[:1] for start in _STARTS}
_TAR_AT = 257
_TAR = b"ustar"

_DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    tarfile.TarError,
    MemoryError,
)
"""What the standard library's readers raise on archives that are broken, encrypted or of an unknown method."""

_MOST_DIRECTORY = 8 * 1024 * 1024
"""Bytes of a zip's directory: about 100,000 members; it is read into memory as a whole."""

_PROGRAMS = (b"#!", b"MZ", b"\x7fELF")
"""How a script and the programs of Windows and Linux begin."""

ZIP_END: Final = b"PK\x05\x06"
"""The record at a zip's end, by which it is read."""

LAST: Final = 65_557
"""Bytes from that record to the end, with the longest comment."""

_DEEPEST = 4


class Budget:
    """How much one file may unpack to; counts down."""

    def __init__(self, size: int, members: int = 50_000) -> None:
        self._size = self.left = size
        self._members = members
        self.depth = 0
        self.cut: str | None = None
        """Why not all was looked at."""

    def take(self, count: int) -> None:
        """Count bytes that were unpacked."""
        self.left -= count

    def next_member(self) -> bool:
        """False when there have been too many."""
        self._members -= 1
        return self._members >= 0 or self.stop("it has too many members")

    def stop(self, why: str) -> Literal[False]:
        """Remember the first reason why not all was looked at."""
        self.cut = self.cut or why
        return False

    def enter(self) -> bool:
        """One archive deeper; False when that is too deep."""
        if self.depth >= _DEEPEST:
            return self.stop(f"archives are nested more than {_DEEPEST} deep in it")
        self.depth += 1
        return True

    def leave(self) -> None:
        """Out of an archive again."""
        self.depth -= 1

    @property
    def size_words(self) -> str:
        """`256 MB`."""
        return f"{self._size // 1_000_000:,} MB"


class Metered:
    """A stream whose bytes count against a budget; it ends when the budget does."""

    def __init__(self, stream: Any, budget: Budget) -> None:
        self._stream = stream
        self._budget = budget

    def read(self, size: int) -> bytes:
        """At most `size` bytes; empty at the end, which is also where the damage begins."""
        left = self._budget.left
        try:
            data: bytes = self._stream.read(min(size, left)) if left else b""
            if len(data) == left < size and self._stream.read(1):
                self._budget.stop(f"it unpacks to more than {self._budget.size_words}")
        except _DAMAGED:
            return b""
        self._budget.take(len(data))
        return data


class Member(Struct, frozen=True):
    """Something that was packed: its name in the archive (none in a compressed file), its form, its bytes."""

    name: bytes
    form: Form
    stream: Metered


def form_of(data: bytes) -> Form | None:
    """The form of an archive or a compressed file by its first bytes (262 of them are enough)."""
    if data.startswith(_STARTS):
        return next(form for start, form in _MAGIC.items() if data.startswith(start))
    return "tar" if data.startswith(_TAR, _TAR_AT) else None


def is_packed(data: bytes, at: int = 0) -> bool:
    """True when what `members` can read begins at this offset."""
    return (data[at : at + 1] in _FIRST and data.startswith(_STARTS, at)) or data.startswith(_TAR, at + _TAR_AT)


def may_end_as_zip(data: bytes, at: int = 0) -> bool:
    """True when a program begins at this offset, which may have a zip behind it."""
    return data.startswith(_PROGRAMS, at)


def ends_as_zip(data: bytes) -> bool:
    """True for a program with a zip behind it: pyz, and what unpacks itself."""
    return may_end_as_zip(data) and data.rfind(ZIP_END, max(0, len(data) - LAST)) >= 0


def members(file: Any, form: Form, budget: Budget) -> Iterator[Member]:
    """What is packed in a file, which must be seekable for zip; of a damaged one, what can still be read."""
    if not budget.enter():
        return
    try:
        if form == "zip":
            yield from _zip(file, budget)
        elif form == "tar":
            yield from _tar(file, budget)
        else:
            yield Member(b"", form, Metered(Inflated(file, form), budget))
    except _DAMAGED:
        return
    finally:
        budget.leave()


def _zip(file: IO[bytes], budget: Budget) -> Iterator[Member]:
    if _directory_size(file) > _MOST_DIRECTORY:
        budget.stop("it has too many members")
        return
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if not budget.next_member():
                return
            if info.is_dir() or info.flag_bits & 1:  # encrypted: nobody can look inside without its password
                continue
            with archive.open(info) as stream:
                yield Member(info.filename.encode("utf-8", "replace"), "zip", Metered(stream, budget))


def _directory_size(file: IO[bytes]) -> int:
    """As the end record says: zipfile reads that many bytes, and an object for each member, at once.

    0 for a record that cannot be true: zipfile finds the damage itself.
    """
    end = file.seek(0, 2)
    file.seek(max(0, end - LAST))
    tail = file.read()
    file.seek(0)
    at = tail.rfind(ZIP_END)
    size = int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else 0
    if size == 0xFFFF_FFFF:  # more than fits: the record of zip64 has it
        wide = tail.rfind(b"PK\x06\x06")
        size = int.from_bytes(tail[wide + 40 : wide + 48], "little") if wide >= 0 else 0
    return size if size <= end else 0


def _tar(file: Any, budget: Budget) -> Iterator[Member]:
    with tarfile.open(fileobj=file, mode="r|", errors="surrogateescape") as archive:
        for info in archive:
            if not budget.next_member():
                return
            stream = archive.extractfile(info) if info.isreg() else None
            if stream is not None:
                yield Member(info.name.encode("utf-8", "surrogateescape"), "tar", Metered(stream, budget))


class Rejoined:
    """A stream of which the first bytes were read already."""

    def __init__(self, first: bytes, rest: Metered) -> None:
        self._first = BytesIO(first)
        self._rest = rest

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; empty at the end."""
        return self._first.read(size) or self._rest.read(size)
