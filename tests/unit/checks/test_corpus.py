"""Every application of tests/corpus has exactly the findings that it expects, and every check is tried all ways."""

from pathlib import Path

import pytest

from tidegate.checks.table import CHECKS
from unit.checks import corpus

BY_HAND = {"TG601", "TG901", "TG1001"}
"""What sources never tell: it is unknown until it is attested, or asked elsewhere."""


@pytest.mark.parametrize("name", corpus.applications())
def test_exactly_what_is_expected(name: str, tmp_path: Path) -> None:
    _, report = corpus.look(corpus.prepare(name, tmp_path))
    assert corpus.found(report) == corpus.expected(name)


@pytest.mark.parametrize("name", corpus.applications())
def test_every_check_says_something_about_every_application(name: str) -> None:
    said = {one.split()[0] for some in corpus.expected(name).values() for one in some}
    assert said == {check.id for check in CHECKS}


def test_there_are_enough_of_them() -> None:
    assert len(corpus.applications()) >= 24
    assert {path.name for path in corpus.CORPUS.iterdir() if path.is_dir()} == set(corpus.applications())


def tried() -> dict[str, set[str]]:
    """The states in which each check ends somewhere."""
    states: dict[str, set[str]] = {check.id: set() for check in CHECKS}
    for _, state, check in corpus.every():
        states[check].add(state)
    return states


@pytest.mark.parametrize("check", [check.id for check in CHECKS if check.id not in BY_HAND])
def test_every_check_has_a_true_positive_a_true_negative_and_a_cannot_tell(check: str) -> None:
    states = tried()[check]
    assert states & {"fail", "warn"}, "no true positive"
    assert "pass" in states, "no true negative"
    assert "unknown" in states, "no cannot tell"


@pytest.mark.parametrize("check", sorted(BY_HAND))
def test_what_cannot_be_seen_yet_never_passes(check: str) -> None:
    assert tried()[check] <= {"unknown", "attested"}
    assert "unknown" in tried()[check]


def test_the_notes_of_people_are_tried() -> None:
    states = {state for _, state, _ in corpus.every()}
    assert {"suppressed", "attested"} <= states


def test_no_application_holds_a_key() -> None:
    """What looks like one is made at run time, so that no scanner finds anything here."""
    for path in corpus.CORPUS.rglob("*"):
        if path.is_file():
            assert "sk-ant-api" not in path.read_text("utf-8"), path
