from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tidegate.checks.live.facts import NOT_ASKED
from tidegate.checks.project import Project
from tidegate.checks.topics.account import forgotten, limited, own, spent
from tidegate.checks.verdict import State, Verdict
from unit.checks.live.organization import NOW, PRODUCTION, TROUBLE, console, cost, key, limit, project

Look = Callable[[Project], Iterable[Verdict]]


def said(look: Look, root: Path, **given: Any) -> list[tuple[str, str]]:
    """State and text of everything that a check says."""
    return [(one.state.value, one.text) for one in look(project(console(**given), root))]


def test_a_limit_of_the_organization_is_enough(tmp_path: Path) -> None:
    assert said(limited, tmp_path) == [("pass", "500.00 USD a month for the organization")]


def test_the_cap_of_the_tier_is_no_limit_that_somebody_set(tmp_path: Path) -> None:
    ((state, text),) = said(limited, tmp_path, limits=[limit("usage_tier", 20_000_000)])
    assert state == "fail"
    assert "200,000.00 USD a month, stops the bill" in text


def test_no_limit_at_all(tmp_path: Path) -> None:
    assert said(limited, tmp_path, limits=[]) == [("fail", "No spend limit is set.")]


def test_a_limit_of_the_programs_workspace_is_enough(tmp_path: Path) -> None:
    limits = [limit("workspace", 10_000, workspace=PRODUCTION)]
    ((state, text),) = said(limited, tmp_path, limits=limits)
    assert (state, text) == ("pass", "100.00 USD a month for the workspace of chat (sk-ant-api03-…igAA)")


def test_a_limit_of_another_workspace_is_not(tmp_path: Path) -> None:
    limits = [limit("workspace", 10_000, workspace="wrkspc_2")]
    ((state, text),) = said(limited, tmp_path, limits=limits)
    assert (state, text) == ("fail", "No spend limit is set for the workspace of chat (sk-ant-api03-…igAA).")


def test_workspaces_with_limits_and_a_program_that_is_not_known(tmp_path: Path) -> None:
    limits = [limit("workspace", 10_000, workspace=PRODUCTION)]
    assert [state for state, _ in said(limited, tmp_path, limits=limits, own=None)] == ["unknown"]


def test_a_limit_that_is_switched_off(tmp_path: Path) -> None:
    assert [state for state, _ in said(limited, tmp_path, limits=[limit(enabled=False)])] == ["unknown"]


@pytest.mark.parametrize("scope", ["user", "seat_tier", "rbac_group", "organization_service", "something new"])
def test_limits_of_members_stop_no_program(scope: str, tmp_path: Path) -> None:
    assert [state for state, _ in said(limited, tmp_path, limits=[limit(scope)])] == ["fail"]


@pytest.mark.parametrize(
    ("cents", "state", "text"),
    [
        ("0", "pass", "0.00 USD of 500.00 USD a month were spent this month (0%)"),
        ("39999", "pass", "399.99 USD of 500.00 USD a month were spent this month (79%)"),
        ("40000", "warn", "400.00 USD of 500.00 USD a month were spent this month (80%)."),
        ("50000", "fail", "500.00 USD of 500.00 USD a month were spent this month (100%): requests are refused."),
    ],
)
def test_the_month(cents: str, state: str, text: str, tmp_path: Path) -> None:
    assert said(spent, tmp_path, costs=[cost(cents)]) == [(state, text)]


def test_the_limit_that_is_reached_first_counts(tmp_path: Path) -> None:
    limits = [limit(), limit("usage_tier", 100_000), limit("workspace", 2_000, workspace=PRODUCTION)]
    costs = [cost("1900", PRODUCTION), cost("10000")]
    assert said(spent, tmp_path, limits=limits, costs=costs) == [
        ("warn", "19.00 USD of 20.00 USD a month were spent this month (95%).")
    ]


def test_another_workspaces_limit_does_not_count(tmp_path: Path) -> None:
    limits = [limit("workspace", 100, workspace="wrkspc_2")]
    assert [state for state, _ in said(spent, tmp_path, limits=limits)] == ["skipped"]


def test_limits_of_days_are_not_compared_with_a_month(tmp_path: Path) -> None:
    assert [state for state, _ in said(spent, tmp_path, limits=[limit(period="daily")])] == ["skipped"]


