"""The objects of a repository: all that are there, reachable or not, in packs, loose, or in alternates."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import IO

from msgspec import Struct

from tidegate.checks.scan.git import Git

_FORM = "--batch-check=%(objectname) %(objectsize:disk)"


class Object(Struct, frozen=True, gc=False):
    """One object; `id` in hexadecimal digits, `type` is blob, commit, tag or tree."""

    id: bytes
    type: bytes
    size: int


class Listed(Struct, frozen=True):
    """All ids, in the order in which git reads them fastest, and how many bytes each takes on the disk."""

    ids: Sequence[bytes]
    sizes: Sequence[bytes]
    warnings: Sequence[str]

    def without(self, known: set[bytes]) -> "Listed":
        """Those that are not known yet."""
        if not known:
            return self
        left = [pair for pair in zip(self.ids, self.sizes, strict=True) if pair[0] not in known]
        return Listed([name for name, _ in left], [size for _, size in left], self.warnings)

    def parts(self, count: int) -> Iterator[Sequence[bytes]]:
        """The ids in so many parts of about the same size; neighbours stay together, as git reads them faster so."""
        sizes = [int(size) + _EACH for size in self.sizes]
        share = sum(sizes) / count
        start = size = 0
        for end, one in enumerate(sizes, 1):
            size += one
            if size >= share:
                yield self.ids[start:end]
                start, size = end, 0
        if start < len(self.ids):
            yield self.ids[start:]


_EACH = 100
"""What reading one more object costs, in bytes on the disk."""


def all_objects(git: Git) -> Listed:
    """Every object of the repository."""
    out, warnings = git.both("cat-file", "--batch-all-objects", "--unordered", _FORM)
    words = out.split()
    return Listed(words[::2], words[1::2], warnings)


def listed(ids: Iterable[bytes]) -> IO[bytes]:
    """A temporary file with one id a line, for git to read."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    left = iter(ids)
    while some := list(islice(left, 10_000)):
        file.write(b"\n".join(some) + b"\n")
    file.seek(0)
    return file
