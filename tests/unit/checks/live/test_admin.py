"""The Admin API's answers as values; the real wire is in tests/e2e/check."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from tidegate.checks.live.address import KEY, read_admin_url
from tidegate.checks.live.admin import Admin, read_admin_key
from tidegate.checks.live.console import read_console
from tidegate.checks.live.facts import Trouble
from tidegate.checks.live.shapes import KeySent, LimitSent, cents
from tidegate.checks.live.web import Reply, Unreached
from tidegate.config.hidden import Hidden
from tidegate.model.errors import ConfigError
from unit.checks.live.organization import NOW

SECRET = "sk-ant-admin01-canary-canary"


class Script:
    """Gives one answer after another, and remembers the questions."""

    def __init__(self, *answers: Reply | Unreached) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, Mapping[str, str]]] = []

    def get(self, url: str, headers: Mapping[str, str]) -> Reply | Unreached:
        self.asked.append((url, headers))
        return self.answers.pop(0)


def reply(document: Any = None, status: int = 200, **headers: str) -> Reply:
    body = document if isinstance(document, bytes) else msgspec.json.encode(document)
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body, 0.1)


def admin(*answers: Reply | Unreached) -> tuple[Admin, Script]:
    script = Script(*answers)
    return Admin(script, Hidden(SECRET)), script  # type: ignore[arg-type]  # a stand-in for the network


def limits(*answers: Reply | Unreached) -> list[LimitSent] | Trouble:
    return admin(*answers)[0].list("spend_limits", LimitSent, {}, by="next_page")


LIMIT = {"scope": {"type": "organization"}, "period": "monthly", "amount": "50000", "unheard": [1]}


def test_pages_are_followed_to_the_end() -> None:
    first, last = reply({"data": [LIMIT], "next_page": "p2"}), reply({"data": [LIMIT], "next_page": None})
    asking, script = admin(first, last)
    found = asking.list("spend_limits", LimitSent, {}, by="next_page")
    assert isinstance(found, list)
    assert len(found) == 2
    assert [url.rpartition("?")[2] for url, _ in script.asked] == ["", "page=p2"]
    assert script.asked[0][1]["anthropic-beta"] == "spend-limit-reads-2026-09-26"


def test_older_lists_go_on_behind_their_last_id() -> None:
    one = {"id": "k", "name": "n", "status": "active", "created_at": "2026-11-01T00:00:00Z", "workspace_id": None}
    more = reply({"data": [one], "has_more": True, "last_id": "k"})
    end = reply({"data": [], "has_more": False, "last_id": None})
    asking, script = admin(more, end)
    found = asking.list("api_keys", KeySent, {"limit": "100"}, by="last_id")
    assert isinstance(found, list)
    assert found[0].workspace_id is None
    assert script.asked[1][0].endswith("limit=100&after_id=k")
    assert "anthropic-beta" not in script.asked[0][1]


def test_pages_without_an_end() -> None:
    same = [reply({"data": [], "next_page": "p"}) for _ in range(3)]
    assert limits(*same) == []
    other = [reply({"data": [], "next_page": f"p{number}"}) for number in range(60)]
    assert isinstance(limits(*other), Trouble)


def refusal(status: int, type_: str = "x", code: str = "", **headers: str) -> Reply:
    error = {"type": type_, "message": "canary of the upstream", "details": {"error_code": code}}
    return reply({"type": "error", "error": error}, status, **headers)


@pytest.mark.parametrize(
    ("answer", "said", "total"),
    [
        (refusal(401), "refuses the key (401)", True),
        (refusal(403), "may not read spend_limits (403)", False),
        (refusal(429), "too many questions", False),
        (refusal(500), "fails now (500", False),
        (refusal(529), "fails now (529", False),
        (refusal(400, code="organization_type_not_supported"), "early access preview", False),
        (refusal(404), "early access preview", False),
        (refusal(418), "answers 418", False),
        (reply(b"<html>busy</html>", 502), "fails now (502", False),
        (reply(b"<html>hello</html>"), "shape", False),
        (reply([1, 2]), "shape", False),
        (reply({"data": [{"scope": 7}]}), "shape", False),
        (reply({"data": "all of it"}), "shape", False),
        (reply(b"\xff\xfe"), "shape", False),
        (Unreached("name", "its name is not known here (DNS)"), "api.anthropic.com cannot be asked: its name", True),
        (Unreached("timeout", "no answer in time"), "no answer in time", True),
        (Unreached("library", "…"), "httpx2", True),
        (Unreached("large", "the reply is larger than 4 MB"), "larger than 4 MB", False),
    ],
)
def test_troubles_in_plain_words(answer: Reply | Unreached, said: str, total: bool) -> None:
    found = limits(answer)
    assert isinstance(found, Trouble)
    assert said in found.text
    assert found.supply
    assert found.total == total
    assert "canary" not in found.text + found.supply


def test_a_wait_is_told() -> None:
    found = limits(refusal(429, retry_after="30"))
    assert isinstance(found, Trouble)
    assert "30 seconds" in found.supply
    strange = limits(refusal(429, retry_after="canary"))
    assert isinstance(strange, Trouble)
    assert "canary" not in strange.supply


def test_after_the_end_nobody_is_asked_again() -> None:
    asking, script = admin(refusal(401))
    first = asking.list("spend_limits", LimitSent, {}, by="next_page")
    assert asking.list("api_keys", KeySent, {}, by="last_id") == first
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "no Admin key was given"),
        ({"ANTHROPIC_ADMIN_KEY": ""}, "no Admin key was given"),
        (
            {"ANTHROPIC_ADMIN_KEY": "sk-ant-api03-" + "canary" * 10},
            "holds an API key (sk-ant-api03-…nary), not an Admin",
        ),
        ({"ANTHROPIC_ADMIN_KEY": "sk-ant-api01-" + "canary" * 10}, "Claude Enterprise"),
        ({"ANTHROPIC_ADMIN_KEY": "sk-ant-oat01-" + "canary" * 10}, "holds no Admin key"),
        ({"ANTHROPIC_ADMIN_KEY": "canary canary"}, "holds no Admin key"),
        ({"ANTHROPIC_ADMIN_KEY": "sk-ant-admin01-canary\nx: y"}, "more than a key"),
        ({"ANTHROPIC_ADMIN_KEY": "'sk-ant-admin01-canary'"}, "in quotes"),
        ({"ANTHROPIC_ADMIN_KEY_FILE": "/nowhere"}, "no such file"),
        ({"ANTHROPIC_ADMIN_KEY": "file:///nowhere"}, "no such file"),
    ],
)
def test_admin_keys_that_are_none(environ: dict[str, str], said: str) -> None:
    found = read_admin_key(KEY, environ)
    assert isinstance(found, Trouble)
    assert said in found.text
    assert found.total
    assert "canary" not in found.text + found.supply


def test_a_key_in_place_of_its_address() -> None:
    found = read_admin_key(SECRET, {})
    assert isinstance(found, Trouble)
    assert "canary" not in found.text + found.supply


def test_without_a_key_nothing_is_asked() -> None:
    found = read_console(KEY, {}, NOW)
    assert isinstance(found.limits, Trouble)
    assert found.limits == found.keys


@pytest.mark.parametrize(
    "url", ["https://api.anthropic.com/", "http://127.0.0.1:80", "http://localhost", "https://x:1"]
)
def test_where_an_admin_key_may_go(url: str) -> None:
    assert read_admin_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["http://api.anthropic.com", "ftp://x", "x", "", "https://u:p@x", "https://x?q", "http://[", "https://x#f"]
)
def test_where_it_may_not(url: str) -> None:
    with pytest.raises(ConfigError, match="--admin-url"):
        read_admin_url(url)


@pytest.mark.parametrize("amount", ["many", "", "NaN", "Infinity", "1E+999999", "-1E+20"])
def test_amounts_that_are_none(amount: str) -> None:
    with pytest.raises(ValueError, match="no number"):
        cents(amount)


def test_amounts() -> None:
    assert str(cents("123.456")) == "123.456"
