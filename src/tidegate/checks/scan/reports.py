"""Reports of other scanners, so that one command tells about every secret: gitleaks 8, betterleaks 1 and 2 (JSON)."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec import Struct

from tidegate.checks.scan.dig import Hit
from tidegate.checks.scan.gather import Gathered
from tidegate.checks.scan.match import credentials, fingerprint, shown
from tidegate.checks.scan.names import display, display_path
from tidegate.checks.scan.results import Place
from tidegate.checks.scan.trouble import ScanError

_REDACTED = ("", "REDACTED")


class _Row(Struct, frozen=True):
    """What both tools say about one finding; `fingerprint` only where it is the secret's own."""

    rule: str
    secret: str
    fingerprint: str
    position: str
    path: str
    line: int
    column: int
    commit: str
    author: str
    date: str


def read_report(path: Path, gathered: Gathered) -> None:
    """Add what a report says; raises ScanError."""
    tool, rows = _rows(path)
    for row in rows:
        secret = row.secret.encode("utf-8", "surrogatepass")
        match = next((one for one in credentials(secret) if one.secret == secret), None)
        title = f"{_text(row.rule)} ({tool})"
        if match is not None:
            gathered.add(Hit(match.kind, secret, match.sure, row.line, row.column), _place(row), tool)
        elif row.secret not in _REDACTED:
            gathered.report(fingerprint(secret), title, shown(row.secret, "other"), _place(row), tool)
        else:
            position = sha256(row.position.encode("utf-8", "surrogatepass")).hexdigest()[:16]
            gathered.report(row.fingerprint or position, title, "(redacted)", _place(row), tool)


def _rows(path: Path) -> tuple[str, list[_Row]]:
    """The tool and its findings."""
    shown_path = display_path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ScanError(
            f"{shown_path}: {error.strerror or error}; --import takes a report of gitleaks or betterleaks"
        ) from None
    except UnicodeDecodeError:
        raise ScanError(f"{shown_path}: this is not JSON") from None
    try:
        document = json.loads(text) if text.strip() else []
    except (ValueError, RecursionError):
        document = _json_lines(text, shown_path)
    try:
        return _known(document)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ScanError(
            f"{shown_path}: this is not a report that is known; make one with `gitleaks git -f json -r FILE` "
            "or `betterleaks git -o FILE.json`"
        ) from None


def _json_lines(text: str, shown_path: str) -> Any:
    try:
        return {"findings": [json.loads(line)["finding"] for line in text.splitlines() if line.strip()]}
    except (ValueError, RecursionError, KeyError, TypeError):
        raise ScanError(f"{shown_path}: this is not JSON") from None


def _known(document: Any) -> tuple[str, list[_Row]]:
    if isinstance(document, dict) and "finding" in document:
        document = {"findings": [document["finding"]]}
    if isinstance(document, dict):
        return "betterleaks", list(_betterleaks(document["findings"] or []))
    return "gitleaks", [_gitleaks(one) for one in document or []]


def _gitleaks(one: dict[str, Any]) -> _Row:
    return _Row(
        rule=str(one["RuleID"]),
        secret=str(one["Secret"]),
        fingerprint="",
        position=str(one["Fingerprint"]),
        path=str(one["File"]),
        line=int(one["StartLine"]),
        column=int(one["StartColumn"]),
        commit=str(one.get("Commit", "")),
        author=str(one.get("Author", "")),
        date=str(one.get("Date", "")),
    )


def _betterleaks(findings: list[dict[str, Any]]) -> Iterator[_Row]:
    for one in findings:
        facts, place, match = one.get("attributes") or {}, one["location"], one["match"]
        yield _Row(
            rule=str(one["rule_id"]),
            secret=str(match["value"]),
            fingerprint=str(match.get("fingerprint", ""))[:16],
            position=f"{place['path']}:{place['start_line']}:{one['rule_id']}",
            path=str(place["path"]),
            line=int(place["start_line"]),
            column=int(place["start_column"]),
            commit=str(facts.get("git.sha", "")),
            author=str(facts.get("git.author_name", "")),
            date=str(facts.get("git.date", "")),
        )


def _place(row: _Row) -> Place:
    return Place(
        where="history" if row.commit else "file",
        path=_text(row.path),
        line=row.line,
        column=row.column,
        commit=_text(row.commit) or None,
        author=_text(row.author) or None,
        date=_text(row.date) or None,
    )


def _text(value: str) -> str:
    return display(value.encode("utf-8", "surrogatepass"))
