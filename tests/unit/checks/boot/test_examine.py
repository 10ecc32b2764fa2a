"""Looking around in a target that has no key, so that nobody is asked."""

from pathlib import Path

import pytest

from tidegate.checks.boot.examine import Examined, examine
from tidegate.checks.topics.target import BOOTED, CHECKS
from tidegate.checks.verdict import State
from unit.checks.live.organization import NOW

EVERY = {check.id for check in (BOOTED, *CHECKS)}
LONG = "3858f62230ac3c915f300c664312c63f"


def states(found: Examined, check: str) -> list[str]:
    return [one.state.value for one in found.target.results[check]]


@pytest.mark.parametrize("environ", [{}, {"TIDEGATE_KEY_SECRET": LONG}, {"TIDEGATE_KEY_SECRET": "short"}])
def test_every_check_says_something(environ: dict[str, str], tmp_path: Path) -> None:
    found = examine(environ, tmp_path, NOW)
    assert found.target.results.keys() == EVERY
    assert all(found.target.results.values())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("environ", "state", "sign"),
    [
        ({}, "unknown", None),
        ({"FLY_APP_NAME": "canary"}, "pass", "FLY_APP_NAME"),
        ({"TIDEGATE_ENV": "production"}, "pass", "TIDEGATE_ENV"),
        ({"TIDEGATE_ENV": "development", "FLY_APP_NAME": "canary"}, "unknown", None),
    ],
)
def test_whether_this_is_the_target(environ: dict[str, str], state: str, sign: str | None, tmp_path: Path) -> None:
    found = examine(environ, tmp_path, NOW)
    assert (states(found, "TG1001"), found.sign) == ([state], sign)
    assert "canary" not in str(found.target)


def test_without_tidegate_its_checks_do_not_apply(tmp_path: Path) -> None:
    found = examine({"TIDEGATE_ENV": "production"}, tmp_path, NOW)
    assert (states(found, "TG1014"), states(found, "TG1015")) == (["skipped"], ["skipped"])


def test_with_tidegate_they_do(tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_text("")
    found = examine({"TIDEGATE_KEY_SECRET": LONG, "TIDEGATE_ENV": "production"}, tmp_path, NOW)
    assert (states(found, "TG1014"), states(found, "TG1015")) == (["pass"], ["warn"])
    assert states(found, "TG110") == ["fail"]


def test_settings_that_are_wrong_are_told_once(tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_text('[gateway]\nprot = 1\n[store]\nurl = "nowhere"\n')
    found = examine({"TIDEGATE_ADMIN_TOKEN": "canary"}, tmp_path, NOW)
    assert states(found, "TG1015") == ["fail", "fail", "fail"]
    assert {state for check in ("TG110", "TG1010", "TG1011", "TG1014") for state in states(found, check)} == {"unknown"}
    assert "canary" not in str(found)


def test_an_identity_goes_where_the_variable_says(tmp_path: Path) -> None:
    environ = {
        "ANTHROPIC_FEDERATION_RULE_ID": "r",
        "ANTHROPIC_ORGANIZATION_ID": "o",
        "ANTHROPIC_IDENTITY_TOKEN": "t",
        "ANTHROPIC_BASE_URL": "http://claude.mycompany.com",
    }
    found = examine(environ, tmp_path, NOW)
    assert (states(found, "TG110"), states(found, "TG1010"), states(found, "TG1011")) == (
        ["pass"],
        ["fail"],
        ["unknown"],
    )


def test_places_differ(tmp_path: Path) -> None:
    one = examine({"FLY_APP_NAME": "a"}, tmp_path, NOW)
    two = examine({"FLY_APP_NAME": "b"}, tmp_path, NOW)
    assert one.where != two.where
    assert "canary" not in repr(examine({"SECRET": "canary"}, tmp_path, NOW))


def test_a_state_for_each_is_final(tmp_path: Path) -> None:
    found = examine({}, tmp_path, NOW)
    every = {one.state for some in found.target.results.values() for one in some}
    assert every <= {State.PASS, State.FAIL, State.WARN, State.UNKNOWN, State.SKIPPED}
