"""A check: one verifiable statement about a project, with everything that people may ask about it."""

from collections.abc import Callable, Iterable
from inspect import getdoc
from typing import Literal

from msgspec import Struct

from tidegate.checks.project import Project
from tidegate.checks.verdict import Confidence, Evidence, Severity, Verdict

Scope = Literal["requests", "sources", "project"]
"""What a pass covers: every request to Claude, every source that was read, or something beside the sources."""


class Check(Struct, frozen=True, kw_only=True):
    """One check.  Its reason is the docstring of its function."""

    id: str
    """`TG502`: point 5, second check."""
    title: str
    """What is true when it passes."""
    severity: Severity
    confidence: Confidence
    evidence: Evidence
    """What it looks at."""
    scope: Scope
    look: Callable[[Project], Iterable[Verdict]]
    """At least one verdict for every project."""
    bad: str
    good: str
    fixes: bool = False
    """Whether `--fix` can mend what it finds, at least at times."""

    @property
    def point(self) -> int:
        """The number of the point that it belongs to."""
        return int(self.id[2:-2])

    @property
    def why(self) -> str:
        """The reason, as a text of several lines."""
        return getdoc(self.look) or ""
