from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tidegate.checks.boot.answer import _heard, _unreached, ask
from tidegate.checks.boot.places import Place
from tidegate.checks.live.web import Reply, Unreached
from tidegate.config.hidden import Hidden
from unit.checks.live.organization import NOW, text

MODELS = {"data": [{"id": "claude-sonnet-5"}], "has_more": True}


def reply(status: int = 200, document: Any = None, **headers: str) -> Reply:
    body = document if isinstance(document, bytes) else msgspec.json.encode(MODELS if document is None else document)
    return Reply(status, headers, body, 0.123)


def error(type_: str, code: str = "") -> dict[str, Any]:
    return {"type": "error", "error": {"type": type_, "message": "canary", "details": {"error_code": code}}}


@pytest.mark.parametrize(
    ("answer", "state", "text"),
    [
        (reply(), "pass", "claude.test answered in 0.12 s"),
        (reply(document=b"<html>welcome</html>"), "fail", "is no Claude API"),
        (reply(document=[]), "fail", "is no Claude API"),
        (reply(401, error("authentication_error")), "fail", "refuses the key (401)"),
        (reply(403, error("permission_error")), "fail", "refuses the key (403)"),
        (reply(404, error("not_found_error")), "unknown", "does not list models"),
        (reply(429, error("rate_limit_error")), "warn", "knows the key"),
        (reply(429, error("rate_limit_error", "enforced_spend_limit_reached")), "fail", "the money is spent"),
        (reply(429, error("billing_error")), "fail", "the money is spent"),
        (reply(402, error("billing_error")), "fail", "the money is spent"),
        (reply(500, error("api_error")), "unknown", "fails now (500)"),
        (reply(529, b""), "unknown", "fails now (529)"),
        (reply(307, b""), "fail", "sends requests elsewhere (307)"),
        (reply(418, b"canary"), "unknown", "answers 418"),
    ],
)
def test_answers(answer: Reply, state: str, text: str) -> None:
    found = _heard(answer, "claude.test", NOW)
    assert found.state.value == state
    assert text in found.text
    assert "canary" not in found.text + found.fix + found.supply


@pytest.mark.parametrize(("minutes", "state"), [(0, "pass"), (4, "pass"), (-4, "pass"), (60, "warn"), (-60, "warn")])
def test_the_clock(minutes: int, state: str) -> None:
    there = (NOW + timedelta(minutes=minutes)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert _heard(reply(date=there), "claude.test", NOW).state.value == state


def test_a_date_that_is_none() -> None:
    assert _heard(reply(date="yesterday"), "claude.test", NOW).state.value == "pass"


@pytest.mark.parametrize(
    ("gone", "state"),
    [
        (Unreached("name", "its name is not known here (DNS)"), "fail"),
        (Unreached("closed", "the connection was refused"), "fail"),
        (Unreached("library", "…"), "unknown"),
    ],
)
def test_nothing_came(gone: Unreached, state: str) -> None:
    assert _unreached(gone, "claude.test").state.value == state


KEY = text(3)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://x.invalid", None),
        ("http://claude.mycompany.com", KEY),
        ("https://user:pass@x.invalid", KEY),
        ("nonsense", KEY),
        ("https://x.invalid", KEY.replace("api03", "admin01")),
        ("https://x.invalid", KEY.replace("api03", "oat01")),
        ("https://x.invalid", f"{KEY}\n"),
        ("https://x.invalid", "your-key"),
    ],
)
def test_a_key_does_not_go_where_it_does_not_belong(url: str, key: str | None) -> None:
    (found,) = ask((Place(name="x", url=url, key=Hidden(key) if key else None, trouble="x is not set"),), NOW)
    assert found.state.value == "unknown"
    assert "was not asked" in found.text


def test_without_a_place_nobody_is_asked() -> None:
    (found,) = ask((), NOW)
    assert found.state.value == "unknown"
