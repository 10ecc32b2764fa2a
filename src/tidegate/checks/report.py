"""The outcome of a run: every verdict, how each point stands, and the one sentence that sums it up."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from msgspec import Struct

from tidegate.checks.check import Check
from tidegate.checks.points import POINTS
from tidegate.checks.verdict import Severity, State, Verdict


class Standing(StrEnum):
    """How a point stands.  Only VERIFIED is green."""

    FAILED = "failed"
    UNKNOWN = "not verified yet"
    SUPPRESSED = "suppressed"
    ATTESTED = "attested"
    WARNED = "with warnings"
    VERIFIED = "verified"
    SKIPPED = "does not apply"


class Report(Struct, frozen=True):
    """Everything that a run found."""

    root: str
    verdicts: tuple[Verdict, ...]
    uses_claude: bool
    looked_at: int
    notices: tuple[str, ...] = ()
    asked: str = ""
    """What was to be checked, as a command line names it; empty: the folder that the command runs in."""


class Point(Struct, frozen=True):
    """One point of the checklist with what was found."""

    number: int
    title: str
    standing: Standing
    verdicts: tuple[Verdict, ...]


def points(report: Report) -> tuple[Point, ...]:
    """The points of which at least one check ran."""
    found: dict[int, list[Verdict]] = {}
    for verdict in report.verdicts:
        found.setdefault(int(verdict.check[2:-2]), []).append(verdict)
    return tuple(
        Point(number, title, standing(found[number]), tuple(found[number]))
        for number, title in POINTS.items()
        if number in found
    )


def standing(verdicts: Sequence[Verdict]) -> Standing:
    """A point is verified only when nothing in it failed, is unknown or is warned of, and something in it passed."""
    states = {verdict.state for verdict in verdicts}
    for state, stands in (
        (State.FAIL, Standing.FAILED),
        (State.UNKNOWN, Standing.UNKNOWN),
        (State.WARN, Standing.WARNED),
        (State.SUPPRESSED, Standing.SUPPRESSED),
        (State.ATTESTED, Standing.ATTESTED),
    ):
        if state in states:
            return stands
    return Standing.VERIFIED if State.PASS in states else Standing.SKIPPED


def summary(report: Report) -> str:
    """`7 verified, 1 attested, 3 not verified yet.`"""
    order = (
        Standing.VERIFIED,
        Standing.ATTESTED,
        Standing.SUPPRESSED,
        Standing.WARNED,
        Standing.FAILED,
        Standing.UNKNOWN,
        Standing.SKIPPED,
    )
    every = [point.standing for point in points(report)]
    said = [f"{every.count(one)} {_spoken(one, every.count(one))}" for one in order if every.count(one)]
    return f"{', '.join(said)}." if said else "Nothing was checked."


def _spoken(stands: Standing, count: int) -> str:
    return "do not apply" if stands is Standing.SKIPPED and count > 1 else stands.value


def worst(report: Report, checks: Iterable[Check]) -> Severity | None:
    """The highest severity of what failed."""
    by_id = {check.id: check for check in checks}
    found = {by_id[verdict.check].severity for verdict in report.verdicts if verdict.state is State.FAIL}
    order: tuple[Severity, ...] = ("high", "medium", "low")
    return next((one for one in order if one in found), None)


def count(report: Report, state: State) -> int:
    """How many verdicts have a state."""
    return sum(verdict.state is state for verdict in report.verdicts)


def next_step(report: Report) -> str:
    """The command to run next."""
    failing = [verdict for verdict in report.verdicts if verdict.state is State.FAIL]
    mendable = sum(bool(verdict.edits) for verdict in report.verdicts if verdict.state in {State.FAIL, State.WARN})
    if mendable:
        command = " ".join(("tidegate check", *([report.asked] if report.asked else []), "--fix"))
        return f"{command}    # mends {mendable} of them and shows the changes"
    if failing:
        return f"tidegate explain {failing[0].check}"
    if not report.uses_claude:
        return "tidegate check FOLDER    # the folder of the program that calls Claude"
    open_ = next((verdict for verdict in report.verdicts if verdict.state is State.UNKNOWN), None)
    if open_ is not None:
        return f"tidegate explain {open_.check}    # says what would settle it"
    warning = next((verdict for verdict in report.verdicts if verdict.state is State.WARN), None)
    return f"tidegate explain {warning.check}" if warning is not None else ""
