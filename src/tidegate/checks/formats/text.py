"""The report for people: point by point, with code frames, and what to do next."""

from collections.abc import Iterable, Iterator
from io import StringIO
from typing import TYPE_CHECKING, Final

from tidegate.checks.formats.frames import Line, frame
from tidegate.checks.formats.page import Page, visible
from tidegate.checks.report import Point, Standing, next_step, points, summary
from tidegate.checks.verdict import State, Verdict

if TYPE_CHECKING:
    from rich.text import Text

_MARKS: Final = {
    State.FAIL: ("✗", "red"),
    State.WARN: ("!", "yellow"),
    State.UNKNOWN: ("?", "blue"),
    State.SUPPRESSED: ("-", "dim"),
    State.ATTESTED: ("a", "cyan"),
    State.PASS: ("✓", "green"),
    State.SKIPPED: ("·", "dim"),
}
_STANDS: Final = {
    Standing.FAILED: ("✗", "bold red"),
    Standing.UNKNOWN: ("?", "bold blue"),
    Standing.WARNED: ("!", "bold yellow"),
    Standing.SUPPRESSED: ("-", "bold"),
    Standing.ATTESTED: ("a", "bold cyan"),
    Standing.VERIFIED: ("✓", "bold green"),
    Standing.SKIPPED: ("·", "dim"),
}
_ORDER = (State.FAIL, State.WARN, State.UNKNOWN, State.SUPPRESSED, State.ATTESTED)
_PLACES = 5
"""Places of an unknown that are named."""
_NOTICES = 20
_MARGIN = 15
"""Columns before the code in a frame."""


def render(page: Page) -> str:
    """The report as a text, with colours where the page has them."""
    from rich.console import Console  # noqa: PLC0415 - Rich is slow to import, and machines need none of it

    file = StringIO()
    console = Console(
        file=file, width=page.width, force_terminal=page.colour, no_color=not page.colour, highlight=False
    )
    for line in _lines(page):
        console.print(line, soft_wrap=True)
    return file.getvalue()


def _text(*parts: "str | tuple[str, str]") -> "Text":
    from rich.text import Text  # noqa: PLC0415 - as above

    return Text.assemble(*parts)


def _lines(page: Page) -> "Iterator[Text]":
    report = page.report
    for notice in report.notices[:_NOTICES]:
        yield _text((f"note: {visible(notice)}", "yellow"))
    if len(report.notices) > _NOTICES:
        yield _text((f"note: and {len(report.notices) - _NOTICES} more; --format json has them all", "yellow"))
    if not report.uses_claude:
        where = visible(report.root)
        sources = "1 source" if report.looked_at == 1 else f"{report.looked_at:,} sources"
        yield _text(("No use of Claude was found", "bold"), f" in {sources} of {where}.")
        yield _text("Looked for: the anthropic SDKs, api.anthropic.com, tidegate, and libraries that call Claude.")
    for point in points(report):
        if report.uses_claude or page.verbose or point.standing is Standing.FAILED:
            yield from _point(page, point)
    yield _text("")
    yield _text((summary(report), "bold"), (f"  {page.seconds:.1f} s", "dim"))
    step = next_step(report)
    if step:
        yield _text("Next: ", (step, "bold"))


def _point(page: Page, point: Point) -> "Iterator[Text]":
    mark, style = _STANDS[point.standing]
    yield _text("")
    stands = "" if point.standing is Standing.VERIFIED else f"  {point.standing.value}"
    yield _text((f"{point.number:>2} {mark} {point.title}", style), (stands, "dim"))
    for group in _grouped(point.verdicts):
        yield from _finding(page, group)
    if page.verbose:
        yield from _each(point)
    else:
        yield from _passes(point)


def _each(point: Point) -> "Iterator[Text]":
    """Every pass by itself, and what does not apply."""
    for verdict in point.verdicts:
        if verdict.state in {State.PASS, State.SKIPPED}:
            evidence = verdict.evidence or "does not apply"
            yield _text("     ", _mark(verdict), f" {verdict.check} {visible(verdict.text)}", (f"  {evidence}", "dim"))


