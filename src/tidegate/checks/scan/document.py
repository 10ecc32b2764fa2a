"""The result of a scan for machines: a JSON document, and SARIF 2.1.0."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from msgspec import to_builtins

from tidegate.checks.scan.kinds import KINDS
from tidegate.checks.scan.results import Finding, Place, ScanResult

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"high": "error", "medium": "warning"}


def document(result: ScanResult) -> dict[str, Any]:
    """Everything, with the state and a label for every place."""
    built: dict[str, Any] = to_builtins(result)
    for finding, known in zip(built["findings"], result.findings, strict=True):
        for place, one in zip(finding["places"], known.places, strict=True):
            place["label"] = one.label
    return {"state": result.state, **built}


def sarif(result: ScanResult, version: str) -> dict[str, Any]:
    """One result for every place; suppressed findings are marked as such, gaps are notifications."""
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "tidegate scan",
                        "version": version,
                        "rules": [
                            {"id": name, "shortDescription": {"text": kind.title}, "help": {"text": kind.revoke}}
                            for name, kind in KINDS.items()
                        ],
                    }
                },
                "results": [one for finding in result.findings for one in _results(finding)],
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "toolExecutionNotifications": [
                            {"level": "warning", "message": {"text": f"{one.what}: {one.remedy}"}}
                            for one in result.unknowns
                        ],
                    }
                ],
            }
        ],
    }


def _results(finding: Finding) -> Iterator[dict[str, Any]]:
    for place in finding.places:
        text = f"{finding.title} {finding.shown} at {place.label}. {finding.advice[0]}"
        one: dict[str, Any] = {
            "ruleId": finding.kind,
            "level": _LEVELS[finding.confidence],
            "message": {"text": text},
            "locations": [_location(place)],
            "partialFingerprints": {"secret/v1": finding.fingerprint},
        }
        if finding.suppressed is not None:
            one["suppressions"] = [{"kind": "external", "justification": finding.suppressed.reason}]
        yield one


def _location(place: Place) -> dict[str, Any]:
    path = (place.path or "").partition("!")[0]
    physical: dict[str, Any] = {"artifactLocation": {"uri": quote(path)}}
    if place.line and "!" not in (place.path or ""):
        physical["region"] = {"startLine": place.line, "startColumn": max(1, place.column)}
    facts = {"object": place.object, "commit": place.commit, "date": place.date, "via": list(place.via) or None}
    known = {name: value for name, value in facts.items() if value is not None}
    return {"physicalLocation": physical, **({"properties": known} if known else {})}
