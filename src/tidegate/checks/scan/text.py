"""The result of a scan for people: what, where, what to do, and what was looked at."""

from collections.abc import Iterator
from typing import Final, Literal

from tidegate.checks.scan.advice import FILES, HISTORY
from tidegate.checks.scan.results import Finding, Place, ScanResult

Style = Literal["bad", "warn", "good", "dim", "bold", ""]
Line = tuple[str, Style]
"""A line, and how it may be coloured."""

_COMMON: Final = (FILES, HISTORY)
"""Steps that are told once."""

_PLACES: Final = 6
"""Of one secret; the others are in the JSON document."""


def lines(result: ScanResult) -> Iterator[Line]:
    """The whole report."""
    for finding in result.active:
        yield from _finding(finding)
    for unknown in result.unknowns:
        yield f"unknown  {unknown.what}", "warn"
        yield f"         {unknown.remedy}", ""
        yield "", ""
    for risk in result.risks:
        yield f"risk  {risk.path}:{risk.line} {risk.what}", "warn"
        yield f"      {risk.remedy}", ""
        yield "", ""
    for note in result.notes:
        yield f"note  {note}", "dim"
    if result.notes:
        yield "", ""
    yield _verdict(result)
    yield _looked_at(result), "dim"
    if result.active:
        steps = {step for finding in result.active for step in finding.advice}
        yield "", ""
        yield from ((step, "") for step in _COMMON if step in steps)
        name = result.active[0].fingerprint
        yield "To accept one that is revoked or made up, put into .tidegate-scan.toml (with its own fingerprint):", ""
        yield f'  [[suppress]]\n  fingerprint = "{name}"\n  reason = "why it is harmless"\n  expires = YYYY-MM-DD', ""


def _finding(finding: Finding) -> Iterator[Line]:
    unsure = "" if finding.confidence == "high" else ", probably"
    others = ", ".join(one for one in finding.reported_by if one != "tidegate")
    yield f"found  {finding.title} {finding.shown}{unsure}", "bad"
    yield f"       fingerprint {finding.fingerprint}{f', reported by {others}' if others else ''}", "dim"
    if finding.expired is not None:
        yield f"       its suppression ended on {finding.expired.expires}: {finding.expired.reason}", "warn"
    for place in finding.places[:_PLACES]:
        yield f"  {place.label}{_facts(place)}", "bold"
    left = len(finding.places) - _PLACES
    if left > 0:
        yield f"  and {left:,} more {'place' if left == 1 else 'places'}: see --json", "dim"
    for step in finding.advice:
        if step not in _COMMON:
            yield f"  {step}", ""
    yield "", ""


def _facts(place: Place) -> str:
    facts = [_WHERE[place.where]]
    if place.via:
        facts.append(f"in {' in '.join(reversed(place.via))}")
    if place.date:
        facts.append(f"{place.date[:10]}{f' by {place.author}' if place.author else ''}")
    if place.versions > 1:
        facts.append(f"the first of {place.versions:,} versions")
    if place.note:
        facts.append(place.note)
    told = "; ".join(one for one in facts if one)
    return f"  ({told})" if told else ""


_WHERE: Final = {
    "file": "",
    "staged": "staged",
    "history": "",
    "message": "commit message",
    "tag": "tag message",
    "name": "file name",
    "git": "",
}


def _verdict(result: ScanResult) -> Line:
    found, suppressed = len(result.active), result.counts.suppressed
    more = f"; {suppressed:,} suppressed" if suppressed else ""
    gaps = f"; {_counted(len(result.unknowns), 'gap')}" if result.unknowns else ""
    if found:
        return f"{_counted(found, 'credential')} found{more}{gaps}.", "bad"
    if result.unknowns:
        return f"Unknown: nothing was found, but not everything could be read{more}{gaps}.", "warn"
    return f"Clean: no credential was found{more}.", "good"


def _looked_at(result: ScanResult) -> str:
    counts = result.counts
    parts = [_counted(counts.files, "file")] if counts.files or result.history == "none" else []
    if counts.staged or not (counts.files or counts.objects or result.history == "none"):
        parts.append(_counted(counts.staged, "staged file"))
    if result.history == "read":
        known = f" ({counts.objects_known:,} were found clean before)" if counts.objects_known else ""
        parts.append(f"{counts.objects_read:,} of {counts.objects:,} objects of the history{known}")
    skipped = "; the history was not read" if result.history == "skipped" else ""
    return f"Read in {result.root}: {', '.join(parts)}; {counts.bytes / 1_000_000:,.1f} MB{skipped}."


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
