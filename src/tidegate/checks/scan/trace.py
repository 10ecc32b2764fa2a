"""Where objects come from: in which commit, under which path, by whom.  Asked only about objects with findings."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from msgspec import Struct

from tidegate.checks.scan.git import Git
from tidegate.checks.scan.objects import listed

_FORMAT = "--format=%x01%H%x00%aI%x00%an%x00%S"
_DIFF = ("-m", "-t", "--raw", "--no-abbrev", "-z", "--no-renames", "--no-ext-diff", "--no-textconv")
_LOG = ("log", "--ignore-missing", "--all", *_DIFF, _FORMAT)
_MOST_ASKED = 500
"""Objects that are named on one command line."""

_MOST_EARLY = 300_000
"""Objects of a repository whose whole log is asked for early: it is kept in memory."""


class Sighting(Struct, frozen=True):
    """An object as a commit has brought it in; `path` is empty for the commit itself."""

    path: bytes
    commit: str
    date: str
    author: bytes
    ref: bytes
    """The reference that led there, as `refs/stash`; empty when none does."""


class EarlyLog:
    """The log of all commits, asked for at the first finding, while other objects are still being read."""

    def __init__(self, git: Git, objects: int) -> None:
        self._git = git
        self._wanted = objects <= _MOST_EARLY
        self._pool = ThreadPoolExecutor(1)
        self._log: Future[bytes] | None = None

    def begin(self) -> None:
        """Ask for it; once is enough."""
        if self._wanted:
            self._wanted = False
            self._log = self._pool.submit(self._git.written, *_LOG)

    def sightings(self, wanted: set[bytes]) -> "Iterator[tuple[bytes, Sighting]]":
        """What commits have brought in; at least what is wanted."""
        if self._log is not None:
            yield from _sightings(self._log.result(), walked=True)
            return
        asked = [f"--find-object={one.decode()}" for one in wanted] if len(wanted) <= _MOST_ASKED else []
        yield from _sightings(self._git.written(*_LOG, *asked), walked=True)


def reachable(git: Git) -> set[bytes]:
    """The commits that a reference leads to."""
    return set(_lines(git, "rev-list", "--ignore-missing", "--all"))


def in_history(
    git: Git, log: EarlyLog, wanted: set[bytes], unreachable: Callable[[], list[bytes]]
) -> dict[bytes, list[Sighting]]:
    """For each blob or tree its oldest sighting under each path; in unreachable commits only what is nowhere else."""
    found = _oldest(log.sightings(wanted), wanted)
    left = wanted - found.keys()
    lost = unreachable() if left else []
    if lost:
        with listed(lost) as stdin:
            out = git.written("log", "--stdin", "--no-walk=unsorted", *_DIFF, _FORMAT, stdin=stdin)
        found |= _oldest(_sightings(out, walked=False), left)
    return found


def roots(git: Git, wanted: set[bytes]) -> dict[bytes, Sighting]:
    """The oldest commits whose whole tree is one of these."""
    tokens = git.written("log", "--ignore-missing", "--all", "--reflog", "-z", "--format=%T%x00%H%x00%aI%x00%an").split(
        b"\0"
    )
    found = {}
    for at in range(0, len(tokens) - 3, 4):
        tree, commit, day, author = tokens[at : at + 4]
        if tree in wanted:
            found[tree] = Sighting(b"", commit.decode(), day.decode(), author, b"")
    return found


def commits(git: Git, ids: Iterable[bytes]) -> dict[bytes, Sighting]:
    """Date and author of commits."""
    with listed(list(ids)) as stdin:
        out = git.written("log", "--stdin", "--no-walk=unsorted", "-z", _FORMAT, stdin=stdin)
    tokens = out.split(b"\0")
    found = {}
    for at in range(0, len(tokens) - 3, 4):
        name, day, author, _ = tokens[at : at + 4]
        commit = name.lstrip(b"\x01\n")
        found[commit] = Sighting(b"", commit.decode(), day.decode(), author, b"")
    return found


def references(git: Git) -> dict[bytes, bytes]:
    """What references point to directly: annotated tags, and now and then a blob."""
    lines = _lines(git, "for-each-ref", "--format=%(objectname) %(refname)")
    return {name: ref for name, _, ref in (line.partition(b" ") for line in lines)}


def in_index(git: Git) -> dict[bytes, bytes]:
    """The blobs of the index, with a path of each."""
    entries = (one.partition(b"\t") for one in git.written("ls-files", "--stage", "-z").split(b"\0") if one)
    return {meta.split()[1]: path for meta, _, path in entries}


def _oldest(sightings: Iterable[tuple[bytes, Sighting]], wanted: set[bytes]) -> dict[bytes, list[Sighting]]:
    """Newer ones come first."""
    found: dict[bytes, dict[bytes, Sighting]] = {}
    for name, sighting in sightings:
        if name in wanted:
            found.setdefault(name, {})[sighting.path] = sighting
    return {name: list(paths.values()) for name, paths in found.items()}


def _sightings(out: bytes, *, walked: bool) -> Iterator[tuple[bytes, Sighting]]:
    """From commit, date, author, reference, then `:MODES OLD NEW STATUS`, path, …; all ended by zero bytes."""
    tokens = iter(out.split(b"\0"))
    commit = day = ""
    author = ref = b""
    for token in tokens:
        if token.lstrip(b"\n").startswith(b"\x01"):
            commit = token.lstrip(b"\x01\n").decode()
            day, author, ref = next(tokens, b"").decode(), next(tokens, b""), next(tokens, b"")
        elif token.lstrip(b"\n").startswith(b":"):
            _, _, _, new, _ = token.split()
            yield new, Sighting(next(tokens, b""), commit, day, author, ref if walked else b"")


def _lines(git: Git, *arguments: str) -> list[bytes]:
    return git.written(*arguments).splitlines()
