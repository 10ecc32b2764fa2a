"""The report as commands of GitHub Actions: annotations at the lines, then the summary."""

from collections.abc import Iterator
from typing import Final

from tidegate.checks.formats.page import Page, remedy, sentence, visible
from tidegate.checks.report import next_step, points, summary
from tidegate.checks.verdict import State, Verdict

_COMMANDS: Final = {State.FAIL: "error", State.WARN: "warning", State.UNKNOWN: "notice"}


def render(page: Page) -> str:
    """One line for each annotation."""
    return "\n".join(_lines(page)) + "\n"


def _lines(page: Page) -> Iterator[str]:
    for verdict in page.report.verdicts:
        if verdict.state in _COMMANDS:
            yield _annotation(page, verdict)
    for notice in page.report.notices:
        yield f"::notice title=tidegate::{_data(notice)}"
    if not page.report.uses_claude:
        yield f"::notice title=tidegate::{_data(f'No use of Claude was found in {page.report.looked_at:,} sources.')}"
    for point in points(page.report):
        yield f"{point.number:>2} {point.standing.value}: {point.title}"
    yield f"{summary(page.report)} Next: {next_step(page.report)}" if next_step(page.report) else summary(page.report)


def _annotation(page: Page, verdict: Verdict) -> str:
    options = [f"title={_option(f'{verdict.check} {page.checks[verdict.check].title}')}"]
    place = verdict.place
    if place is not None:
        options.append(f"file={_option(page.prefix + place.path)}")
        if place.line:
            options += [f"line={place.line}", f"endLine={max(place.line, place.end_line)}"]
            if place.end_line == place.line:
                options += [f"col={place.column + 1}", f"endColumn={place.end_column}"]
    told = f"{sentence(verdict)} {remedy(verdict)}".strip()
    return f"::{_COMMANDS[verdict.state]} {','.join(options)}::{_data(told)}"


def _data(text: str) -> str:
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _option(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
