"""`tidegate check --profile live` against the fake's Admin API."""

from typing import Any

import pytest

from e2e.check.conftest import ADMIN, KEY, Place
from tidegate.testing import FakeClaude

HINT = f"{KEY[:16]}...{KEY[-4:]}"
PRODUCTION = "wrkspc_01FakeProduction"
MINE = {"name": "chat", "hint": HINT, "workspace": PRODUCTION, "expires_in": 60}


def admin(fake: FakeClaude, *rules: dict[str, Any], **organization: Any) -> None:
    """What the Admin API shows, and what goes wrong with it."""
    fake.script({"admin": organization, "rules": list(rules)})


def fault(path: str, **orders: Any) -> dict[str, Any]:
    return {"when": {"path": f"/v1/organizations/{path}"}, "do": orders}


def test_point_six_is_verified_by_the_console(place: Place) -> None:
    assert place.check().standing(6) == "not verified yet"
    admin(place.fake, api_keys=[MINE], spent=[{"amount": "1234.5", "workspace": PRODUCTION}, {"amount": "80.25"}])
    found = place.live(ANTHROPIC_API_KEY=KEY)
    assert found.standing(6) == "verified"
    assert "500.00 USD a month for the organization" in found.text("TG601")
    assert "13.15 USD of 500.00 USD" in found.text("TG603")
    evidence = {one["check"]: one["evidence"] for one in found.report["results"]}
    assert {evidence[check] for check in ("TG601", "TG603", "TG120", "TG121")} == {"live"}
    assert f"chat (sk-ant-api03-…{KEY[-4:]}) is " in found.text("TG120")


def test_no_limit_fails_the_run(place: Place) -> None:
    admin(place.fake, spend_limits=[{"scope": "usage_tier", "amount": 20_000_000}])
    found = place.live("--only", "TG6")
    assert found.code == 13
    assert found.states("TG601") == ["fail"]
    assert "200,000.00 USD a month" in found.text("TG601")


def test_a_month_that_is_nearly_spent(place: Place) -> None:
    admin(place.fake, spent=[{"amount": "45000"}])
    found = place.live("--only", "TG603")
    assert (found.code, found.states("TG603")) == (0, ["warn"])
    admin(place.fake, spent=[{"amount": "50000"}])
    found = place.live("--only", "TG603")
    assert (found.code, found.states("TG603")) == (12, ["fail"])


def test_keys_over_many_pages(place: Place) -> None:
    idle = [
        {"name": f"old {number}", "hint": f"sk-ant-api03-o{number:02}...{number:02}AA", "used": None}
        for number in range(250)
    ]
    admin(place.fake, api_keys=[*idle, MINE])
    found = place.live("--only", "TG1", ANTHROPIC_API_KEY=KEY)
    assert found.states("TG121") == ["warn"]
    assert "and 246 more" in found.text("TG121")
    assert found.states("TG120") == ["pass"]


def test_keys_of_the_older_version_of_the_api_are_read_too(place: Place) -> None:
    admin(place.fake, api_keys=[{**MINE, "workspace": None, "name": "laptop"}])
    found = place.live("--only", "TG120", ANTHROPIC_API_KEY=KEY)
    assert found.states("TG120") == ["warn", "warn"]
    assert "default workspace" in found.text("TG120")
    assert "not production's" in found.text("TG120")


def test_the_key_of_the_target_comes_before_that_of_this_machine(place: Place, target: Place) -> None:
    receipt = str(place.path / "tidegate-receipt.json")
    assert target.boot("--receipt", receipt).code == 0
    admin(place.fake, api_keys=[MINE, {"name": "mine", "hint": "sk-ant-api03-abc...wxAA"}])
    mine = "sk-ant-api03-abc" + "x" * 88 + "wxAA"
    found = place.live("--only", "TG120", ANTHROPIC_API_KEY=mine)
    assert "mine (" in found.text("TG120")  # the secret that signed the receipt is not here
    (place.path / ".env").write_text(f"ANTHROPIC_API_KEY={KEY}\n")
    found = place.live("--only", "TG120", ANTHROPIC_API_KEY=mine)
    assert "chat (" in found.text("TG120")


