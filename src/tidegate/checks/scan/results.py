"""What a scan has found, as frozen values.  No secret is in them: only its kind, fingerprint, prefix and last four."""

from collections.abc import Callable
from datetime import date
from typing import Literal

from msgspec import Struct

from tidegate.checks.scan.kinds import KindName

Where = Literal["file", "staged", "history", "message", "tag", "name", "git"]
State = Literal["clean", "found", "unknown"]
Progress = Callable[[str, int, int], None]
"""Called with what is being read, how many are done, and how many there are."""


class Place(Struct, frozen=True, kw_only=True):
    """Where a secret stands; line and column count from 1 (in an archive's member, when `path` names one behind `!`).

    `where` is a file of the work tree, what is staged, a blob of the history, a commit's message, a tag, a file name,
    or a file of the git directory.  Paths, authors and references are in a form that can be shown.
    """

    where: Where
    path: str | None = None
    line: int = 0
    column: int = 0
    object: str | None = None
    commit: str | None = None
    author: str | None = None
    date: str | None = None
    """Of the commit, RFC 3339."""
    via: tuple[str, ...] = ()
    """What it was decoded from, from the outside in: `zip`, `base64`, `UTF-16`."""
    note: str | None = None
    versions: int = 1
    """How many versions of this path have it; the place is in the oldest."""

    @property
    def label(self) -> str:
        """`path:line:column`, or `object:path@commit:line:column`."""
        name = ":".join(one for one in ((self.object or "")[:12], self.path) if one)
        if self.commit and self.commit != self.object:
            name += f"@{self.commit[:12]}"
        return f"{name}:{self.line}:{self.column}" if self.line else name


class Suppressed(Struct, frozen=True):
    """Why a finding does not count, and until when."""

    reason: str
    expires: date


class Finding(Struct, frozen=True, kw_only=True):
    """A secret, with every place where it stands."""

    fingerprint: str
    """The first 16 hexadecimal digits of the SHA-256 of the secret."""
    kind: KindName
    title: str
    shown: str
    """Its prefix and its last four characters."""
    confidence: Literal["high", "medium"]
    places: tuple[Place, ...]
    advice: tuple[str, ...]
    suppressed: Suppressed | None = None
    expired: Suppressed | None = None
    """A suppression whose time is over."""
    reported_by: tuple[str, ...] = ("tidegate",)


class Unknown(Struct, frozen=True):
    """What could not be looked at, and what to do about it."""

    what: str
    remedy: str
    about: Literal["files", "history", "both"] = "history"


class Risk(Struct, frozen=True):
    """No secret, but a way in which one gets out."""

    path: str
    line: int
    what: str
    remedy: str


class Counts(Struct, frozen=True, kw_only=True):
    """What was looked at."""

    files: int = 0
    staged: int = 0
    objects: int = 0
    """All objects of the history."""
    objects_known: int = 0
    """Those that were found clean before, and were not read again."""
    objects_read: int = 0
    bytes: int = 0
    suppressed: int = 0


class ScanResult(Struct, frozen=True, kw_only=True):
    """All of it.  `history` is `none` where there is no repository, `skipped` when it was not asked for."""

    root: str
    history: Literal["read", "skipped", "none"]
    findings: tuple[Finding, ...] = ()
    """Suppressed ones, too."""
    unknowns: tuple[Unknown, ...] = ()
    risks: tuple[Risk, ...] = ()
    notes: tuple[str, ...] = ()
    counts: Counts

    @property
    def active(self) -> tuple[Finding, ...]:
        """The findings that are not suppressed."""
        return tuple(one for one in self.findings if one.suppressed is None)

    @property
    def state(self) -> State:
        """`found` outweighs `unknown`, and only what was looked at in full is `clean`."""
        return "found" if self.active else "unknown" if self.unknowns else "clean"
