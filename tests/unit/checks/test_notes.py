"""What people say about findings: comments and tidegate-check.toml."""

from datetime import date
from pathlib import Path

import pytest

from tidegate.checks.notes import FILE, Attestation, Suppression, read_comments, read_notes
from tidegate.checks.table import BY_ID
from tidegate.model.errors import ConfigError

KNOWN = frozenset(BY_ID)


@pytest.mark.parametrize(
    "line",
    [
        "x = 1  # tidegate: allow[TG502] until 2027-03-01: because",
        "const x = 1; // tidegate: allow[TG502] until 2027-03-01: because",
        "/* tidegate: allow[TG502] until 2027-03-01: because */",
        "<!-- tidegate: allow[TG502] until 2027-03-01: because -->",
        "{/* tidegate: allow[TG502] until 2027-03-01: because */}",
        " * tidegate: allow[TG502] until 2027-03-01: because",
        "#tidegate:allow[ TG502 ] until 2027-03-01 : because",
    ],
)
def test_comments(line: str) -> None:
    assert read_comments("a.py", ["", line], KNOWN) == (
        [Suppression("TG502", "a.py", 2, "because", date(2027, 3, 1))],
        [],
    )


def test_a_comment_for_two() -> None:
    found, _ = read_comments("a.py", ["# tidegate: allow[TG502, TG902] until 2027-03-01: because"], KNOWN)
    assert [one.check for one in found] == ["TG502", "TG902"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("# tidegate: allow[TG502]", "it needs `until YYYY-MM-DD: reason`"),
        ("# tidegate: allow[TG502]: because", "it needs `until YYYY-MM-DD: reason`"),
        ("# tidegate: allow[TG502] until 2027-03-01", "it needs `until YYYY-MM-DD: reason`"),
        ("# tidegate: allow[TG502] until soon: because", "it needs `until YYYY-MM-DD: reason`"),
        ("# tidegate: allow[TG999] until 2027-03-01: because", "there is no check TG999"),
        ("# tidegate: allow[] until 2027-03-01: because", "there is no check …"),
    ],
)
def test_comments_that_count_for_nothing(line: str, why: str) -> None:
    assert read_comments("a.py", [line], KNOWN) == ([], [f"a.py:1: this comment suppresses nothing: {why}"])


def test_other_comments() -> None:
    assert read_comments(
        "a.py", ["# tidegate: a gateway", "# allow[TG502]", "say('tidegate: allow[TG502] until 2027-03-01: x')"], KNOWN
    ) == ([], [])


@pytest.mark.parametrize(("line", "covered"), [(4, False), (5, True), (6, True), (7, False)])
def test_a_comment_is_for_its_line_and_the_next(line: int, covered: bool) -> None:
    note = Suppression("TG502", "a.py", 5, "because", date.max)
    assert note.covers("a.py", line) == covered
    assert not note.covers("b.py", line)


def test_a_pattern_is_for_whole_files() -> None:
    note = Suppression("TG502", "app/*.py", 0, "because", date.max)
    assert note.covers("app/a.py", 7)
    assert not note.covers("lib/a.py", 7)


def test_no_file(tmp_path: Path) -> None:
    assert read_notes(tmp_path, KNOWN).suppressions == ()


def test_the_file(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(
        'exclude = ["old/*"]\nmax_tokens = 500\n'
        '[[suppress]]\ncheck = "TG502"\npath = "a.py"\nreason = "r"\nuntil = 2027-03-01\n'
        '[[attest]]\ncheck = "TG601"\nby = "Ada"\nhow = "h"\nuntil = "2027-03-01"\n'
    )
    notes = read_notes(tmp_path, KNOWN)
    assert notes.exclude == ("old/*",)
    assert notes.max_tokens == 500
    assert notes.suppressions == (Suppression("TG502", "a.py", 0, "r", date(2027, 3, 1)),)
    assert notes.attestation("TG601") == Attestation("TG601", "Ada", "h", date(2027, 3, 1))
    assert notes.suppression("TG503", "a.py", 1) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[[suppress]]\ncheck = 'TG502'",
            [
                "1: path is needed, as a text",
                "1: reason is needed, as a text",
                "1: until is needed: the last day, as 2027-03-01",
            ],
        ),
        (
            "[[suppress]]\ncheck = 'TG999'\npath = 'a'\nreason = 'r'\nuntil = 2027-01-01",
            ["2: there is no check TG999; `tidegate check --list` shows them"],
        ),
        (
            "[[suppress]]\ncheck = 'TG502'\npath = 'a'\nreason = ' '\nuntil = 2027-01-01",
            ["4: reason is needed, as a text"],
        ),
        (
            "[[attest]]\ncheck = 'TG601'\nby = 'A'\nhow = 'h'\nuntil = 'soon'",
            ["5: until is needed: the last day, as 2027-03-01"],
        ),
        ("suppres = 1", ["1: there is no suppres here; there are attest, exclude, max_tokens, suppress"]),
        ("[suppress]\ncheck = 'TG502'", ["1: write [[suppress]], one table for each"]),
        ("exclude = 'a'", ['1: exclude must be a list of patterns, such as ["scripts/*"]']),
        ("max_tokens = 0", ["1: max_tokens must be a number of at least 1"]),
        ("max_tokens = true", ["1: max_tokens must be a number of at least 1"]),
        ("x = ", ["1:5: not valid TOML: the file ends in the middle of a value"]),
    ],
)
def test_wrong_files(tmp_path: Path, text: str, said: list[str]) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ConfigError) as error:
        read_notes(tmp_path, KNOWN)
    assert str(error.value).splitlines() == [f"{FILE}:{one}" for one in said]
