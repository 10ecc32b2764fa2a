"""The history: every object is looked at, by several git processes and threads at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock
from typing import Final

from msgspec import Struct, field

from tidegate.checks.scan.dig import Digger, Hit
from tidegate.checks.scan.git import Git
from tidegate.checks.scan.objects import Listed, Object
from tidegate.checks.scan.reading import Chunk, Large, contents

MOST_THREADS: Final = 4
"""More git processes than that are faster than what looks at their output."""


class Looked(Struct):
    """What looking at objects has brought; several threads add to it."""

    hits: dict[Object, list[Hit]] = field(default_factory=dict)
    cut: dict[Object, str] = field(default_factory=dict)
    """Why not all of an object was looked at."""
    lost: list[bytes] = field(default_factory=list)
    """Ids of objects that cannot be read."""
    clean: list[bytes] = field(default_factory=list)
    done: int = 0
    size: int = 0
    """Bytes."""

    @property
    def read(self) -> int:
        """How many objects were looked at."""
        return len(self.clean) + len(self.hits.keys() | self.cut.keys())


def look(
    git: Git,
    objects: Listed,
    digger: Digger,
    threads: int,
    told: Callable[[int], None],
    found: Callable[[], None] = lambda: None,
) -> Looked:
    """Look at these objects; `told` is called with how many are done, `found` once or more when there are hits."""
    looked = Looked()
    lock, stopped = Lock(), Event()

    def work(part: "list[bytes]") -> None:
        for piece in contents(git, part, looked.lost):
            count, size = _look(piece, digger, looked)
            with lock:
                looked.done += count
                looked.size += size
                told(looked.done)
                if looked.hits:
                    found()
            if stopped.is_set():
                return

    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(work, list(part)) for part in objects.parts(threads)]
        try:
            for one in running:
                one.result()
        except BaseException:
            stopped.set()
            raise
    return looked


def _look(piece: Chunk | Large, digger: Digger, looked: Looked) -> tuple[int, int]:
    """Look at a piece; returns how many objects and bytes it has."""
    if isinstance(piece, Large):
        with piece.file as file:
            _close(piece.object, *digger.dig_large(file), looked)
        return 1, piece.object.size
    others, trees = piece.without_trees()
    _look_closer(others, digger.sieve.pieces(others.data, others.starts), digger, looked)
    _look_closer(trees, digger.sieve.names(trees.data, trees.starts), digger, looked)
    return len(piece.objects), sum(one.size for one in piece.objects)


def _look_closer(chunk: Chunk, closer: set[int], digger: Digger, looked: Looked) -> None:
    for number in closer:
        _close(chunk.objects[number], *digger.dig(chunk.content(number)), looked)
    looked.clean += [one.id for number, one in enumerate(chunk.objects) if number not in closer]


def _close(one: Object, hits: list[Hit], cut: str | None, looked: Looked) -> None:
    if hits:
        looked.hits[one] = hits
    if cut is not None:
        looked.cut[one] = cut
    if not hits and cut is None:
        looked.clean.append(one.id)
