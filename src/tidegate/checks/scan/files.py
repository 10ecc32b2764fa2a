"""Reading files of a work tree: plain files only, nothing through a symbolic link, nothing that waits."""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from itertools import accumulate
from pathlib import Path

from msgspec import Struct, field

from tidegate.checks.scan.dig import Digger, Hit
from tidegate.checks.scan.reading import LARGE

_SMALL = 1024 * 1024
_BUNCH = 1024 * 1024
_BETWEEN = b"\n\n"
"""Between two files of a bunch: no run of base64 goes on behind it."""


class Files(Struct):
    """What reading files has brought; paths as they were given."""

    hits: dict[bytes, list[Hit]] = field(default_factory=dict)
    cut: dict[bytes, str] = field(default_factory=dict)
    unreadable: dict[bytes, str] = field(default_factory=dict)
    folders: list[bytes] = field(default_factory=list)
    read: int = 0
    size: int = 0

    def take(self, path: bytes, hits: list[Hit], cut: str | None) -> None:
        """What a closer look at a file has brought."""
        if hits:
            self.hits[path] = hits
        if cut is not None:
            self.cut[path] = cut


def read_files(top: Path, paths: Iterable[bytes], digger: Digger, told: Callable[[int], None]) -> Files:
    """Look at these files; `told` is called with how many are done."""
    files = Files()
    root = os.fsencode(top)
    bunch = _Bunch(digger, files)
    number = 0
    for number, path in enumerate(paths, 1):
        try:
            data = _read(joined(root, path), path, digger, files)
        except (FileNotFoundError, NotADirectoryError):
            continue  # deleted since, or in the index alone
        except OSError as error:
            if error.errno != errno.ELOOP:  # a symbolic link
                files.unreadable[path] = error.strerror or str(error)
            continue
        if data is not None and bunch.add(path, data):
            told(number)
    bunch.look()
    told(number)
    return files


class _Bunch:
    """Files that are looked at as one piece of bytes, a megabyte or more, which is faster than one by one."""

    def __init__(self, digger: Digger, files: Files) -> None:
        self._digger = digger
        self._files = files
        self._paths: list[bytes] = []
        self._contents: list[bytes] = []
        self._size = 0

    def add(self, path: bytes, data: bytes) -> bool:
        """Take a file along; True when the bunch was full, and was looked at."""
        self._paths.append(path)
        self._contents.append(data)
        self._size += len(data)
        return self._size >= _BUNCH and self.look()

    def look(self) -> bool:
        """Look at all of them, and begin anew."""
        starts = list(accumulate((len(one) + len(_BETWEEN) for one in self._contents), initial=0))[:-1]
        for number in self._digger.sieve.pieces(_BETWEEN.join(self._contents), starts):
            self._files.take(self._paths[number], *self._digger.dig(self._contents[number]))
        self._files.read += len(self._paths)
        self._files.size += self._size
        self._paths, self._contents, self._size = [], [], 0
        return True


def joined(folder: bytes, name: bytes) -> bytes:
    """A path; an empty folder is the one that paths are relative to."""
    return folder + b"/" + name if folder else name


def read_text(top: Path, path: bytes) -> str | None:
    """A small text file; None when it is not there, or no plain file."""
    try:
        with _opened(joined(os.fsencode(top), path), 0) as (file, found):
            return os.read(file, _SMALL).decode("utf-8", "replace") if stat.S_ISREG(found.st_mode) else None
    except OSError:
        return None


@contextmanager
def _opened(place: bytes, flags: int) -> Iterator[tuple[int, os.stat_result]]:
    file = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags)
    try:
        yield file, os.fstat(file)
    finally:
        os.close(file)


def _read(place: bytes, path: bytes, digger: Digger, files: Files) -> bytes | None:
    """The content of a file; None for what is none, and for one that was too large and is done."""
    with _opened(place, os.O_NOFOLLOW) as (file, found):
        if stat.S_ISDIR(found.st_mode):
            files.folders.append(path)
        if not stat.S_ISREG(found.st_mode):
            return None
        with FileIO(file, closefd=False) as content:
            if found.st_size <= LARGE:
                return content.readall()
            files.take(path, *digger.dig_large(content))
    files.read += 1
    return None
