"""What a format gets: the report, and everything that it may want to say about it."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from msgspec import Struct

from tidegate.checks.check import Check
from tidegate.checks.formats.frames import Sources
from tidegate.checks.report import Report
from tidegate.checks.verdict import Verdict


class Page(Struct, frozen=True, kw_only=True):
    """One report to be written."""

    report: Report
    checks: Mapping[str, Check]
    """Those that ran, by id."""
    sources: Sources
    profile: str = "local"
    version: str = ""
    seconds: float = 0.0
    prefix: str = ""
    """The path of the checked folder from the top of its repository, with a slash at its end; "" for the top."""
    width: int = 100
    colour: bool = False
    verbose: bool = False
    """Whether passes are shown one by one."""

    def path(self, verdict: Verdict) -> str:
        """Where a verdict is, from the top of the repository, as an address; "" for none."""
        if verdict.place is None:
            return ""
        return quote(f"{self.prefix}{verdict.place.path}".encode(errors="surrogateescape"))


def visible(text: str) -> str:
    """A text without anything that would move a cursor, colour a terminal or break a line."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def sentence(verdict: Verdict) -> str:
    """What was found, closed by a full stop, so that something may follow."""
    return verdict.text if re.search(r"[.!?…]\)?$", verdict.text) else f"{verdict.text}."


def remedy(verdict: Verdict) -> str:
    """What to do about it, as a sentence that can follow; empty for what needs nothing."""
    return f"Settle it with: {verdict.supply}" if verdict.supply else verdict.fix