def test_a_limit_of_nothing_is_reached(tmp_path: Path) -> None:
    assert [state for state, _ in said(spent, tmp_path, limits=[limit(cents=0)], costs=[])] == ["fail"]


def test_a_key_in_good_order(tmp_path: Path) -> None:
    assert said(own, tmp_path) == [("pass", "chat (sk-ant-api03-…igAA) is 40 days old and expires on 2027-01-11")]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"expires": NOW + timedelta(days=3)}, "expires on 2026-11-25"),
        ({"created": NOW - timedelta(days=400)}, "400 days old"),
        ({"workspace": None}, "default workspace"),
        ({"name": "Anna's laptop"}, "is not production's, by its name (workspace Production)"),
        ({"name": "chat-dev"}, "is not production's"),
    ],
)
def test_doubts_about_a_key(given: dict[str, Any], text: str, tmp_path: Path) -> None:
    ((state, found),) = said(own, tmp_path, own=[key(**given)])
    assert state == "warn"
    assert text in found


@pytest.mark.parametrize("name", ["latest", "country bot", "democracy", "contest", "devotion"])
def test_words_that_only_look_like_development(name: str, tmp_path: Path) -> None:
    assert [state for state, _ in said(own, tmp_path, own=[key(name)])] == ["pass"]


@pytest.mark.parametrize("status", ["inactive", "archived", "expired", "suspended"])
def test_a_key_that_is_refused(status: str, tmp_path: Path) -> None:
    ((state, text),) = said(own, tmp_path, own=[key(status=status)])
    assert state == "fail"
    assert "suspended" not in text


def test_a_key_that_cannot_be_told(tmp_path: Path) -> None:
    assert said(own, tmp_path, own=None) == [("unknown", "which key this program uses is not known")]
    assert said(own, tmp_path, own=[]) == [("unknown", "the key here is none of this organization's")]
    ((state, text),) = said(own, tmp_path, own=[key("one"), key("two")])
    assert (state, text.endswith("look alike")) == ("unknown", True)


def test_forgotten_keys(tmp_path: Path) -> None:
    idle, old, new, gone = (
        key("idle"),
        key("old", created=NOW - timedelta(days=500), expires=None),
        key("new", created=NOW - timedelta(days=2)),
        key("gone", status="archived"),
    )
    found = said(forgotten, tmp_path, keys=[idle, old, new, gone], used=frozenset({old.id}))
    assert found == [
        ("warn", "Active, and not used for 30 days: idle (sk-ant-api03-…igAA)."),
        ("warn", "Older than 180 days, without an expiry: old (sk-ant-api03-…igAA)."),
    ]


def test_many_forgotten_keys_are_one_line(tmp_path: Path) -> None:
    ((_, text),) = said(forgotten, tmp_path, keys=[key(f"k{number}") for number in range(30)])
    assert text.endswith("and 26 more.")


def test_no_key_is_forgotten(tmp_path: Path) -> None:
    assert said(forgotten, tmp_path) == [("pass", "1 active key, none of them idle or old")]


@pytest.mark.parametrize(
    ("look", "parts"),
    [(limited, ("limits",)), (spent, ("limits", "costs")), (own, ("keys",)), (forgotten, ("keys", "used"))],
)
def test_what_is_missing_is_unknown_with_its_remedy(look: Look, parts: tuple[str, ...], tmp_path: Path) -> None:
    for part in parts:
        (verdict,) = look(project(console(**{part: TROUBLE}), tmp_path))
        assert (verdict.state, verdict.text, verdict.supply) == (State.UNKNOWN, TROUBLE.text, TROUBLE.supply)


@pytest.mark.parametrize("look", [limited, spent, own, forgotten])
def test_a_console_that_was_not_asked(look: Look, tmp_path: Path) -> None:
    (verdict,) = look(project(NOT_ASKED, tmp_path))
    assert verdict.state is State.UNKNOWN
    assert "--profile live" in verdict.supply


def test_workspaces_that_cannot_be_listed_raise_no_doubt(tmp_path: Path) -> None:
    assert [state for state, _ in said(own, tmp_path, workspaces=TROUBLE, own=[key(workspace=None)])] == ["pass"]