def _passes(point: Point) -> "Iterator[Text]":
    """One line for everything that passed: which evidence, which checks."""
    by_evidence: dict[str, list[str]] = {}
    for verdict in point.verdicts:
        if verdict.state is State.PASS:
            by_evidence.setdefault(verdict.evidence or "", []).append(verdict.check)
    for evidence, checks in by_evidence.items():
        yield _text("     ", ("✓", "green"), (f" {evidence}: {', '.join(dict.fromkeys(checks))}", "dim"))
    if point.standing is Standing.SKIPPED:
        reasons = dict.fromkeys(verdict.text for verdict in point.verdicts)
        yield _text("     ", ("·", "dim"), (f" {visible('; '.join(reasons))}", "dim"))


def _grouped(verdicts: Iterable[Verdict]) -> Iterator[list[Verdict]]:
    """Findings in the order of their weight; what is said in the same words is said once."""
    groups: dict[tuple[State, str], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.state in _ORDER:
            groups.setdefault((verdict.state, verdict.text), []).append(verdict)
    for state in _ORDER:
        yield from (group for (one, _), group in groups.items() if one is state)


def _mark(verdict: Verdict) -> tuple[str, str]:
    return _MARKS[verdict.state]


def _finding(page: Page, group: list[Verdict]) -> "Iterator[Text]":
    first = group[0]
    names = ", ".join(dict.fromkeys(one.check for one in group))
    weight = f" {page.checks[first.check].severity}" if first.state is State.FAIL else ""
    yield _text("     ", _mark(first), (f" {names}", "bold"), (weight, "dim"), f"  {visible(first.text)}")
    framed = first.state in {State.FAIL, State.WARN}
    placed = [one for one in group if one.place is not None]
    for verdict in placed if framed else placed[:_PLACES]:
        yield _text("         ", (visible(str(verdict.place)), "cyan"))
        if framed:
            yield from _frame(page, verdict)
    if not framed and len(placed) > _PLACES:
        yield _text((f"         and {len(placed) - _PLACES} more", "dim"))
    yield from _remedy(first, mendable=any(one.edits for one in group))


def _remedy(verdict: Verdict, *, mendable: bool) -> "Iterator[Text]":
    if verdict.state is State.SUPPRESSED:
        yield _text((f"         until {verdict.until}: {visible(verdict.reason)}", "dim"))
    elif verdict.state is State.ATTESTED:
        yield _text((f"         {visible(verdict.by)}, until {verdict.until}: {visible(verdict.reason)}", "dim"))
    elif verdict.supply:
        yield _text("         ", ("settle it with: ", "dim"), visible(verdict.supply))
    elif verdict.fix:
        hint = "  (--fix does it)" if mendable else ""
        yield _text("         ", ("fix: ", "green"), visible(verdict.fix), (hint, "dim"))


def _frame(page: Page, verdict: Verdict) -> "Iterator[Text]":
    lines = frame(page.sources, verdict)
    marked = [line for line in lines if line.end]
    room = max(40, page.width - _MARGIN)
    for line in lines:
        text, start, end = _fitting(line, room)
        yield _text((f"      {line.number:>6} │ ", "dim"), text)
        if line.end and len(marked) == 1:
            yield _text(("             │ ", "dim"), " " * start, ("^" * max(1, end - start), _mark(verdict)[1]))


def _fitting(line: Line, room: int) -> tuple[str, int, int]:
    """A line cut to the width of the screen, around what is marked in it."""
    if len(line.text) <= room:
        return line.text, line.start, line.end
    shift = max(0, min(line.start - 8, len(line.text) - room + 1)) if line.end > room - 1 else 0
    text = line.text[shift : shift + room - 1]
    text = ("…" + text[1:] if shift else text) + ("…" if shift + room - 1 < len(line.text) else "")
    return text, line.start - shift, min(line.end - shift, len(text))
