"""Which files are worth reading as programs: those that mention Claude, those that call them, and what limits users.

A project has thousands of files and a handful that talk to Claude.  Every file is looked into once, as bytes; only
the handful is parsed.
"""

import re
from collections.abc import Iterable

from msgspec import Struct

from tidegate.checks.files.kinds import UNREAD, is_beside, language_of, suffix
from tidegate.checks.files.listing import Listing
from tidegate.checks.files.reading import LONGEST, Unread, decode, is_made, read_bytes

_CLAUDE = (b"anthropic", b"claude", b"tidegate")
_LIMITS = (b"ratelimit", b"rate_limit", b"rate-limit", b"limiter", b"throttl")
_LEVELS = 3
"""How many callers away from a file that mentions Claude a route may be."""

_VAGUE = frozenset({"index", "__init__", "main", "mod"})


class Source(Struct, frozen=True):
    """A file to be read as a program."""

    path: str
    text: str
    mentions: bool
    """False: it is read because of what it calls, or of the limits in it."""


class Sources(Struct, frozen=True):
    """What was found in the files of a project."""

    read: tuple[Source, ...]
    unread: tuple[Unread, ...]
    foreign: tuple[str, ...]
    """Files that mention Claude in languages that are not read."""
    looked_at: int


def choose_sources(listing: Listing) -> Sources:
    """Look into every source of a project, and take those that matter."""
    looked: dict[str, bytes] = {}
    unread: list[Unread] = []
    foreign: list[str] = []
    for path in listing.paths:
        if (language_of(path) is None and suffix(path) not in UNREAD) or is_beside(path):
            continue
        data = read_bytes(listing.root, path)
        if isinstance(data, Unread):
            unread.append(data)
        elif suffix(path) in UNREAD:
            if _mentions(data, _CLAUDE[:2]):
                foreign.append(path)
        elif not is_made(path, data):
            looked[path] = data
    chosen, mentioning = _choose(looked)
    unread.extend(
        Unread(path, f"is too large to be read ({len(looked[path]) // 1000} kB)", mentions=path in mentioning)
        for path in chosen
        if len(looked[path]) > LONGEST
    )
    read = (
        Source(path, decode(looked[path]), path in mentioning)
        for path in sorted(chosen)
        if len(looked[path]) <= LONGEST
    )
    return Sources(tuple(read), tuple(unread), tuple(foreign), len(looked) + len(foreign) + len(unread))


def _mentions(data: bytes, words: Iterable[bytes]) -> bool:
    small = data.lower()
    return any(word in small for word in words)


def _choose(looked: dict[str, bytes]) -> tuple[set[str], set[str]]:
    """All files to read, and those of them that mention Claude."""
    mentioning = {path for path, data in looked.items() if _mentions(data, _CLAUDE)}
    if not mentioning:
        return set(), mentioning
    words = {path: _imported_words(path, data) for path, data in looked.items()}
    by_stem: dict[tuple[str, bool], set[str]] = {}
    for path in looked:
        by_stem.setdefault((_stem(path), _is_python(path)), set()).add(path)
    chosen = set(mentioning)
    for path in mentioning:
        for word in words[path]:
            chosen |= by_stem.get((word, _is_python(path)), set())
    newest = set(mentioning)
    for _ in range(_LEVELS):
        stems = {(_stem(path), _is_python(path)) for path in newest}
        newest = {
            path
            for path in looked
            if path not in chosen and any((word, _is_python(path)) in stems for word in words[path])
        }
        chosen |= newest
    return chosen | {path for path, data in looked.items() if _mentions(data, _LIMITS)}, mentioning


def _stem(path: str) -> str:
    """What an import of the file says last: its name, or its folder's when the name says nothing."""
    folder, _, name = path.rpartition("/")
    stem = name.rpartition(".")[0]
    return folder.rpartition("/")[2] if stem in _VAGUE and folder else stem


def _is_python(path: str) -> bool:
    return path.endswith(".py")


_PYTHON = re.compile(rb"\n[ \t]*(?:from|import)[ \t]+([^\n#]+)")
"""With the line end before it, which is searched for ten times faster than a beginning of a line."""
_SCRIPT = re.compile(rb"(?:from|require\(|import\(?)[ \t]*[\"']([^\"'\n]+)[\"']")
_WORD = re.compile(rb"[\w-]+")


def _imported_words(path: str, data: bytes) -> frozenset[str]:
    """The words of what a file imports; of a script without the endings of files."""
    found: set[bytes] = set()
    for said in _PYTHON.findall(b"\n" + data) if _is_python(path) else _SCRIPT.findall(data):
        found.update(_WORD.findall(said))
    return frozenset(word.decode(errors="replace") for word in found)
