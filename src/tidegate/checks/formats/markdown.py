"""The report as Markdown, for a pull request or the summary of a job."""

import re
from typing import Final

from tidegate.checks.formats.page import Page, remedy, sentence, visible
from tidegate.checks.report import Standing, next_step, points, summary
from tidegate.checks.verdict import State, Verdict

_STANDS: Final = {
    Standing.FAILED: "❌ failed",
    Standing.UNKNOWN: "❔ not verified yet",
    Standing.WARNED: "⚠️ with warnings",
    Standing.SUPPRESSED: "⏸️ suppressed",
    Standing.ATTESTED: "🖊️ attested",
    Standing.VERIFIED: "✅ verified",
    Standing.SKIPPED: "· does not apply",
}
_TITLES: Final = {
    State.FAIL: "Failed",
    State.WARN: "Warnings",
    State.UNKNOWN: "Not verified yet",
    State.SUPPRESSED: "Suppressed",
    State.ATTESTED: "Attested",
}


def render(page: Page) -> str:
    """The document."""
    report = page.report
    made = ["## tidegate check", "", f"**{summary(report)}**", ""]
    if not report.uses_claude:
        made += [f"No use of Claude was found in {report.looked_at:,} sources.", ""]
    made += ["| | point | |", "|--:|---|---|"]
    made += [f"| {point.number} | {point.title} | {_STANDS[point.standing]} |" for point in points(report)]
    for state, title in _TITLES.items():
        some = [one for one in report.verdicts if one.state is state]
        if some:
            made += ["", f"### {title}", "", *(_item(page, one) for one in some)]
    if report.notices:
        made += ["", "### Notes", "", *(f"- {_plain(notice)}" for notice in report.notices)]
    step = next_step(report)
    if step:
        made += ["", f"Next: `{step}`"]
    return "\n".join(made) + "\n"


def _item(page: Page, verdict: Verdict) -> str:
    place = f" `{visible(str(verdict.place)).replace('`', '?')}`" if verdict.place else ""
    weight = f" ({page.checks[verdict.check].severity})" if verdict.state is State.FAIL else ""
    more = remedy(verdict)
    if verdict.state in {State.SUPPRESSED, State.ATTESTED}:
        more = f"{verdict.by + ', ' if verdict.by else ''}until {verdict.until}: {verdict.reason}"
    return f"- **{verdict.check}**{weight}{place} {_plain(sentence(verdict))} {_plain(more)}".rstrip()


def _plain(text: str) -> str:
    """A text in which nothing is markup, but for code in backticks that are closed."""
    shown = visible(text)
    pieces = shown.split("`") if shown.count("`") % 2 == 0 else [shown.replace("`", "\\`")]
    return "`".join(
        piece if number % 2 else re.sub(r"([\\*_\[\]<>|#])", r"\\\1", piece) for number, piece in enumerate(pieces)
    )
