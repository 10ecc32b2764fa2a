"""From verdicts to a report: incomplete views, notes of people, standings, the summary and the exit code."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from tidegate.checks.check import Check
from tidegate.checks.notes import Attestation, Notes, Suppression
from tidegate.checks.outcome import exit_code
from tidegate.checks.profiles import PROFILES
from tidegate.checks.project import Project, read_project
from tidegate.checks.report import Report, Standing, next_step, points, standing, summary
from tidegate.checks.run import run
from tidegate.checks.table import BY_ID, CHECKS, select
from tidegate.checks.verdict import Edit, Place, State, Verdict, failed, passed, skipped, unknown, warned

TODAY = date(2026, 11, 22)
ASKS = (
    "import anthropic\nc = anthropic.Anthropic(timeout=5)\n"
    "r = c.messages.create(model='claude-haiku-4-5', max_tokens=5, messages=[])\nprint(r.usage)\n"
)
HERE = Place("a.py", 3, 0, 3, 5)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "a.py").write_text(ASKS)
    return read_project(tmp_path, today=TODAY)


def check(*verdicts: Verdict, id_: str = "TG502", scope: str = "requests") -> Check:
    def look(_: Project) -> Iterator[Verdict]:
        """Why."""
        yield from verdicts

    return replace(BY_ID[id_], look=look, scope=scope)


def ran(project: Project, *verdicts: Verdict, scope: str = "requests") -> list[Verdict]:
    report = run(project, [check(*verdicts, scope=scope)], profile=PROFILES["local"], known=BY_ID)
    return list(report.verdicts)


def test_a_verdict_gets_its_id_and_findings_get_a_fingerprint(project: Project) -> None:
    one, two = ran(project, failed(HERE, "x", fix="y"), passed("z"))
    assert (one.check, bool(one.fingerprint), two.fingerprint) == ("TG502", True, "")


@pytest.mark.parametrize(("asked", "said"), [("", "check --attest TG502 it"), ("a/b", "check a/b --attest TG502 it")])
def test_a_command_that_settles_it_is_for_this_project(project: Project, asked: str, said: str) -> None:
    one = check(unknown("x", supply="check HERE --attest ID it"))
    report = run(project, [one], profile=PROFILES["local"], known=BY_ID, asked=asked)
    assert (report.verdicts[0].supply, report.asked) == (said, asked)


def test_the_fingerprint_stays_when_lines_move(tmp_path: Path, project: Project) -> None:
    (before,) = ran(project, failed(HERE, "x", fix="y"))
    (tmp_path / "a.py").write_text(f"# more\n{ASKS.replace('r = c', 'r  =  c')}")
    later = read_project(tmp_path, today=TODAY)
    (after,) = ran(later, failed(Place("a.py", 4, 0, 4, 5), "x", fix="y"))
    assert before.fingerprint == after.fingerprint


def test_the_same_finding_twice_has_two_fingerprints(project: Project) -> None:
    one, two = ran(project, failed(HERE, "x", fix="y"), failed(HERE, "x", fix="y"))
    assert one.fingerprint != two.fingerprint


def test_a_check_that_breaks_is_unknown_and_the_others_go_on(project: Project) -> None:
    def look(_: Project) -> Iterator[Verdict]:
        """Why."""
        raise ZeroDivisionError
        yield

    report = run(
        project, [replace(BY_ID["TG502"], look=look), check(passed("z"))], profile=PROFILES["local"], known=BY_ID
    )
    assert [one.state for one in report.verdicts] == [State.UNKNOWN, State.PASS]
    assert "ZeroDivisionError" in report.verdicts[0].text


@pytest.mark.parametrize(
    ("scope", "state"), [("requests", State.UNKNOWN), ("sources", State.UNKNOWN), ("project", State.PASS)]
)
def test_a_pass_over_sources_that_were_not_all_read_is_none(tmp_path: Path, scope: str, state: State) -> None:
    (tmp_path / "a.py").write_text(ASKS)
    (tmp_path / "b.py").write_text("import anthropic\ndef f(:\n")
    (found,) = ran(read_project(tmp_path, today=TODAY), passed("z"), scope=scope)
    assert found.state is state


@pytest.mark.parametrize(("scope", "state"), [("requests", State.UNKNOWN), ("sources", State.PASS)])
def test_a_library_that_is_not_read_hides_requests_only(tmp_path: Path, scope: str, state: State) -> None:
    (tmp_path / "a.py").write_text(ASKS)
    (tmp_path / "b.py").write_text("import crewai  # with claude\n")
    (found,) = ran(read_project(tmp_path, today=TODAY), skipped("z"), scope=scope)
    assert found.state is (state if scope == "requests" else State.SKIPPED)


@pytest.mark.parametrize(
    ("text", "uses"), [("import anthropic\ndef f(:\n", True), ("import json\ndef f(:\n", False)], ids=["Claude", "none"]
)
def test_a_source_that_cannot_be_read_may_use_claude(tmp_path: Path, text: str, uses: bool) -> None:
    (tmp_path / "a.py").write_text(text)
    project = read_project(tmp_path, today=TODAY)
    report = run(project, select(["TG501"], []), profile=PROFILES["local"], known=BY_ID)
    assert report.uses_claude is uses
    assert report.verdicts[0].state is State.UNKNOWN
    assert ("a.py in a form that can be read" in report.verdicts[0].supply) is uses


def test_a_failure_stays_one_whatever_was_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import anthropic\ndef f(:\n")
    (found,) = ran(read_project(tmp_path, today=TODAY), failed(None, "x", fix="y"))
    assert found.state is State.FAIL


def test_nothing_passes_where_claude_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print(1)\n")
    project = read_project(tmp_path, today=TODAY)
    report = run(project, CHECKS, profile=PROFILES["local"], known=BY_ID)
    assert not report.uses_claude
    about_code = {one.check for one in report.verdicts if one.state is State.PASS}
    assert all(BY_ID[one].scope == "project" for one in about_code)
    assert exit_code(report, CHECKS, "low") == 3


def noted(project: Project, *verdicts: Verdict, notes: Notes) -> list[Verdict]:
    return ran(replace(project, notes=notes), *verdicts)


def test_a_suppression(project: Project) -> None:
    notes = Notes(suppressions=(Suppression("TG502", "a.*", 0, "because", date(2026, 11, 22)),))
    found = noted(
        project,
        failed(HERE, "x", fix="y"),
        warned(HERE, "x", fix="y"),
        unknown("x", supply="y", place=HERE),
        notes=notes,
    )
    assert [(one.state, one.reason, one.until) for one in found] == [
        (State.SUPPRESSED, "because", "2026-11-22"),
        (State.SUPPRESSED, "because", "2026-11-22"),
        (State.UNKNOWN, "", ""),
    ]


def test_a_suppression_that_has_expired(project: Project) -> None:
    notes = Notes(suppressions=(Suppression("TG502", "a.py", 0, "because", date(2026, 11, 21)),))
    (found,) = noted(project, failed(HERE, "x.", fix="y"), notes=notes)
    assert (found.state, found.text) == (State.FAIL, "x. (It was suppressed until 2026-11-21.)")


def test_a_suppression_of_another_check_or_file(project: Project) -> None:
    notes = Notes(
        suppressions=(Suppression("TG503", "a.py", 0, "r", date.max), Suppression("TG502", "b.py", 0, "r", date.max))
    )
    assert noted(project, failed(HERE, "x", fix="y"), notes=notes)[0].state is State.FAIL


def test_an_attestation_settles_what_is_unknown_and_nothing_else(project: Project) -> None:
    notes = Notes(attestations=(Attestation("TG502", "Ada", "how", date(2027, 1, 1)),))
    found = noted(project, unknown("x", supply="y"), failed(HERE, "x", fix="y"), notes=notes)
    assert [one.state for one in found] == [State.ATTESTED, State.FAIL]
    assert (found[0].by, found[0].reason, found[0].until, found[0].evidence) == ("Ada", "how", "2027-01-01", "attested")


def test_an_attestation_that_has_expired(project: Project) -> None:
    notes = Notes(attestations=(Attestation("TG502", "Ada", "how", date(2026, 1, 1)),))
    (found,) = noted(project, unknown("x", supply="y"), notes=notes)
    assert (found.state, found.text) == (State.UNKNOWN, "x (Ada attested it until 2026-01-01.)")


def test_a_comment_in_the_source(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        ASKS.replace("max_tokens=5", "max_tokens=60000").replace("claude-haiku-4-5", "claude-opus-5")
        + "# tidegate: allow[TG502]\n"
    )
    lines = (tmp_path / "a.py").read_text().splitlines()
    lines[2] += "  # tidegate: allow[TG502] until 2027-01-01: because"
    (tmp_path / "a.py").write_text("\n".join(lines))
    report = run(read_project(tmp_path, today=TODAY), select(["TG502"], []), profile=PROFILES["local"], known=BY_ID)
    assert [one.state for one in report.verdicts] == [State.SUPPRESSED]
    assert report.notices == ("a.py:5: this comment suppresses nothing: it needs `until YYYY-MM-DD: reason`",)


@pytest.mark.parametrize("profile", ["boot"])
def test_a_profile_that_does_not_look_at_sources(project: Project, profile: str) -> None:
    report = run(project, select(["TG502"], []), profile=PROFILES[profile], known=BY_ID)
    assert [one.state for one in report.verdicts] == [State.SKIPPED]


def verdict(state: str, id_: str = "TG502") -> Verdict:
    return Verdict(check=id_, state=State(state), text="x")


STANDINGS = [
    (["pass"], Standing.VERIFIED),
    (["pass", "skipped"], Standing.VERIFIED),
    (["pass", "warn"], Standing.WARNED),
    (["warn", "suppressed", "attested"], Standing.WARNED),
    (["warn", "unknown"], Standing.UNKNOWN),
    (["skipped"], Standing.SKIPPED),
    (["pass", "attested"], Standing.ATTESTED),
    (["pass", "suppressed"], Standing.SUPPRESSED),
    (["suppressed", "attested"], Standing.SUPPRESSED),
    (["pass", "unknown"], Standing.UNKNOWN),
    (["unknown", "attested", "suppressed"], Standing.UNKNOWN),
    (["pass", "unknown", "fail"], Standing.FAILED),
]


@pytest.mark.parametrize(("states", "stands"), STANDINGS)
def test_standings(states: list[str], stands: Standing) -> None:
    assert standing([verdict(one) for one in states]) is stands


def report(*verdicts: Verdict, uses_claude: bool = True) -> Report:
    return Report(root="/x", verdicts=verdicts, uses_claude=uses_claude, looked_at=1)


def test_the_summary() -> None:
    found = report(
        verdict("pass", "TG101"),
        verdict("attested", "TG601"),
        verdict("unknown", "TG901"),
        verdict("warn", "TG301"),
        verdict("skipped", "TG401"),
        verdict("skipped", "TG801"),
        verdict("fail", "TG501"),
        verdict("suppressed", "TG701"),
    )
    assert summary(found) == (
        "1 verified, 1 attested, 1 suppressed, 1 with warnings, 1 failed, 1 not verified yet, 2 do not apply."
    )
    assert [point.number for point in points(found)] == [1, 3, 4, 5, 6, 7, 8, 9]
    assert summary(report()) == "Nothing was checked."


def test_the_next_step() -> None:
    mendable = replace(verdict("fail"), edits=(Edit(Place("a"), "b"),))
    assert next_step(report(verdict("unknown"), mendable)).startswith("tidegate check --fix")
    assert next_step(report(verdict("unknown", "TG601"), verdict("fail"))) == "tidegate explain TG502"
    assert next_step(report(verdict("unknown", "TG601"), verdict("warn"))).startswith("tidegate explain TG601")
    assert next_step(report(verdict("warn"))) == "tidegate explain TG502"
    assert next_step(report(verdict("pass"))) == ""
    nothing = report(verdict("unknown"), uses_claude=False)
    assert next_step(nothing) == "tidegate check FOLDER    # the folder of the program that calls Claude"
    assert next_step(report(verdict("fail", "TG202"), uses_claude=False)) == "tidegate explain TG202"


CODES = [
    (["pass"], "low", 0),
    (["fail:TG404"], "low", 11),  # low
    (["fail:TG502"], "low", 12),  # medium
    (["fail:TG501"], "low", 13),  # high
    (["fail:TG404", "fail:TG501"], "low", 13),
    (["fail:TG404"], "medium", 0),
    (["fail:TG502"], "high", 0),
    (["fail:TG501"], "high", 13),
    (["fail:TG501"], "never", 0),
    (["warn"], "low", 0),
    (["warn"], "warn", 10),
    (["unknown"], "warn", 0),
    (["unknown"], "unknown", 10),
    (["fail:TG404"], "unknown", 11),
    (["suppressed", "attested", "skipped"], "unknown", 0),
]


@pytest.mark.parametrize(("states", "fail_on", "code"), CODES)
def test_exit_codes(states: list[str], fail_on: str, code: int) -> None:
    verdicts = [verdict(*one.split(":")) for one in states]
    assert exit_code(report(*verdicts), CHECKS, fail_on) == code  # type: ignore[arg-type]


def test_exit_codes_where_claude_is_not_used() -> None:
    assert exit_code(report(verdict("unknown"), uses_claude=False), CHECKS, "low") == 3
    assert exit_code(report(verdict("fail", "TG201"), uses_claude=False), CHECKS, "low") == 13
    assert exit_code(report(verdict("unknown"), uses_claude=False), CHECKS, "never") == 0


FIVE = {one.id for one in CHECKS if one.point == 5}
TEN = {one.id for one in CHECKS if one.point == 10}


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["TG502"], {"TG502"}),
        (["tg502"], {"TG502"}),
        (["TG5"], FIVE),
        (["5"], FIVE),
        (["TG5xx"], FIVE),
        (["TG10"], TEN),
        (["TG101", "TG5"], {"TG101", *FIVE}),
    ],
)
def test_selecting(words: list[str], ids: set[str]) -> None:
    assert {one.id for one in select(words, [])} == ids
    assert {one.id for one in select([], words)} == {one.id for one in CHECKS} - ids


def test_selecting_what_is_not_there() -> None:
    for word in ("TG999", "TG12", "x", ""):
        with pytest.raises(KeyError):
            select([word], [])
