"""What a report means for whoever waits for the exit code."""

from collections.abc import Iterable
from typing import Final, Literal

from tidegate.checks.check import Check
from tidegate.checks.report import Report, count, worst
from tidegate.checks.verdict import Severity, State

FailOn = Literal["high", "medium", "low", "warn", "unknown", "never"]
LEVELS: Final[tuple[FailOn, ...]] = ("high", "medium", "low", "warn", "unknown", "never")
"""From the least to the most that counts, but for `never`."""

OK: Final = 0
NOTHING_FOUND: Final = 3
NOT_SURE: Final = 10
"""Only warnings or unknowns, and `--fail-on` counts them."""
BY_SEVERITY: Final[dict[Severity, int]] = {"low": 11, "medium": 12, "high": 13}

_RANK: Final[dict[str, int]] = {"low": 0, "medium": 1, "high": 2}


def exit_code(report: Report, checks: Iterable[Check], fail_on: FailOn) -> int:
    """The exit code of a run."""
    if fail_on == "never":
        return OK
    severity = worst(report, checks)
    if severity is not None and _RANK[severity] >= _RANK.get(fail_on, 0):
        return BY_SEVERITY[severity]
    if not report.uses_claude:
        return NOTHING_FOUND
    if fail_on in {"warn", "unknown"} and (severity is not None or count(report, State.WARN)):
        return NOT_SURE
    return NOT_SURE if fail_on == "unknown" and count(report, State.UNKNOWN) else OK
