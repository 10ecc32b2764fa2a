"""Every format: complete, valid, and without a secret."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace

from tidegate.checks.formats.frames import Line, Sources, frame, masked, sources_of
from tidegate.checks.formats.page import Page, visible
from tidegate.checks.formats.table import FORMATS
from tidegate.checks.report import Report, points
from tidegate.checks.table import BY_ID
from tidegate.checks.verdict import Edit, Place, State, Verdict, failed, unknown, warned
from unit.checks import corpus

NAMES = ("git-bad", "notes", "no-claude", "py-script-bad", "express-bad", "py-broken", "fastapi-good")
HOSTILE = "a\x1b[31m\n`|<&>%,:]]>\udcff.py"


@pytest.fixture(scope="module", params=NAMES)
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Page:
    project, report = corpus.look(corpus.prepare(request.param, tmp_path_factory.mktemp("corpus")))
    return Page(report=report, checks=BY_ID, sources=sources_of(project), version="1.2.3", seconds=0.5)


@pytest.fixture
def hostile() -> Page:
    verdicts = (
        replace(failed(Place(HOSTILE, 1, 0, 1, 4), "x <&> `y` | z\n\x1b[0m", fix="f"), check="TG101"),
        replace(unknown("a\x00b", supply="s", place=Place(HOSTILE)), check="TG502"),
        Verdict(
            check="TG503",
            state=State.SUPPRESSED,
            text="t",
            reason="r\x1b[2J",
            until="2027-01-01",
            place=Place(HOSTILE, 2),
        ),
    )
    report = Report(root="/x/\udcfe", verdicts=verdicts, uses_claude=True, looked_at=1, notices=(f"{HOSTILE}: bad",))
    return Page(report=report, checks=BY_ID, sources=Sources(lambda _: ("x\x1b[31my",)))


@pytest.mark.parametrize("form", FORMATS)
def test_no_format_shows_a_secret(page: Page, form: str) -> None:
    text = FORMATS[form](page)
    for number in (1, 2, 3):
        assert corpus.key(number)[14:50] not in text


@pytest.mark.parametrize("form", FORMATS)
def test_names_and_texts_move_no_cursor(hostile: Page, form: str) -> None:
    text = FORMATS[form](hostile)
    assert "\x1b" not in text
    assert "\x00" not in text
    text.encode()


def test_json(page: Page) -> None:
    document = json.loads(FORMATS["json"](page))
    assert [one["check"] for one in document["results"]] == [one.check for one in page.report.verdicts]
    assert sum(document["counts"].values()) == len(document["results"])
    assert [one["number"] for one in document["points"]] == [one.number for one in points(page.report)]
    assert document["uses_claude"] == page.report.uses_claude
    for one in document["results"]:
        if one["state"] == "pass":
            assert one["evidence"] in {"static", "history", "config", "live", "attested", "drill"}
        if one["state"] == "unknown":
            assert one["supply"]
        if one["state"] in {"fail", "warn"}:
            assert one["fix"]
            assert one["fingerprint"]
        if one["state"] in {"suppressed", "attested"}:
            assert one["reason"]
            assert one["until"]


def test_sarif(page: Page) -> None:
    """What GitHub needs; against the whole schema it is tested in test_sarif_schema.py."""
    log = json.loads(FORMATS["sarif"](page))
    (run,) = log["runs"]
    rules = [one["id"] for one in run["tool"]["driver"]["rules"]]
    assert log["version"] == "2.1.0"
    assert rules == list(BY_ID)
    shown = [one for one in page.report.verdicts if one.state in {State.FAIL, State.WARN, State.SUPPRESSED}]
    assert len(run["results"]) == len(shown)
    for one, verdict in zip(run["results"], shown, strict=True):
        assert rules[one["ruleIndex"]] == one["ruleId"] == verdict.check
        assert one["message"]["text"]
        assert one["partialFingerprints"]["tidegate/v1"] == verdict.fingerprint
        assert ("suppressions" in one) == (verdict.state is State.SUPPRESSED)
        if verdict.place is not None and verdict.place.end_line:
            region = one["locations"][0]["physicalLocation"]["region"]
            assert region["startLine"] == verdict.place.line
            assert region["startColumn"] == verdict.place.column + 1


def test_sarif_of_hostile_names_has_addresses(hostile: Page) -> None:
    log = json.loads(FORMATS["sarif"](replace(hostile, prefix="apps/web/")))
    uri = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri.startswith("apps/web/a%1B%5B31m%0A")
    assert re.fullmatch(r"[A-Za-z0-9_.~/%-]+", uri)


def test_junit(page: Page) -> None:
    root = ET.fromstring(FORMATS["junit"](page))
    cases = root.findall("testsuite/testcase")
    assert {one.get("classname") for one in cases} == {one.check for one in page.report.verdicts}
    failing = {one.check for one in page.report.verdicts if one.state is State.FAIL}
    assert {one.get("classname") for one in cases if one.find("failure") is not None} == failing
    for suite in root.findall("testsuite"):
        assert int(suite.get("tests") or 0) == len(suite.findall("testcase"))
        assert int(suite.get("failures") or 0) == len(suite.findall("testcase/failure"))
        assert int(suite.get("skipped") or 0) == len(suite.findall("testcase/skipped"))
    unknown_only = {one.check for one in page.report.verdicts if one.state is State.UNKNOWN} - failing
    assert unknown_only <= {one.get("classname") for one in cases if one.find("skipped") is not None}


def test_junit_of_hostile_names_is_xml(hostile: Page) -> None:
    assert len(ET.fromstring(FORMATS["junit"](hostile)).findall("testsuite/testcase")) == 3


def test_markdown(page: Page) -> None:
    lines = FORMATS["markdown"](page).splitlines()
    assert lines[0] == "## tidegate check"
    items = [line for line in lines if line.startswith("- **TG")]
    shown = [one for one in page.report.verdicts if one.state not in {State.PASS, State.SKIPPED}]
    assert len(items) == len(shown)
    rows = [line for line in lines if re.match(r"\| \d+ \|", line)]
    assert len(rows) == len(points(page.report))
    assert {line.count("|") for line in rows} == {4}


def test_github(page: Page) -> None:
    lines = FORMATS["github"](page).splitlines()
    commands = {"error": State.FAIL, "warning": State.WARN}
    for word, state in commands.items():
        said = [line for line in lines if line.startswith(f"::{word} ")]
        assert len(said) == sum(one.state is state for one in page.report.verdicts)


def test_github_escapes(hostile: Page) -> None:
    line = FORMATS["github"](replace(hostile, prefix="apps/")).splitlines()[0]
    options, _, data = line.removeprefix("::error ").partition("::")
    assert options.count("=") == len(options.split(","))
    assert "file=apps/a" in options
    assert "\n" not in data
    assert "%25" in FORMATS["github"](replace(hostile, report=replace(hostile.report, notices=("100%",))))


UNKNOWN = replace(unknown("the Console was not asked", supply="a look at it", place=Place("a.py", 3)), check="TG601")
FAILURE = replace(failed(Place("a.py", 3), "Nobody waits.", fix="Wait."), check="TG304")
SENTENCES = {
    "markdown": (
        "- **TG601** `a.py:3` the Console was not asked. Settle it with: a look at it",
        "- **TG304** (medium) `a.py:3` Nobody waits. Wait.",
    ),
    "github": ("::the Console was not asked. Settle it with: a look at it", "::Nobody waits. Wait."),
    "junit": (
        "unknown a.py:3: the Console was not asked. Settle it with: a look at it",
        "fail a.py:3: Nobody waits. Wait.",
    ),
}


@pytest.mark.parametrize("form", SENTENCES)
def test_what_is_said_and_what_to_do_are_two_sentences(form: str) -> None:
    report = Report(root="/x", verdicts=(UNKNOWN, FAILURE), uses_claude=True, looked_at=1)
    text = FORMATS[form](Page(report=report, checks=BY_ID, sources=SHOWN))
    for said in SENTENCES[form]:
        assert said in text


def test_text(page: Page) -> None:
    text = FORMATS["text"](page)
    if page.report.uses_claude:
        for point in points(page.report):
            assert point.title in text
    else:
        assert text.startswith("No use of Claude was found")
    for verdict in page.report.verdicts:
        if verdict.state in {State.FAIL, State.WARN}:
            assert verdict.check in text
            assert not verdict.place or str(verdict.place) in text
    assert max(len(line) for line in text.splitlines() if "│" in line) <= page.width if "│" in text else True


def test_text_with_every_pass(page: Page) -> None:
    text = FORMATS["text"](replace(page, verbose=True))
    for verdict in page.report.verdicts:
        assert verdict.check in text


def test_colours(page: Page) -> None:
    assert "\x1b[" in FORMATS["text"](replace(page, colour=True))
    assert "\x1b[" not in FORMATS["text"](page)


LINES = ("first = 1", "", "client = Anthropic(timeout=600)", "x" * 300)
SHOWN = Sources(lambda _: LINES)


def test_a_frame() -> None:
    found = frame(SHOWN, warned(Place("a.py", 3, 9, 3, 18), "x", fix="y"))
    assert found == (Line(3, LINES[2], 9, 18),)
    assert frame(SHOWN, warned(Place("a.py", 9, 0, 9, 1), "x", fix="y")) == ()
    assert frame(SHOWN, warned(Place("a.py"), "x", fix="y")) == ()
    assert frame(SHOWN, warned(None, "x", fix="y")) == ()


def test_a_frame_of_a_long_line_is_cut() -> None:
    (before, line) = frame(SHOWN, warned(Place("a.py", 4, 290, 4, 300), "x", fix="y"))
    assert before.number == 3
    assert len(line.text) <= 161


SECRET = corpus.key(7)


@pytest.mark.parametrize(
    ("line", "secret", "shown"),
    [
        (f'key = "{SECRET}"', False, f'key = "sk-ant-api03-…{SECRET[-4:]}"'),
        ('key = "hunter2-hunter2"', True, 'key = "…"'),
        ('os.getenv("ANTHROPIC_API_KEY", "hunter2")', True, 'os.getenv("ANTHROPIC_API_KEY", "…")'),
        ("ANTHROPIC_API_KEY=hunter2", True, "ANTHROPIC_API_KEY=…"),
        ("ENV ANTHROPIC_API_KEY hunter2", True, "ENV ANTHROPIC_API_KEY …"),
        (f'token = "{SECRET[20:60]}"', False, 'token = "…"'),
        (
            'model = "anthropic.claude-3-5-sonnet-20241022-v2:0"',
            False,
            'model = "anthropic.claude-3-5-sonnet-20241022-v2:0"',
        ),
        ('model = "claude-sonnet-4-5-20250929"', False, 'model = "claude-sonnet-4-5-20250929"'),
        ("x = some_long_function_name_of_mine(1)", False, "x = some_long_function_name_of_mine(1)"),
    ],
)
def test_masking(line: str, secret: bool, shown: str) -> None:
    assert masked(line, secret=secret) == shown


def test_visible() -> None:
    assert visible("a\n\x1b\udcffé…") == "a\\n\\x1b\\udcffé…"


def test_an_edit_in_sarif(tmp_path: Path) -> None:
    verdict = replace(
        failed(
            Place("a.py", 1, 2, 1, 4),
            "x",
            fix="y",
            edits=(Edit(Place("a.py", 1, 2, 1, 4), "z"), Edit(Place("b"), "w\n")),
        ),
        check="TG101",
    )
    report = Report(root=str(tmp_path), verdicts=(verdict,), uses_claude=True, looked_at=1)
    log = json.loads(FORMATS["sarif"](Page(report=report, checks=BY_ID, sources=SHOWN)))
    one, two = log["runs"][0]["results"][0]["fixes"][0]["artifactChanges"]
    assert one["replacements"][0]["deletedRegion"] == {"startLine": 1, "startColumn": 3, "endLine": 1, "endColumn": 5}
    assert two["replacements"][0]["insertedContent"] == {"text": "w\n"}
