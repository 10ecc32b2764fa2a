"""`tidegate check --profile boot` in a target, and the receipt that another machine reads."""

import json
from pathlib import Path
from typing import Any

import pytest

from e2e.check.conftest import ADMIN, KEY, SECRET, TOKEN, Checked, Place
from tidegate.model.keys import compose
from unit.checks.live.organization import text

GATEWAY = {"TIDEGATE_KEY_SECRET": SECRET, "TIDEGATE_ADMIN_TOKEN": TOKEN}


def receipt_of(found: Checked) -> dict[str, Any]:
    """The last line of standard error, or of the report for people."""
    lines = (found.out if not found.report else found.err).strip().splitlines()
    return dict(json.loads(lines[-1]))


def config(place: Place, more: str = "") -> None:
    (place.path / "tidegate.toml").write_text(f'[upstreams.anthropic]\nurl = "{place.fake.url}"\n{more}')


def test_a_target_in_good_order(target: Place) -> None:
    found = target.boot()
    assert found.code == 0
    assert found.states("TG110") == found.states("TG1001") == found.states("TG1011") == ["pass"]
    assert found.states("TG1010") == ["warn"]  # the fake is this machine itself
    assert (found.standing(1), found.standing(10)) == ("verified", "with warnings")
    (row,) = target.fake.books()
    assert (row.method, row.path, row.credential_header, row.cost) == ("GET", "/v1/models", "x-api-key", 0)
    assert list(target.path.iterdir()) == []


def test_only_checks_of_the_target_run(target: Place) -> None:
    found = target.boot()
    assert {one["check"] for one in found.report["results"]} == {
        *("TG110", "TG1001", "TG1010", "TG1011", "TG1012", "TG1013", "TG1014", "TG1015")
    }


