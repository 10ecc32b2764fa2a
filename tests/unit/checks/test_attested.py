from datetime import date, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from tidegate.checks.attested import USUAL, attest
from tidegate.checks.check import Check
from tidegate.checks.notes import FILE, LONGEST, read_notes
from tidegate.checks.profiles import PROFILES
from tidegate.checks.project import read_project
from tidegate.checks.run import run
from tidegate.checks.table import BY_ID
from tidegate.checks.verdict import State, Verdict, failed, unknown, warned
from tidegate.model.errors import ConfigError

TODAY = date(2026, 11, 22)


def write(root: Path, **given: object) -> str:
    usual = {"check": "TG601", "by": "Ada", "how": "seen", "until": None, "today": TODAY, "known": BY_ID}
    return attest(root, **{**usual, **given})  # type: ignore[arg-type]  # a table of arguments


def test_it_is_what_is_read(tmp_path: Path) -> None:
    text = write(tmp_path, by='Ada "the Count" Löwe', how="500 USD \\ a month\nseen in   the Console")
    assert (tmp_path / FILE).read_text() == text
    (found,) = read_notes(tmp_path, BY_ID).attestations
    assert (found.check, found.by) == ("TG601", 'Ada "the Count" Löwe')
    assert found.how == "500 USD \\ a month seen in the Console"
    assert (found.on, found.until) == (TODAY, TODAY + USUAL)


OTHER = '[[attest]]\ncheck = "TG901"\nby = "B"\nhow = "h"\nuntil = 2027-01-01'


@pytest.mark.parametrize("before", ["# words\n", "# words", 'exclude = ["x/*"]\n\n', OTHER])
def test_what_was_there_stays(before: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(before)
    write(tmp_path)
    assert (tmp_path / FILE).read_text().startswith(before)
    assert read_notes(tmp_path, BY_ID).attestation("TG601") is not None


def test_a_renewed_one_counts(tmp_path: Path) -> None:
    write(tmp_path, until=TODAY)
    write(tmp_path, by="Grace")
    found = read_notes(tmp_path, BY_ID).attestation("TG601")
    assert found is not None
    assert found.by == "Grace"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"until": TODAY - timedelta(days=1)}, "--until: 2026-11-21 is over"),
        ({"until": TODAY + LONGEST + timedelta(days=1)}, "--until: 2027-05-26 is too far; 2027-05-25 at most"),
        ({"by": "  "}, "--by: say who"),
        ({"how": "a\x1b[31mb"}, "--note: write at most"),
        ({"how": "x" * 400}, "--note: write at most"),
    ],
)
def test_what_is_refused(given: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said.replace("[", r"\[")):
        write(tmp_path, **given)
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("before", ["attest = []\n", "not toml", 'oops = "x"\n', "[[attest]]\n"])
def test_a_file_that_is_wrong_is_left_alone(before: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(before)
    with pytest.raises(ConfigError, match=FILE):
        write(tmp_path)
    assert (tmp_path / FILE).read_text() == before


def judged(root: Path, verdict: Verdict, today: date = TODAY) -> Verdict:
    """The verdict of TG601 after people's notes."""
    project = read_project(root, today=today, notes=read_notes(root, BY_ID), sources=False)
    check: Check = replace(BY_ID["TG601"], look=lambda _: [verdict])
    (found,) = run(project, [check], profile=PROFILES["live"], known=BY_ID).verdicts
    return found


UNKNOWN = unknown("the Console was not asked", supply="a look")


def test_an_unknown_is_settled(tmp_path: Path) -> None:
    write(tmp_path)
    found = judged(tmp_path, UNKNOWN)
    assert (found.state, found.evidence, found.by, found.reason) == (State.ATTESTED, "attested", "Ada", "seen")
    assert found.until == "2027-02-20"


@pytest.mark.parametrize("verdict", [failed(None, "No limit.", fix="f"), warned(None, "Nearly.", fix="f")])
def test_a_finding_is_never_beaten(verdict: Verdict, tmp_path: Path) -> None:
    write(tmp_path)
    assert judged(tmp_path, verdict).state is verdict.state


def test_it_ends_on_its_day(tmp_path: Path) -> None:
    write(tmp_path, until=TODAY)
    assert judged(tmp_path, UNKNOWN).state is State.ATTESTED
    after = judged(tmp_path, UNKNOWN, TODAY + timedelta(days=1))
    assert after.state is State.UNKNOWN
    assert "Ada attested it until 2026-11-22" in after.text


@pytest.mark.parametrize("on", ["", "on = 2026-11-22\n", "on = 2098-12-01\n"])
def test_one_by_hand_that_never_ends_counts_for_nothing(on: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(f'[[attest]]\ncheck = "TG601"\nby = "Ada"\nhow = "h"\n{on}until = 2099-01-01\n')
    found = judged(tmp_path, UNKNOWN)
    assert found.state is State.UNKNOWN
    assert "too far" in found.text


def test_a_time_of_day_is_a_day(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('[[attest]]\ncheck = "TG601"\nby = "Ada"\nhow = "h"\nuntil = 2027-01-01T00:00:00Z\n')
    assert judged(tmp_path, UNKNOWN).state is State.ATTESTED
