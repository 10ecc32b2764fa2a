"""The visible table of checks: ids, texts, examples; and the page that documents them."""

import re
from pathlib import Path

import pytest

from tidegate.checks import topics
from tidegate.checks.check import Check
from tidegate.checks.outcome import BY_SEVERITY, LEVELS, NOT_SURE, NOTHING_FOUND
from tidegate.checks.points import POINTS
from tidegate.checks.profiles import PROFILES
from tidegate.checks.table import BY_ID, CHECKS, EVERY, TOPICS
from tidegate.checks.verdict import State

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "reference" / "checks.md").read_text("utf-8")


def test_ids_are_unique_and_belong_to_a_point() -> None:
    assert len(BY_ID) == len(EVERY)
    assert set(CHECKS) < set(EVERY)
    assert {check.point for check in CHECKS} == set(POINTS)
    assert all(re.fullmatch(r"TG([1-9]|10|11)\d\d", check.id) for check in EVERY)
    assert [check.id for check in EVERY] == sorted(BY_ID, key=lambda name: (BY_ID[name].point, name))


def test_every_topic_is_in_the_table() -> None:
    folder = Path(topics.__file__).parent
    with_checks = {path.stem for path in folder.glob("*.py") if "\nCHECKS = (" in path.read_text("utf-8")}
    assert with_checks <= {topic.__name__.rpartition(".")[2] for topic in TOPICS}


@pytest.mark.parametrize("check", EVERY, ids=lambda check: check.id)
def test_every_check_explains_itself(check: Check) -> None:
    assert check.why.endswith((".", ")."))
    assert len(check.why) > 80
    assert check.title[0].isupper() or check.title.startswith((".env", "max_tokens", "tidegate"))
    assert not check.title.endswith(".")
    assert check.bad
    assert check.good
    assert check.bad != check.good


@pytest.mark.parametrize("check", EVERY, ids=lambda check: check.id)
def test_the_page_has_every_check(check: Check) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{check.id}` |"))
    _, name, title, severity, confidence, evidence, fixes, _ = (cell.strip() for cell in row.split("|"))
    assert (name, title) == (f"`{check.id}`", check.title)
    assert (severity, confidence, evidence) == (check.severity, check.confidence, check.evidence)
    assert (fixes == "yes") == check.fixes


def test_the_page_has_no_other_check() -> None:
    assert set(re.findall(r"^\| `(TG\d+)` \|", PAGE, re.MULTILINE)) == set(BY_ID)


def test_the_page_has_every_point_state_profile_and_code() -> None:
    for number, title in POINTS.items():
        assert f"| {number} | {title} |" in PAGE
    for state in State:
        assert f"| `{state.value}` |" in PAGE
    for name in PROFILES:
        assert f"| `{name}` |" in PAGE
    for level in LEVELS:
        assert f"`{level}`" in PAGE
    for code in (0, 1, 2, NOTHING_FOUND, NOT_SURE, *BY_SEVERITY.values(), 130):
        assert f"| {code} |" in PAGE


def test_every_id_that_a_page_mentions_exists() -> None:
    for page in (DOCS / "reference" / "checks.md", DOCS / "howto" / "check.md"):
        assert set(re.findall(r"\bTG\d{3,4}\b", page.read_text("utf-8"))) <= set(BY_ID)
