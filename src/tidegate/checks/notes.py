"""What people say about findings: suppressions and attestations, in `tidegate-check.toml` and in comments.

    # tidegate: allow[TG502] until 2027-03-01: this route writes whole books

Rules
1. A suppression names the id, a reason and the last day on which it counts.  Without them it counts for nothing.
2. An attestation settles what could not be told; it never turns a failure into a pass.
3. What has expired is said, and counts for nothing.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from tidegate.config.files import read_text, read_toml
from tidegate.model.errors import ConfigError

FILE: Final = "tidegate-check.toml"
LONGEST: Final = timedelta(days=184)
"""For how long an attestation may count."""

_COMMENT = re.compile(
    r"(?:#|//|/\*|<!--|--|\*)\s*tidegate:\s*allow\[([A-Z0-9, ]*)\]\s*(?:until\s+(\S+?))?\s*(?::\s*(.*?))?"
    r"\s*(?:\*/\}?|-->)?\s*$"
)
_ID = re.compile(r"TG\d{3,4}")


class Suppression(Struct, frozen=True):
    """Findings that are accepted for a time."""

    check: str
    path: str
    """A pattern such as `app/*.py`; the line's own path for a comment."""
    line: int
    """The line of a comment, which counts for itself and the next; 0: the whole file."""
    reason: str
    until: date

    def covers(self, path: str, line: int) -> bool:
        """Whether it is about a place."""
        if self.line:
            return self.path == path and self.line in {line, line - 1}
        return fnmatchcase(path, self.path)


class Attestation(Struct, frozen=True):
    """What a person vouches for."""

    check: str
    by: str
    how: str
    until: date
    on: date | None = None
    """The day on which it was made."""


class Notes(Struct, frozen=True):
    """Everything that people have said."""

    suppressions: tuple[Suppression, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    exclude: tuple[str, ...] = ()
    """Patterns of paths that are not looked at."""
    max_tokens: int | None = None
    """What counts as huge here."""
    complaints: tuple[str, ...] = ()
    """Notes that count for nothing, and why."""

    def suppression(self, check: str, path: str, line: int) -> Suppression | None:
        """The suppression that covers a finding."""
        for one in self.suppressions:
            if one.check == check and one.covers(path, line):
                return one
        return None

    def attestation(self, check: str) -> Attestation | None:
        """What is vouched for; of several the one that lasts longest."""
        return max((one for one in self.attestations if one.check == check), key=lambda one: one.until, default=None)


def read_notes(root: Path, known: Iterable[str]) -> Notes:
    """What `tidegate-check.toml` says; raises ConfigError with a line for everything that is wrong."""
    path = root / FILE
    if not path.exists():
        return Notes()
    tree, lines = read_toml(read_text(path, FILE), FILE)
    return _Reader(tree, lines, frozenset(known)).notes()


class _Reader:
    """Reads the file strictly: an unknown name is an error, with its line."""

    def __init__(
        self, tree: Mapping[str, Any], lines: Mapping[tuple[str | int, ...], int], known: frozenset[str]
    ) -> None:
        self.tree = tree
        self.lines = lines
        self.known = known
        self.wrong: list[str] = []

    def notes(self) -> Notes:
        self.names((), self.tree, {"exclude", "max_tokens", "suppress", "attest"})
        suppressions = tuple(self.suppression(number, one) for number, one in self.tables("suppress"))
        attestations = tuple(self.attestation(number, one) for number, one in self.tables("attest"))
        exclude = self.tree.get("exclude", [])
        if not isinstance(exclude, list) or not all(isinstance(one, str) for one in exclude):
            self.say(("exclude",), 'exclude must be a list of patterns, such as ["scripts/*"]')
            exclude = []
        most = self.tree.get("max_tokens")
        if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
            self.say(("max_tokens",), "max_tokens must be a number of at least 1")
            most = None
        if self.wrong:
            raise ConfigError("\n".join(self.wrong))
        return Notes(suppressions, attestations, tuple(exclude), most)

    def tables(self, name: str) -> list[tuple[int, Mapping[str, Any]]]:
        value = self.tree.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            self.say((name,), f"write [[{name}]], one table for each")
            return []
        return list(enumerate(value))

    def suppression(self, number: int, one: Mapping[str, Any]) -> Suppression:
        where = ("suppress", number)
        self.names(where, one, {"check", "path", "reason", "until"})
        return Suppression(
            check=self.check(where, one),
            path=self.text(where, one, "path"),
            line=0,
            reason=self.text(where, one, "reason"),
            until=self.day(where, one),
        )

    def attestation(self, number: int, one: Mapping[str, Any]) -> Attestation:
        where = ("attest", number)
        self.names(where, one, {"check", "by", "how", "on", "until"})
        return Attestation(
            check=self.check(where, one),
            by=self.text(where, one, "by"),
            how=self.text(where, one, "how"),
            until=self.day(where, one),
            on=self.day(where, one, "on") if "on" in one else None,
        )

    def names(self, where: tuple[str | int, ...], table: Mapping[str, Any], allowed: set[str]) -> None:
        for name in table:
            if name not in allowed:
                self.say((*where, name), f"there is no {name} here; there are {', '.join(sorted(allowed))}")

    def check(self, where: tuple[str | int, ...], table: Mapping[str, Any]) -> str:
        name = self.text(where, table, "check")
        if name and name not in self.known:
            self.say((*where, "check"), f"there is no check {name}; `tidegate check --list` shows them")
        return name

    def text(self, where: tuple[str | int, ...], table: Mapping[str, Any], name: str) -> str:
        value = table.get(name)
        if not isinstance(value, str) or not value.strip():
            self.say((*where, name) if name in table else where, f"{name} is needed, as a text")
            return ""
        return value.strip()

    def day(self, where: tuple[str | int, ...], table: Mapping[str, Any], name: str = "until") -> date:
        value = table.get(name)
        if isinstance(value, date):
            return value.date() if isinstance(value, datetime) else value
        try:
            return date.fromisoformat(value) if isinstance(value, str) else _missing()
        except ValueError:
            what = "the last day" if name == "until" else "the day it was made"
            self.say((*where, name) if name in table else where, f"{name} is needed: {what}, as 2027-03-01")
            return date.min

    def say(self, where: tuple[str | int, ...], text: str) -> None:
        line = next((self.lines[where[:size]] for size in range(len(where), 0, -1) if where[:size] in self.lines), 1)
        self.wrong.append(f"{FILE}:{line}: {text}")


def _missing() -> date:
    raise ValueError


def read_comments(path: str, lines: Iterable[str], known: frozenset[str]) -> tuple[list[Suppression], list[str]]:
    """The suppressions in the comments of a source, and complaints about those that count for nothing."""
    found: list[Suppression] = []
    complaints: list[str] = []
    for number, line in enumerate(lines, 1):
        if "tidegate:" not in line or not (said := _COMMENT.search(line)):
            continue
        ids, until, reason = re.split(r"[,\s]+", said[1].strip()), said[2], said[3]
        day = _day(until)
        unknown = [one for one in ids if one not in known]
        if unknown or day is None or not reason:
            missing = f"there is no check {unknown[0] or '…'}" if unknown else "it needs `until YYYY-MM-DD: reason`"
            complaints.append(f"{path}:{number}: this comment suppresses nothing: {missing}")
            continue
        found.extend(Suppression(one, path, number, reason, day) for one in ids)
    return found, complaints


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
