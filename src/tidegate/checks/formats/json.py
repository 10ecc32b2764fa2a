"""The report as one JSON document; `--baseline` reads it again."""

from typing import Any

import msgspec

from tidegate.checks.formats.page import Page, visible
from tidegate.checks.report import next_step, points, summary
from tidegate.checks.verdict import State, Verdict


def render(page: Page) -> str:
    """The document, indented."""
    return msgspec.json.format(msgspec.json.encode(document(page)), indent=2).decode() + "\n"


def document(page: Page) -> dict[str, Any]:
    """What the document holds."""
    report = page.report
    return {
        "version": page.version,
        "root": visible(report.root),
        "profile": page.profile,
        "uses_claude": report.uses_claude,
        "summary": summary(report),
        "counts": {state.value: sum(one.state is state for one in report.verdicts) for state in State},
        "points": [
            {"number": point.number, "title": point.title, "standing": point.standing.value} for point in points(report)
        ],
        "results": [_result(page, verdict) for verdict in report.verdicts],
        "notices": [visible(notice) for notice in report.notices],
        "next": next_step(report),
    }


def _result(page: Page, verdict: Verdict) -> dict[str, Any]:
    check = page.checks[verdict.check]
    place = verdict.place
    return {
        "check": verdict.check,
        "title": check.title,
        "severity": check.severity,
        "confidence": check.confidence,
        "state": verdict.state.value,
        "text": visible(verdict.text),
        "path": visible(place.path) if place else None,
        "line": place.line if place and place.line else None,
        "column": place.column + 1 if place and place.line else None,
        "end_line": place.end_line if place and place.end_line else None,
        "end_column": place.end_column + 1 if place and place.end_line else None,
        "evidence": verdict.evidence,
        "fix": verdict.fix or None,
        "fixable": bool(verdict.edits),
        "supply": verdict.supply or None,
        "reason": visible(verdict.reason) or None,
        "by": visible(verdict.by) or None,
        "until": verdict.until or None,
        "fingerprint": verdict.fingerprint or None,
    }
