"""Reading the contents of many objects from one git process, a megabyte at a time.

Git answers in the order of the ids: `TYPE SIZE`, the content, a newline; or `ID missing`.  Whole objects are taken
from the stream as one piece of bytes, which is looked at as one, and taken apart only where something was found.
"""

import tempfile
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import IO

from msgspec import Struct

from tidegate.checks.scan.dig import LARGEST
from tidegate.checks.scan.git import Git
from tidegate.checks.scan.objects import Object, listed

LARGE = 32 * 1024 * 1024
"""Larger blobs go through a temporary file."""

_BATCH = "--batch=%(objecttype) %(objectsize)"
"""Without the id, which would look like base64."""

_BETWEEN = b"\n\n"
_CHUNK = 1024 * 1024
_MOST_LOST = 200
"""Damaged objects after which the rest of a part is given up: git ends at each of them, and must be started again."""


class Chunk(Struct, frozen=True):
    """Objects as they stand in `data`: `starts[n]` is where the content of `objects[n]` begins."""

    data: bytes
    objects: list[Object]
    starts: list[int]

    def without_trees(self) -> "tuple[Chunk, Chunk]":
        """The other objects, and the trees: folders have only names to look at, and there may be many of them."""
        trees = [number for number, one in enumerate(self.objects) if one.type == b"tree"]
        if not trees or len(trees) == len(self.objects):
            empty = Chunk(b"", [], [])
            return (empty, self) if trees else (self, empty)
        others = [number for number, one in enumerate(self.objects) if one.type != b"tree"]
        return self._only(others), self._only(trees)

    def _only(self, numbers: list[int]) -> "Chunk":
        contents = [self.content(number) for number in numbers]
        starts = list(accumulate((len(one) + len(_BETWEEN) for one in contents), initial=0))[:-1]
        return Chunk(_BETWEEN.join(contents), [self.objects[number] for number in numbers], starts)

    def content(self, number: int) -> bytes:
        """The content of one object."""
        start = self.starts[number]
        return self.data[start : start + self.objects[number].size]


class Large(Struct, frozen=True):
    """A blob that is too large for memory, in a temporary file; more than what is looked at is not kept."""

    object: Object
    file: IO[bytes]


def contents(git: Git, ids: Sequence[bytes], lost: list[bytes]) -> Iterator[Chunk | Large]:
    """The contents of these objects; ids of those that cannot be read go to `lost`."""
    done = damaged = 0
    while done < len(ids):
        with (
            listed(ids[done:]) as names,
            git.started("cat-file", _BATCH, "--buffer", stdin=names) as process,
        ):
            assert process.stdout is not None
            stream = _Stream(process.stdout, ids, done, lost)
            yield from stream.pieces()
            done = stream.done
        if done < len(ids):  # git has ended at a damaged object: go on behind it
            damaged += 1
            behind = len(ids) if damaged > _MOST_LOST else done + 1
            lost += ids[done:behind]
            done = behind


class _Stream:
    """What one process writes; `done` counts the ids that it has answered in full."""

    def __init__(self, source: IO[bytes], ids: Sequence[bytes], done: int, lost: list[bytes]) -> None:
        self._source = source
        self._ids = ids
        self._lost = lost
        self._data = b""
        self.done = done

    def pieces(self) -> Iterator[Chunk | Large]:
        while self.done < len(self._ids):
            more = self._source.read(_CHUNK)
            self._data += more
            chunk, used, wanted = self._whole()
            if chunk.objects:
                yield chunk
            self._data = self._data[used:]
            if wanted is not None and wanted.size > LARGE:
                large = self._large(wanted)
                if large is None:
                    return
                yield large
            elif wanted is not None and wanted.size > _CHUNK:
                self._data += self._source.read(wanted.size)
            if not more:
                return

    def _whole(self) -> tuple[Chunk, int, Object | None]:
        """All whole objects at hand, how many bytes they take, and the one of which only a part is there."""
        data, at, end = self._data, 0, len(self._data)
        objects: list[Object] = []
        starts: list[int] = []
        wanted = None
        while True:
            line = data.find(b"\n", at)
            if line < 0:
                break
            kind, _, size = data[at:line].partition(b" ")
            if size == b"missing":
                self._lost.append(kind)
                self.done += 1
                at = line + 1
                continue
            one = Object(self._ids[self.done], kind, int(size))
            if line + 1 + one.size + 1 > end:
                wanted = one
                break
            objects.append(one)
            starts.append(line + 1)
            self.done += 1
            at = line + 1 + one.size + 1
        return Chunk(data, objects, starts), at, wanted

    def _large(self, one: Object) -> Large | None:
        """The blob whose beginning is at hand; None when git could not write all of it."""
        file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever looks at it closes it
        left = one.size
        data = self._data[self._data.index(b"\n") + 1 :] or self._source.read(min(left, _CHUNK))
        while left and data:
            piece = data[:left]
            if one.size - left <= LARGEST:
                file.write(piece)
            left -= len(piece)
            data = self._source.read(min(left, _CHUNK)) if left else b""
        self._source.read(1)  # the newline behind it
        self._data = b""
        if left:
            file.close()
            return None
        self.done += 1
        file.seek(0)
        return Large(one, file)