FAULTS: list[Any] = [
    ({"status": 401}, "refuses the key (401)"),
    ({"status": 403}, "may not read"),
    pytest.param({"status": 404}, "early access preview", marks=pytest.mark.slow),
    ({"status": 429, "retry_after": 7}, "patience: 7 seconds"),
    ({"status": 500, "html": True}, "fails now"),
    pytest.param({"status": 529}, "fails now", marks=pytest.mark.slow),
    ({"malformed": True}, "shape"),
    pytest.param({"empty": True, "status": 400}, "spend_limits", marks=pytest.mark.slow),
    ({"reset": "before"}, "cannot be asked"),
    pytest.param({"reset": "headers"}, "cannot be asked", marks=pytest.mark.slow),
    pytest.param({"content_type": "text/plain"}, "", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("orders", "said"), FAULTS, ids=lambda one: str(one)[:40])
def test_whatever_goes_wrong_is_unknown_and_says_what_to_supply(
    orders: dict[str, Any], said: str, place: Place
) -> None:
    admin(place.fake, fault("spend_limits", **orders), api_keys=[MINE])
    found = place.live("--only", "TG601")
    if not said:
        assert found.states("TG601") == ["pass"]
        return
    assert (found.code, found.states("TG601")) == (0, ["unknown"])
    assert said in found.text("TG601")
    (result,) = found.report["results"]
    assert result["supply"]


def test_who_must_know_says_so(place: Place) -> None:
    admin(place.fake, fault("spend_limits", status=403))
    assert place.live("--only", "TG601", "--fail-on", "unknown").code == 10


def test_a_reply_without_end(place: Place) -> None:
    admin(place.fake, api_keys=[{"name": "x" * 5_000_000}])
    found = place.live("--only", "TG1,TG6")
    assert "the reply is larger than 4 MB" in found.text("TG121")
    assert found.states("TG601") == ["pass"]


def test_one_trouble_leaves_the_rest(place: Place) -> None:
    admin(place.fake, fault("spend_limits", status=403), api_keys=[MINE])
    found = place.live("--only", "TG1,TG6", ANTHROPIC_API_KEY=KEY)
    assert (found.states("TG601"), found.states("TG120"), found.states("TG121")) == (["unknown"], ["pass"], ["pass"])


def test_after_a_refusal_nobody_is_asked_again(place: Place) -> None:
    admin(place.fake, keys=["sk-ant-admin01-another"])
    found = place.live()
    assert found.states("TG601") == ["unknown"]
    assert len(place.fake.books()) == 1


def test_nobody_there(place: Place) -> None:
    found = place.check(
        "--profile", "live", "--only", "TG6", "--admin-url", "http://127.0.0.1:9", ANTHROPIC_ADMIN_KEY=ADMIN
    )
    assert found.states("TG601") == ["unknown"]
    assert "127.0.0.1 cannot be asked: the connection was refused" in found.text("TG601")


def test_a_name_that_nobody_knows(place: Place) -> None:
    found = place.check(
        "--profile", "live", "--only", "TG6", "--admin-url", "https://x.invalid", ANTHROPIC_ADMIN_KEY=ADMIN
    )
    assert "x.invalid cannot be asked" in found.text("TG601")


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"ANTHROPIC_ADMIN_KEY": ""}, "no Admin key was given"),
        ({"ANTHROPIC_ADMIN_KEY": KEY}, f"holds an API key (sk-ant-api03-…{KEY[-4:]}), not an Admin key"),
        ({"ANTHROPIC_ADMIN_KEY": "file:///nowhere/key"}, "there is no such file"),
    ],
)
def test_a_key_that_is_none_is_not_sent(environ: dict[str, str], said: str, place: Place) -> None:
    found = place.live("--only", "TG6", **environ)
    assert found.states("TG601") == ["unknown"]
    assert said in found.text("TG601")
    assert place.fake.books() == []


def test_a_key_in_a_file(place: Place) -> None:
    (place.path.parent / "admin").write_text(f"{ADMIN}\n")
    uri = f"file://{place.path.parent}/admin"
    assert place.live("--only", "TG601", "--admin-key", uri, ANTHROPIC_ADMIN_KEY="").states("TG601") == ["pass"]
    assert place.live("--only", "TG601", ANTHROPIC_ADMIN_KEY=uri).states("TG601") == ["pass"]


def test_the_admin_key_never_goes_where_requests_go(place: Place) -> None:
    given = {"ANTHROPIC_ADMIN_KEY": ADMIN, "ANTHROPIC_BASE_URL": place.fake.url, "HTTPS_PROXY": "http://127.0.0.1:9"}
    found = place.check("--profile", "live", "--only", "TG601", **given)
    assert found.states("TG601") == ["unknown"]
    assert place.fake.books() == []


def test_an_address_in_clear_text_is_refused(place: Place) -> None:
    found = place.live("--admin-url", "http://claude.mycompany.com")
    assert found.code == 2
    assert "--admin-url: write an https address" in found.err
    assert ADMIN not in found.err


def test_other_profiles_ask_nobody(place: Place) -> None:
    for profile in ("local", "ci"):
        found = place.check("--profile", profile, "--admin-url", place.fake.url, ANTHROPIC_ADMIN_KEY=ADMIN)
        assert found.states("TG601") == ["unknown"]
        assert found.states("TG603") == []
    assert place.fake.books() == []


def test_only_what_is_wanted_is_asked(place: Place) -> None:
    place.live("--only", "TG1001")
    assert place.fake.books() == []
