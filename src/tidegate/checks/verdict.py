"""What a check finds: frozen values that say what, where, on which evidence and what to do."""

from enum import StrEnum
from typing import Literal

from msgspec import Struct

Evidence = Literal["static", "history", "config", "live", "attested", "drill"]
"""static: read in the sources; history: in git; config: in files that configure (.gitignore, Docker,
tidegate.toml); live: asked of what runs; attested: a
person says so; drill: seen while the program ran against a faulty Claude."""

Severity = Literal["high", "medium", "low"]
Confidence = Literal["high", "medium", "low"]


class State(StrEnum):
    """How a check ended at one place."""

    FAIL = "fail"
    WARN = "warn"
    UNKNOWN = "unknown"
    SUPPRESSED = "suppressed"
    ATTESTED = "attested"
    PASS = "pass"  # noqa: S105 - a state, not a password
    SKIPPED = "skipped"


class Place(Struct, frozen=True, order=True):
    """A stretch of a file; lines from 1, columns from 0, both in characters; line 0 is the file as a whole."""

    path: str
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


class Edit(Struct, frozen=True):
    """A change that cannot break what works: the stretch is replaced; at line 0 the text is added to the file's end."""

    place: Place
    text: str


class Verdict(Struct, frozen=True, kw_only=True):
    """What one check says, about one place or about the project."""

    check: str = ""
    """Its id; the run fills it in."""
    state: State
    text: str
    """One sentence: what was found."""
    place: Place | None = None
    evidence: Evidence | None = None
    """What a pass rests on."""
    fix: str = ""
    """One line: what to do."""
    edits: tuple[Edit, ...] = ()
    supply: str = ""
    """Of an unknown: what would settle it."""
    secret: bool = False
    """Whether the place holds what must never be shown."""
    reason: str = ""
    """Why it is suppressed, or how it was attested."""
    by: str = ""
    until: str = ""
    """The last day on which that counts, as YYYY-MM-DD."""
    fingerprint: str = ""
    """The same for the same finding after lines have moved; the run fills it in."""


def failed(place: Place | None, text: str, *, fix: str, edits: tuple[Edit, ...] = (), secret: bool = False) -> Verdict:
    """Something is wrong."""
    return Verdict(state=State.FAIL, text=text, place=place, fix=fix, edits=edits, secret=secret)


def warned(place: Place | None, text: str, *, fix: str, edits: tuple[Edit, ...] = (), secret: bool = False) -> Verdict:
    """Something is likely to be wrong, or wrong for some."""
    return Verdict(state=State.WARN, text=text, place=place, fix=fix, edits=edits, secret=secret)


def unknown(text: str, *, supply: str, place: Place | None = None) -> Verdict:
    """It cannot be told; `supply` says what would settle it."""
    return Verdict(state=State.UNKNOWN, text=text, place=place, supply=supply)


def passed(text: str, evidence: Evidence = "static") -> Verdict:
    """It is as it should be."""
    return Verdict(state=State.PASS, text=text, evidence=evidence)


def skipped(text: str) -> Verdict:
    """It does not apply, and why."""
    return Verdict(state=State.SKIPPED, text=text)
