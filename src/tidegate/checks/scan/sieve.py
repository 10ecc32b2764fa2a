"""The fast look: which places in many bytes may hold a credential, so that only those are looked at closely.

It must never miss what the close look (`dig.py`) finds, and it decides on most bytes with a few searches in C: one
for `sk-ant-`, one for UTF-16 where there are zero bytes, one for runs of base64.  Runs that were decoded and hold
nothing are remembered: the versions of a lock file share nearly all of theirs.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from tidegate.checks.scan.escaped import ESCAPED_NEEDLES, has_escaped
from tidegate.checks.scan.lfs import POINTER
from tidegate.checks.scan.match import NEEDLES
from tidegate.checks.scan.packed import ends_as_zip, is_packed, may_end_as_zip
from tidegate.checks.scan.runs import LEAST_ENCODED, MAY_GO_ON, decodings, joined, runs
from tidegate.checks.scan.wide import WIDE_NEEDLES, has_mark, has_wide

_REMEMBERED = 200_000
_LONGEST_REMEMBERED = 512
_DEEPEST = 4
"""Base64 in base64, and so on."""

_PLAIN_NEEDLES = (NEEDLES[0], *ESCAPED_NEEDLES)
"""What is looked for as it is; other credentials are runs of base64, too."""


class Sieve:
    """Remembers what it has seen; one serves a whole scan, from several threads."""

    def __init__(self) -> None:
        self._clean: set[bytes] = set()

    def pieces(self, data: bytes, starts: Sequence[int]) -> set[int]:
        """Which of the contents that begin at these offsets need a closer look."""
        found = {bisect_right(starts, at) - 1 for at in self.places(data)}
        found.discard(-1)
        return found.union(number for number, at in enumerate(starts) if _begins_apart(data, at))

    def names(self, data: bytes, starts: Sequence[int]) -> set[int]:
        """As `pieces`, for folders, in which names are looked at as they are."""
        return {bisect_right(starts, at) - 1 for needle in NEEDLES[:2] for at in _all(data, needle)}

    def places(self, data: bytes) -> Iterator[int]:
        """Where a closer look is due, but for what is told by a content's first bytes."""
        for needle in _PLAIN_NEEDLES:
            yield from _all(data, needle)
        for needle in WIDE_NEEDLES if b"\0" in data else ():
            yield from _all(data, needle)
        yield from (start for start, _ in self.loaded_runs(data))

    def loaded_runs(self, data: bytes, depth: int = 0) -> Iterator[tuple[int, bytes]]:
        """Runs that are, or decode to, what may hold a credential: where they begin, and their text."""
        clean = self._clean
        done = 0
        for start, end in runs(data):
            if start < done:
                continue
            run = data[start:end]
            if data[end : end + 1] in MAY_GO_ON:
                run, done = joined(data, start, end)
            if run not in clean:
                if self._is_loaded(run, depth):
                    yield start, run
                elif depth == 0 and len(run) <= _LONGEST_REMEMBERED:  # deeper, less was looked at
                    self._remember(run)

    def may_hold(self, data: bytes, depth: int = 0) -> bool:
        """True when these bytes need a closer look, or something that is packed in them does."""
        return _has_needle(data) or is_packed(data) or ends_as_zip(data) or self._has_loaded_run(data, depth)

    def _is_loaded(self, run: bytes, depth: int) -> bool:
        if len(run) < LEAST_ENCODED or _has_needle(run):
            return _has_needle(run)
        decoded = decodings(run)
        for one in decoded:
            if is_packed(one):
                return True
        every = b" ".join(decoded)  # one look at all of them is faster
        return _has_needle(every) or self._has_loaded_run(every, depth + 1)

    def _has_loaded_run(self, data: bytes, depth: int) -> bool:
        return depth < _DEEPEST and next(self.loaded_runs(data, depth), None) is not None

    def _remember(self, run: bytes) -> None:
        if len(self._clean) >= _REMEMBERED:
            self._clean.clear()
        self._clean.add(run)


def _begins_apart(data: bytes, at: int) -> bool:
    """Whether the first bytes of a content ask for a closer look at all of it."""
    return is_packed(data, at) or has_mark(data, at) or may_end_as_zip(data, at) or data.startswith(POINTER, at)


def _has_needle(data: bytes) -> bool:
    return b"sk-ant-" in data or b"tg_" in data or b"whsec_" in data or has_wide(data) or has_escaped(data)


def _all(data: bytes, needle: bytes) -> Iterator[int]:
    at = data.find(needle)
    while at >= 0:
        yield at
        at = data.find(needle, at + len(needle))
