"""The report as SARIF 2.1.0, for code scanning: what failed, what is warned of, and what is suppressed.

Passes and unknowns are left out: GitHub shows every result as an alert, whatever its kind.  They are in the JSON.
"""

from typing import Any, Final

import msgspec

from tidegate.checks.check import Check
from tidegate.checks.formats.page import Page, remedy, sentence, visible
from tidegate.checks.verdict import Edit, Place, State, Verdict

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final = {"high": "error", "medium": "warning", "low": "note"}
_SCORES: Final = {"high": "8.0", "medium": "5.0", "low": "2.0"}
"""GitHub's `security-severity`."""
_SHOWN = frozenset({State.FAIL, State.WARN, State.SUPPRESSED})


def render(page: Page) -> str:
    """The log, indented."""
    return msgspec.json.format(msgspec.json.encode(document(page)), indent=2).decode() + "\n"


def document(page: Page) -> dict[str, Any]:
    """A log with one run."""
    rules = list(page.checks.values())
    driver = {
        "name": "tidegate",
        "semanticVersion": page.version or "0.0.0",
        "rules": [_rule(check) for check in rules],
    }
    numbers = {check.id: number for number, check in enumerate(rules)}
    results = [_result(page, one, numbers[one.check]) for one in page.report.verdicts if one.state in _SHOWN]
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {"level": "note", "message": {"text": visible(notice)}} for notice in page.report.notices
                ],
            }
        ],
        "results": results,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(check: Check) -> dict[str, Any]:
    return {
        "id": check.id,
        "name": "".join(word.capitalize() for word in check.title.split()),
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": " ".join(check.why.split())},
        "help": {
            "text": f"{' '.join(check.why.split())}\n\nInstead of\n{check.bad}\nwrite\n{check.good}",
            "markdown": f"{check.why}\n\nInstead of\n\n```\n{check.bad}\n```\n\nwrite\n\n```\n{check.good}\n```\n",
        },
        "defaultConfiguration": {"level": _LEVELS[check.severity]},
        "properties": {
            "precision": check.confidence,
            "security-severity": _SCORES[check.severity],
            "tags": ["claude", f"point-{check.point}"],
        },
    }


def _result(page: Page, verdict: Verdict, number: int) -> dict[str, Any]:
    level = "warning" if verdict.state is State.WARN else _LEVELS[page.checks[verdict.check].severity]
    made: dict[str, Any] = {
        "ruleId": verdict.check,
        "ruleIndex": number,
        "level": level,
        "message": {"text": visible(f"{sentence(verdict)} {remedy(verdict)}".strip())},
        "partialFingerprints": {"tidegate/v1": verdict.fingerprint},
    }
    if verdict.place is not None:
        made["locations"] = [{"physicalLocation": _location(page, verdict.place)}]
    if verdict.state is State.SUPPRESSED:
        made["suppressions"] = [
            {"kind": "external", "justification": visible(f"{verdict.reason} (until {verdict.until})")}
        ]
    if verdict.edits:
        made["fixes"] = [
            {
                "description": {"text": visible(verdict.fix)},
                "artifactChanges": [_change(page, one) for one in verdict.edits],
            }
        ]
    return made


def _location(page: Page, place: Place) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": _artifact(page, place)}
    if place.line:
        location["region"] = _region(place)
    return location


def _artifact(page: Page, place: Place) -> dict[str, Any]:
    return {"uri": page.path(Verdict(state=State.FAIL, text="", place=place))}


def _region(place: Place) -> dict[str, int]:
    if not place.end_line:
        return {"startLine": place.line}
    return {
        "startLine": place.line,
        "startColumn": place.column + 1,
        "endLine": place.end_line,
        "endColumn": place.end_column + 1,
    }


def _change(page: Page, edit: Edit) -> dict[str, Any]:
    region = _region(edit.place) if edit.place.line else {"charOffset": 0, "charLength": 0}
    return {
        "artifactLocation": _artifact(page, edit.place),
        "replacements": [{"deletedRegion": region, "insertedContent": {"text": edit.text}}],
    }
