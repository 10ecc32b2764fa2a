"""What people and machines get: text, JSON, SARIF; none of them tells a secret."""

import json
import random
from datetime import date

import msgspec
import pytest

from tidegate.checks.scan.dig import Hit
from tidegate.checks.scan.document import document, sarif
from tidegate.checks.scan.gather import Gathered
from tidegate.checks.scan.match import fingerprint
from tidegate.checks.scan.results import Counts, Place, Risk, ScanResult, Suppressed, Unknown
from tidegate.checks.scan.suppressions import Suppressions
from tidegate.checks.scan.text import lines
from unit.checks.scan.fakes import MAKERS

SECRETS = {kind: make(random.Random(1)) for kind, make in MAKERS.items()}
GAP = Unknown("this is a shallow clone", "git fetch --unshallow")


def result(*, suppressed: bool = False, unknowns: tuple[Unknown, ...] = (), found: bool = True) -> ScanResult:
    gathered = Gathered()
    for kind, secret in SECRETS.items() if found else ():
        for number in range(9):
            place = Place(where="file", path=f"a {number}.py", line=3, column=7, via=("zip", "base64"))
            gathered.add(Hit(kind, secret.encode(), True, 3, 7), place)
    over = date(2099, 1, 1) if suppressed else date(2000, 1, 1)
    rules = {fingerprint(one.encode()): Suppressed("an old test", over) for one in SECRETS.values()}
    findings = gathered.findings(Suppressions(rules), date(2026, 1, 1))
    return ScanResult(
        root="/here",
        history="read",
        findings=findings,
        unknowns=unknowns,
        risks=(Risk("Dockerfile", 3, "copies everything", "write a .dockerignore"),),
        notes=("a note",),
        counts=Counts(
            files=3, objects=10, objects_known=4, objects_read=6, suppressed=len(findings) if suppressed else 0
        ),
    )


def text(one: ScanResult) -> str:
    return "\n".join(line for line, _ in lines(one))


@pytest.mark.parametrize("one", [result(), result(suppressed=True), result(unknowns=(GAP,))])
def test_no_form_tells_a_secret(one: ScanResult) -> None:
    forms = (text(one), json.dumps(document(one), default=str), json.dumps(sarif(one, "1")), repr(one))
    for secret in SECRETS.values():
        for form in forms:
            assert secret not in form
            assert secret[20:60] not in form


def test_the_text_says_what_where_and_what_to_do() -> None:
    told = text(result(unknowns=(GAP,)))
    for part in (
        "found  Claude API key sk-ant-api03-…",
        f"fingerprint {fingerprint(SECRETS['api-key'].encode())}",
        "a 0.py:3:7  (in base64 in zip)",
        "and 3 more places: see --json",
        "its suppression ended on 2000-01-01: an old test",
        "Revoke it first: ",
        "unknown  this is a shallow clone",
        "git fetch --unshallow",
        "risk  Dockerfile:3 copies everything",
        "note  a note",
        f"{len(SECRETS)} credentials found; 1 gap.",
        "3 files, 6 of 10 objects of the history (4 were found clean before)",
        "[[suppress]]",
    ):
        assert part in told
    assert told.count("It stays in the history") <= 1


def test_states_and_verdicts() -> None:
    assert result().state == "found"
    assert result(unknowns=(GAP,)).state == "found"
    assert result(suppressed=True).state == "clean"
    assert result(suppressed=True, unknowns=(GAP,)).state == "unknown"
    assert f"Clean: no credential was found; {len(SECRETS)} suppressed." in text(result(suppressed=True))
    assert "Unknown: nothing was found, but not everything could be read" in text(result(found=False, unknowns=(GAP,)))
    assert "[[suppress]]" not in text(result(found=False))


def test_the_document() -> None:
    told = msgspec.json.decode(msgspec.json.encode(document(result(suppressed=True))))
    assert told["state"] == "clean"
    assert {"root", "history", "findings", "unknowns", "risks", "notes", "counts"} <= told.keys()
    finding = told["findings"][0]
    assert finding["suppressed"] == {"reason": "an old test", "expires": "2099-01-01"}
    assert finding["places"][0]["label"] == "a 0.py:3:7"


def test_sarif() -> None:
    told = sarif(result(unknowns=(GAP,)), "1.2.3")
    (run,) = told["runs"]
    assert (told["version"], run["tool"]["driver"]["version"]) == ("2.1.0", "1.2.3")
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {one["ruleId"] for one in run["results"]} == SECRETS.keys() <= rules
    location = run["results"][0]["locations"][0]["physicalLocation"]
    assert location == {"artifactLocation": {"uri": "a%200.py"}, "region": {"startLine": 3, "startColumn": 7}}
    assert "suppressions" not in run["results"][0]
    assert run["invocations"][0]["toolExecutionNotifications"][0]["level"] == "warning"
    quiet = sarif(result(suppressed=True), "1")["runs"][0]["results"]
    assert quiet[0]["suppressions"] == [{"kind": "external", "justification": "an old test"}]
