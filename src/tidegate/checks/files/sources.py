"""Which files are worth reading as programs: those that mention Claude, those that call them, and what limits users.

A project has thousands of files and a handful that talk to Claude.  Every file is looked into once, as bytes; only
the handful is parsed.
"""

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from tidegate.checks.files.imports import Imports
from tidegate.checks.files.kinds import UNREAD, is_beside, language_of, suffix
from tidegate.checks.files.listing import Listing
from tidegate.checks.files.reading import LONGEST, Unread, decode, is_made, read_bytes

_CLAUDE = (b"anthropic", b"claude", b"tidegate")
_LIMITS = (b"ratelimit", b"rate_limit", b"rate-limit", b"limiter", b"throttl")
_MIDDLEWARE = re.compile(rb"\nMIDDLEWARE[ \t]*\+?=[ \t]*[\[(]([^\])]*)")
_TEXT = re.compile(rb"[\"']([\w.]+)[\"']")
_QUEUE = b"bullmq"
_LEVELS = 3
"""How many callers away from a file that mentions Claude a route may be."""


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
        Unread(path, f"is too large to be read ({len(looked[path]) // 1000} kB)", named, names_claude=named)
        for path in chosen
        for named in [path in mentioning]
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
    imports = Imports(looked)
    imported = {path: imports.of(path) for path in looked}
    chosen = mentioning.union(*(imported[path] for path in mentioning))
    chosen |= _callers(imported, mentioning, chosen)
    queues = {path for path, data in looked.items() if _QUEUE in data}
    if queues & chosen:  # who queues jobs for a worker that asks imports the queue, and not the worker
        chosen |= queues | _callers(imported, queues, chosen | queues)
    chosen.update(_middleware(looked, imports))
    return chosen | {path for path, data in looked.items() if _mentions(data, _LIMITS)}, mentioning


def _callers(imported: dict[str, frozenset[str]], newest: set[str], known: set[str]) -> set[str]:
    """The files that lead to some by imports, besides those that are known."""
    found: set[str] = set()
    for _ in range(_LEVELS):
        newest = {one for one in imported if one not in known | found and not newest.isdisjoint(imported[one])}
        found |= newest
    return found


def _middleware(looked: dict[str, bytes], imports: Imports) -> Iterator[str]:
    """Django's settings, and what their `MIDDLEWARE` names of the project: no import leads there."""
    for path, data in looked.items():
        if b"\nMIDDLEWARE" not in data or b"django." not in data:
            continue
        yield path
        for listed in _MIDDLEWARE.findall(data):
            for name in _TEXT.findall(listed):
                yield from imports.named(name.decode())