@pytest.mark.parametrize(
    ("environ", "check", "code"),
    [
        ({"ANTHROPIC_API_KEY": ""}, "TG110", 13),
        pytest.param({"ANTHROPIC_API_KEY": "your-api-key"}, "TG110", 13, marks=pytest.mark.slow),
        ({"ANTHROPIC_API_KEY": "sk-ant-api03-fake"}, "TG110", 13),
        ({"ANTHROPIC_API_KEY": ADMIN}, "TG110", 13),
        pytest.param({"ANTHROPIC_API_KEY": f"{KEY}\n"}, "TG110", 13, marks=pytest.mark.slow),
        ({"ANTHROPIC_ADMIN_KEY": ADMIN}, "TG110", 13),
        pytest.param({"NEXT_PUBLIC_KEY": KEY}, "TG110", 13, marks=pytest.mark.slow),
        ({"ANTHROPIC_BASE_URL": "http://api.anthropic.com.invalid"}, "TG1010", 13),
        pytest.param({"ANTHROPIC_BASE_URL": "nonsense"}, "TG1010", 13, marks=pytest.mark.slow),
        ({"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}, "TG1011", 13),
        ({"ANTHROPIC_LOG": "debug"}, "TG1012", 12),
        ({"TIDEGATE_KEY_SECRET": "too short"}, "TG1015", 13),
    ],
)
def test_what_stops_a_deploy(environ: dict[str, str], check: str, code: int, target: Place) -> None:
    found = target.boot(**environ)
    assert "fail" in found.states(check), found.report
    assert found.code == code


@pytest.mark.parametrize("environ", [{"ANTHROPIC_API_KEY": ADMIN}, {"ANTHROPIC_API_KEY": "sk-ant-api03-fake"}], ids=str)
def test_a_wrong_key_is_not_sent(environ: dict[str, str], target: Place) -> None:
    assert target.boot(**environ).states("TG1011") == ["unknown"]
    assert target.fake.books() == []


def test_an_app_key_where_an_api_key_belongs(target: Place) -> None:
    found = target.boot("--only", "TG110", ANTHROPIC_API_KEY=compose("abcdefgh", b"x" * 24), ANTHROPIC_BASE_URL="")
    assert found.states("TG110") == ["fail"]
    assert "an app key of tidegate, which the Claude API does not know" in found.text("TG110")


@pytest.mark.parametrize(
    ("orders", "state"),
    [
        ({"status": 401}, "fail"),
        pytest.param({"status": 403}, "fail", marks=pytest.mark.slow),
        ({"spend": "tier"}, "fail"),
        pytest.param({"status": 429}, "warn", marks=pytest.mark.slow),
        ({"status": 529}, "unknown"),
        pytest.param({"status": 503, "html": True}, "unknown", marks=pytest.mark.slow),
        pytest.param({"status": 404}, "unknown", marks=pytest.mark.slow),
        ({"malformed": True}, "fail"),
        ({"reset": "before"}, "fail"),
    ],
    ids=str,
)
def test_what_claude_may_answer(orders: dict[str, Any], state: str, target: Place) -> None:
    target.fake.script({"rules": [{"when": {"path": "/v1/models"}, "do": orders}]})
    found = target.boot()
    assert found.states("TG1011") == [state]
    assert found.code == (13 if state == "fail" else 0)
    assert len(target.fake.books()) == 1


def test_a_gateway_with_everything(target: Place) -> None:
    config(target)
    found = target.boot(**GATEWAY)
    assert found.code == 0
    assert found.states("TG1014") == found.states("TG1015") == ["pass"]
    assert found.states("TG1011") == ["pass"]
    assert [path.name for path in target.path.iterdir()] == ["tidegate.toml"]


def test_a_gateway_without_its_secrets(target: Place) -> None:
    config(target)
    found = target.boot()
    assert found.states("TG1015") == ["fail", "warn"]
    assert found.code == 13


def test_a_gateway_whose_books_cannot_be_written(target: Place) -> None:
    config(target, '[store]\nurl = "sqlite:////nowhere/at/all.db"\n')
    found = target.boot(**GATEWAY)
    assert found.states("TG1014") == ["fail", "pass"]
    assert found.code == 13


def test_the_key_of_an_upstream_in_a_file(target: Place) -> None:
    key = target.path.parent / "key"
    key.write_text(KEY)
    key.chmod(0o600)
    config(target, f'api_key = "file://{key}"\n')
    found = target.boot(**GATEWAY, ANTHROPIC_API_KEY="")
    assert (found.states("TG110"), found.states("TG1011")) == (["pass"], ["pass"])


def test_settings_that_cannot_be_read(target: Place) -> None:
    config(target, 'api_kee = "x"\n')
    found = target.boot(**GATEWAY)
    assert found.states("TG1015") == ["fail"]
    assert "tidegate.toml:3" in found.text("TG1015")
    assert found.code == 13


def test_where_nothing_says_production_the_receipt_counts_for_nothing(target: Place, place: Place) -> None:
    receipt = place.path / "tidegate-receipt.json"
    found = target.boot("--receipt", str(receipt), TIDEGATE_ENV="")
    assert found.states("TG1001") == ["unknown"]
    here = place.check(ANTHROPIC_API_KEY=KEY)
    assert here.states("TG1001") == ["unknown"]
    assert "TIDEGATE_ENV=production" in here.text("TG1001")


# ---- the receipt, on another machine


def test_the_receipt_verifies_points_one_and_ten(target: Place, place: Place) -> None:
    config(target)
    made = target.boot(**GATEWAY)
    before = place.check()
    assert before.standing(10) == "not verified yet"
    (place.path / "tidegate-receipt.json").write_text(json.dumps(receipt_of(made)))
    found = place.check(TIDEGATE_KEY_SECRET=SECRET)
    assert (found.standing(1), found.standing(10)) == ("verified", "with warnings")  # as above: the fake is here
    assert found.states("TG110") == found.states("TG1001") == ["pass"]
    evidence = {one["check"]: one["evidence"] for one in found.report["results"]}
    assert (evidence["TG110"], evidence["TG1001"]) == ("live", "live")


def test_the_last_line_for_people_is_the_receipt(target: Place) -> None:
    found = target.boot(form="text")
    assert receipt_of(found)["signed_with"] == "API key"
    assert found.out.splitlines()[-1].startswith('{"at":')
    assert target.boot().err.splitlines()[-1].startswith('{"at":')


def test_a_receipt_at_another_place(target: Place, place: Place, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.json"
    made = target.boot("--receipt", str(path))
    assert "The receipt is in" in made.err
    assert '{"at"' not in made.out + made.err
    assert place.check("--receipt", str(path), ANTHROPIC_API_KEY=KEY).states("TG1001") == ["pass"]
    gone = place.check("--receipt", str(tmp_path / "none.json"))
    assert gone.code == 2
    assert "there is no file" in gone.err


def test_a_receipt_that_cannot_be_written(target: Place) -> None:
    found = target.boot("--receipt", "/nowhere/at/all.json")
    assert found.code == 1
    assert "/nowhere/at" in found.err


def test_a_target_that_failed_fails_here_too(target: Place, place: Place) -> None:
    receipt = place.path / "tidegate-receipt.json"
    target.fake.script({"rules": [{"when": {"path": "/v1/models"}, "do": {"status": 401}}]})
    assert target.boot("--receipt", str(receipt)).code == 13
    found = place.check(ANTHROPIC_API_KEY=KEY)
    assert found.states("TG1011") == ["fail"]
    assert found.standing(10) == "failed"
    assert found.code == 13


def forged(receipt: dict[str, Any]) -> dict[str, Any]:
    return {**receipt, "checks": {**receipt["checks"], "TG1011": "pass"}, "until": "2099-01-01T00:00:00Z"}


def test_a_receipt_that_was_changed(target: Place, place: Place) -> None:
    target.fake.script({"rules": [{"when": {"path": "/v1/models"}, "do": {"status": 401}}]})
    made = receipt_of(target.boot())
    (place.path / "tidegate-receipt.json").write_text(json.dumps(forged(made)))
    found = place.check(ANTHROPIC_API_KEY=KEY)
    assert found.states("TG1001") == ["unknown"]
    assert "it was changed after it was signed" in found.text("TG1001")
    assert found.states("TG1011") == ["skipped"]
    assert (found.standing(10), found.code) == ("not verified yet", 0)


def test_a_receipt_of_another_target(target: Place, place: Place) -> None:
    made = receipt_of(target.boot(ANTHROPIC_API_KEY=text(77)))
    (place.path / "tidegate-receipt.json").write_text(json.dumps(made))
    found = place.check(ANTHROPIC_API_KEY=KEY, TIDEGATE_KEY_SECRET=SECRET)
    assert "the API key that signed it is not here: it is of another target" in found.text("TG1001")


def test_without_anything_to_sign_with_there_is_no_receipt(target: Place) -> None:
    found = target.boot(ANTHROPIC_API_KEY="sk-1234")
    assert "No receipt" in found.err
    assert found.code == 13


def test_production_and_this_machine_with_one_key(target: Place, place: Place) -> None:
    made = receipt_of(target.boot())
    (place.path / "tidegate-receipt.json").write_text(json.dumps(made))
    (place.path / ".env").write_text(f"ANTHROPIC_API_KEY={KEY}\n")
    found = place.check()
    assert found.states("TG110") == ["pass", "warn"]
    assert "the same key as .env here" in found.text("TG110")


def test_an_accepted_weakness_of_the_target(target: Place) -> None:
    note = '[[suppress]]\ncheck = "TG1012"\npath = "*"\nreason = "a staging target"\nuntil = 2099-01-01\n'
    (target.path / "tidegate-check.toml").write_text(note)
    found = target.boot(ANTHROPIC_LOG="debug")
    assert found.states("TG1012") == ["suppressed"]
    assert found.code == 0
    assert receipt_of(found)["checks"]["TG1012"] == "fail"


def test_without_the_library_nothing_is_claimed(target: Place) -> None:
    (target.path / "httpx2.py").write_text("raise ImportError\n")
    found = target.check_apart("--profile", "boot", **target.production(), PYTHONPATH=str(target.path))
    assert found.states("TG1011") == ["unknown"]
    assert "pip install 'tidegate[check]'" in found.text("TG1011")
