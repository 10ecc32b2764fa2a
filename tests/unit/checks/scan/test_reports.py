"""Reports of gitleaks and betterleaks are merged with our findings by the secret, and never tell it."""

import json
import random
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tidegate.checks.scan.dig import Hit
from tidegate.checks.scan.gather import Gathered
from tidegate.checks.scan.match import fingerprint
from tidegate.checks.scan.reports import read_report
from tidegate.checks.scan.results import Finding, Place
from tidegate.checks.scan.suppressions import Suppressions
from tidegate.checks.scan.trouble import ScanError
from unit.checks.scan.fakes import MAKERS

KEY = MAKERS["api-key"](random.Random(1))
OTHER = "AK" + "IA" + "QWERTZUIOPASDFGH"


def gitleaks(secret: str, rule: str = "some-rule") -> dict[str, Any]:
    return {
        "RuleID": rule,
        "Secret": secret,
        "Match": f"k={secret}",
        "File": "a\nb.py",
        "StartLine": 3,
        "StartColumn": 5,
        "Commit": "c" * 40,
        "Author": "A",
        "Date": "2026-01-01T00:00:00Z",
        "Fingerprint": f"{'c' * 40}:a.py:{rule}:3",
    }


def betterleaks(secret: str, rule: str = "some-rule", value: str | None = None) -> dict[str, Any]:
    return {
        "rule_id": rule,
        "match": {
            "full": value or secret,
            "value": value or secret,
            "fingerprint": sha256(secret.encode()).hexdigest(),
        },
        "attributes": {"git.sha": "c" * 40, "git.author_name": "A", "git.date": "2026-01-01T00:00:00Z"},
        "location": {"path": "a.py", "start_line": 3, "start_column": 5, "end_line": 3, "end_column": 9},
    }


def merged(tmp_path: Path, report: Any, *, ours: bool = False) -> tuple[Finding, ...]:
    gathered = Gathered()
    file = tmp_path / "report.json"
    file.write_text(report if isinstance(report, str) else json.dumps(report))
    read_report(file, gathered)
    if ours:
        gathered.add(Hit("api-key", KEY.encode(), True, 1, 1), Place(where="file", path="our.py", line=1, column=1))
    return gathered.findings(Suppressions(), date(2026, 1, 1))


@pytest.mark.parametrize(
    "report",
    [
        [gitleaks(KEY), gitleaks(OTHER)],
        {"schema_version": "1", "findings": [betterleaks(KEY), betterleaks(OTHER)]},
        "\n".join(json.dumps({"finding": betterleaks(one)}) for one in (KEY, OTHER)),
    ],
)
def test_both_tools(tmp_path: Path, report: Any) -> None:
    tool = "gitleaks" if isinstance(report, list) else "betterleaks"
    ours, other = merged(tmp_path, report, ours=True)
    assert (ours.kind, ours.reported_by, ours.confidence) == ("api-key", (tool, "tidegate"), "high")
    assert "our.py" in {place.path for place in ours.places}
    assert (other.kind, other.title, other.shown) == ("other", f"some-rule ({tool})", "…DFGH")
    assert other.fingerprint == fingerprint(OTHER.encode())
    assert other.places[0].where == "history"
    assert other.places[0].label.endswith("@cccccccccccc:3:5")
    assert "\n" not in other.places[0].label


def test_a_key_that_only_the_other_tool_has_found_is_of_its_kind(tmp_path: Path) -> None:
    (finding,) = merged(tmp_path, [gitleaks(KEY)])
    assert (finding.kind, finding.reported_by) == ("api-key", ("gitleaks",))


def test_redacted_reports(tmp_path: Path) -> None:
    ours, other = merged(
        tmp_path, {"findings": [betterleaks(KEY, value="REDACTED"), betterleaks(OTHER, value="REDACTED")]}, ours=True
    )
    assert ours.reported_by == ("betterleaks", "tidegate")
    assert ours.shown.endswith(KEY[-4:])
    assert other.fingerprint == fingerprint(OTHER.encode())
    one, two = merged(tmp_path, [gitleaks("REDACTED", "rule-a"), gitleaks("REDACTED", "rule-b")])
    assert one.fingerprint != two.fingerprint
    assert one.shown == "(redacted)"


@pytest.mark.parametrize("report", ["", "[]", "null", '{"findings": []}', '{"findings": null}'])
def test_an_empty_report(tmp_path: Path, report: str) -> None:
    assert merged(tmp_path, report) == ()


@pytest.mark.parametrize("report", ["{", "hello", "[1]", '{"a": 1}', '[{"RuleID": "x"}]', '"text"', "3", "[" * 100_000])
def test_what_is_no_report(tmp_path: Path, report: str) -> None:
    with pytest.raises(ScanError, match=r"report.json: this is not"):
        merged(tmp_path, report)


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match="No such file"):
        read_report(tmp_path / "nothing", Gathered())
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScanError, match="not JSON"):
        read_report(tmp_path / "binary", Gathered())
