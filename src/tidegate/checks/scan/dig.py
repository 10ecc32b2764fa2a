"""The close look: every credential in a file's bytes, however it is encoded or packed, with line and column."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any, Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from tidegate.checks.scan.escaped import escaped_credentials
from tidegate.checks.scan.kinds import KindName
from tidegate.checks.scan.lfs import ABSENT, Stores, pointed
from tidegate.checks.scan.match import Match, credentials
from tidegate.checks.scan.packed import LAST, Budget, Member, Rejoined, ends_as_zip, form_of, members
from tidegate.checks.scan.runs import decodings
from tidegate.checks.scan.sieve import Sieve
from tidegate.checks.scan.wide import has_mark, has_wide, narrowed, wide_credentials

WINDOW: Final = 8 * 1024 * 1024
"""Larger content is looked at in windows of this size."""

LARGEST: Final = 1_000_000_000
"""Of larger content only this much is looked at."""

_OVERLAP = 16 * 1024
"""What two windows share, so that nothing is lost between them."""

_LARGEST_INNER = 64 * 1024 * 1024
"""A zip in an archive is read into memory, because it can only be read from its end."""

_DEEPEST = 6


class Hit(Struct, frozen=True):
    """A credential in some content; line and column count from 1, columns in characters.

    `inside` are the names of archive members from the outside in, `via` what it was decoded from: `base64`, `gzip`.
    Inside an archive, line and column are the member's; inside base64, they are where the base64 begins.
    """

    kind: KindName
    secret: bytes
    sure: bool
    line: int
    column: int
    via: tuple[str, ...] = ()
    inside: tuple[bytes, ...] = ()


class Readable(Protocol):
    """What large content is read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end."""


class Digger:
    """Looks closely; one serves a whole scan.  `unpack` bounds the bytes that one file may unpack to."""

    def __init__(self, sieve: Sieve, unpack: int) -> None:
        self.sieve = sieve
        self.stores = Stores()
        self._unpack = unpack

    def dig(self, data: bytes) -> tuple[list[Hit], str | None]:
        """The hits in bytes, and why not all was looked at, if so."""
        budget = Budget(self._unpack)
        elsewhere = pointed(data)
        if elsewhere is not None:
            kept = self._kept(elsewhere, budget)
            return _once((*kept, *self._content(data, budget, 0))), budget.cut
        if not self.sieve.may_hold(data) and not has_mark(data):
            return [], None
        return _once(self._content(data, budget, 0)), budget.cut

    def dig_large(self, file: Any) -> tuple[list[Hit], str | None]:
        """As `dig`, for a seekable file that does not fit into memory."""
        budget = Budget(self._unpack)
        return _once(self._large(file, budget)), budget.cut

    def _large(self, file: Any, budget: Budget) -> Iterator[Hit]:
        first = file.read(512)
        form = form_of(first) or ("zip" if ends_as_zip(first + _tail(file)) else None)
        file.seek(0)
        packed = [] if form is None else list(self._members(file, form, budget, 0))
        file.seek(0)
        yield from _beside(packed, self._windows(b"", file, budget))
        if file.read(1):
            budget.stop(f"it is larger than {LARGEST // 1_000_000:,} MB")

    def _kept(self, name: str, budget: Budget) -> Iterator[Hit]:
        """What git-lfs keeps under this name."""
        path = self.stores.find(name)
        if path is None:
            budget.stop(ABSENT)
            return
        try:
            with path.open("rb") as file:
                whole = file.read(WINDOW)
                if len(whole) < WINDOW:
                    hits = self._content(whole, budget, 0)
                else:
                    file.seek(0)
                    hits = self._large(file, budget)
                yield from (_through("git-lfs", hit) for hit in hits)
        except OSError as error:
            budget.stop(f"git-lfs keeps its content, which cannot be read: {error.strerror}")

    def _content(self, data: bytes, budget: Budget, depth: int) -> Iterator[Hit]:
        form = form_of(data) or ("zip" if ends_as_zip(data) else None)
        inner: list[Hit] = []
        if form is not None:
            inner = list(self._members(BytesIO(data), form, budget, depth))
        elif has_mark(data):
            inner = [_through("UTF-16", hit) for hit in self._text(narrowed(data), _Lines(), budget, depth)]
        yield from _beside(inner, self._text(data, _Lines(), budget, depth))

    def _text(self, data: bytes, lines: "_Lines", budget: Budget, depth: int) -> Iterator[Hit]:
        for match, via in _matches(data):
            yield _hit(match, lines.place(data, match.start), *via)
        if has_wide(data):
            for match in wide_credentials(data):
                yield _hit(match, lines.place(data, match.start), "UTF-16")
        if depth >= _DEEPEST:
            return
        for start, run in self.sieve.loaded_runs(data, depth=depth):
            line, column = lines.place(data, start)
            for decoded in decodings(run):
                if self.sieve.may_hold(decoded, depth + 1):
                    for hit in self._content(decoded, budget, depth + 1):
                        yield replace(_through("base64", hit), line=line, column=column)

    def _members(self, file: Any, form: Any, budget: Budget, depth: int) -> Iterator[Hit]:
        for member in members(file, form, budget):
            for hit in self._member(member, budget, depth + 1):
                inside = (member.name, *hit.inside) if member.name else hit.inside
                yield replace(_through(member.form, hit), inside=inside)

    def _member(self, member: Member, budget: Budget, depth: int) -> Iterator[Hit]:
        first = member.stream.read(WINDOW)
        form = form_of(first)
        if form == "zip":
            whole = first + member.stream.read(_LARGEST_INNER)
            if member.stream.read(1):
                budget.stop("an archive in it is too large")
            yield from self._members(BytesIO(whole), form, budget, depth)
        elif form is not None:
            yield from self._members(Rejoined(first, member.stream), form, budget, depth)
        elif len(first) < WINDOW:
            yield from self._content(first, budget, depth)
        else:
            yield from self._windows(first, member.stream, budget)

    def _windows(self, first: bytes, rest: Readable, budget: Budget) -> Iterator[Hit]:
        lines, window, left = _Lines(), first or rest.read(WINDOW), LARGEST - WINDOW
        while window:
            if window.lstrip(b"\0"):  # a hole in a sparse file has nothing
                yield from self._text(window, lines, budget, 1)
            more = rest.read(min(WINDOW, left))
            if not more:
                return
            left -= len(more)
            kept = window[-_OVERLAP:]
            lines = lines.after(window[: len(window) - len(kept)])
            window = kept + more


class _Lines(Struct, frozen=True):
    """Where a window begins: lines before it, and bytes of its first line before it."""

    before: int = 0
    into: int = 0

    def place(self, data: bytes, at: int) -> tuple[int, int]:
        """Line and column of an offset in the window."""
        start = data.rfind(b"\n", 0, at) + 1
        text = data[2 if start == 0 and has_mark(data) else start : at]
        column = len(text.replace(b"\0", b"").decode("utf-8", "replace")) + 1
        return self.before + data.count(b"\n", 0, at) + 1, column + (self.into if start == 0 else 0)

    def after(self, passed: bytes) -> "_Lines":
        """Where the next window begins, when this much of this one is passed."""
        last = passed.rfind(b"\n")
        into = len(passed) - last - 1 if last >= 0 else self.into + len(passed)
        return _Lines(self.before + passed.count(b"\n"), into)


def _matches(data: bytes) -> Iterator[tuple[Match, tuple[str, ...]]]:
    """What stands there as it is, and with characters escaped; of two at one place the longer one."""
    escaped = {match.start: match for match in escaped_credentials(data)}
    for match in credentials(data):
        other = escaped.get(match.start)
        if other is None or len(other.secret) <= len(match.secret):
            escaped.pop(match.start, None)
            yield match, ()
    yield from ((match, ("escapes",)) for match in escaped.values())


def _tail(file: Any) -> bytes:
    """The end of a file, as far as a zip's last record may be from it."""
    size = file.seek(0, 2)
    file.seek(max(0, size - LAST))
    return bytes(file.read())


def _hit(match: Match, place: tuple[int, int], *via: str) -> Hit:
    return Hit(match.kind, match.secret, match.sure, *place, via)


def _through(form: str, hit: Hit) -> Hit:
    return replace(hit, via=(form, *hit.via))


def _beside(inner: list[Hit], plain: Iterable[Hit]) -> Iterator[Hit]:
    """What is inside, and of what stands in the outer bytes only the rest: names, comments, damaged members."""
    yield from inner
    known = {hit.secret for hit in inner}
    yield from (hit for hit in plain if hit.secret not in known)


def _once(hits: Iterable[Hit]) -> list[Hit]:
    """Each credential once a place, in the order of places."""
    return sorted(dict.fromkeys(hits), key=lambda hit: (hit.inside, hit.line, hit.column))
