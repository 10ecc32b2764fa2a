"""From an exception to a reply: words, a status, when to try again, a reference that the log has."""

import json
import logging
from typing import Any

import anthropic
import httpx2
import pytest

import tidegate
from tidegate.frameworks import NoAnswer, explain
from tidegate.frameworks.shown import shown
from unit.frameworks.calls import BROWSER, HELLO, SECRET, Scripted, bare, error, guarded, not_json


def raised(*said: Any, alone: bool = False) -> Exception:
    """What the SDK raises for the last of these replies; `alone`: without a guard."""
    client = bare(Scripted(*said)) if alone else guarded(Scripted(*said))
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is
        client.messages.create(**HELLO)
    return caught.value


def test_the_reference_is_that_of_the_reply(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tidegate")
    found = explain(raised(error(500)))
    assert found == tidegate.friendly(raised(error(500)))
    assert found.reference == "req_up"
    record = caplog.records[-2]
    assert record.getMessage() == "claude_error_shown reference=req_up status=500 error=InternalServerError"
    assert record.levelno == logging.INFO
    assert record.tidegate == {  # type: ignore[attr-defined]  # an extra field
        "event": "claude_error_shown", "reference": "req_up", "status": 500, "error": "InternalServerError",
    }  # fmt: skip


@pytest.mark.parametrize("problem", [httpx2.ReadError(SECRET), ValueError(SECRET), NoAnswer("cut")])
def test_where_there_is_none_one_is_made_and_logged(problem: Exception, caplog: pytest.LogCaptureFixture) -> None:
    found = explain(problem)
    assert found.reference is not None
    assert explain(problem).reference != found.reference
    record = caplog.records[0]
    assert record.levelno == logging.WARNING
    assert f"reference={found.reference} " in record.getMessage()
    assert record.getMessage().endswith(" place=?")
    assert SECRET not in caplog.text


def test_the_place_of_what_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    found = explain(raised(not_json(), alone=True))
    assert found.status == 502
    assert "error=JSONDecodeError place=decoder.py:" in caplog.records[-1].getMessage()
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("problem", "status", "title"),
    [
        (NoAnswer("model_refusal", "req_1"), 422, "Declined"),
        (NoAnswer("cut", "req_1"), 502, "Not complete"),
        (NoAnswer("upstream_error", "req_1"), 502, "Something went wrong"),
    ],
)
def test_what_is_no_answer(problem: NoAnswer, status: int, title: str) -> None:
    found = explain(problem)
    assert (found.status, found.title, found.reference) == (status, title, "req_1")
    assert found.text


def test_texts_of_ones_own(folder: Any) -> None:
    (folder / "fr.toml").write_text('model_refusal = "Non."\n[title]\nmodel_refusal = "Refus"\n')
    tidegate.guard(anthropic.Anthropic(api_key="k"), texts="fr.toml")
    assert (explain(NoAnswer("model_refusal")).title, explain(NoAnswer("model_refusal")).text) == ("Refus", "Non.")


def test_json() -> None:
    found = shown(raised(error(429, "rate_limit_error", **{"retry-after": "61.2"})), "*/*")
    assert found.status == 429
    assert found.headers == {
        "cache-control": "no-store", "vary": "accept", "retry-after": "62", "content-type": "application/json",
    }  # fmt: skip
    assert json.loads(found.body) == {
        "error": {
            "status": 429,
            "title": "Please wait a little",
            "text": "Too many questions are being asked at once. Please try again in a minute.",
            "retry_after": 61.2,
            "reference": "req_up",
        }
    }


def test_what_is_not_known_is_left_out() -> None:
    found = shown(raised(error(500)), "")
    assert "retry-after" not in found.headers
    assert json.loads(found.body)["error"].keys() == {"status", "title", "text", "reference"}


def test_a_page(folder: Any) -> None:
    (folder / "own.toml").write_text('upstream_error = "<b>&"\n[title]\nupstream_error = "<i>"\n')
    tidegate.guard(anthropic.Anthropic(api_key="k"), texts="own.toml")
    found = shown(raised(error(500)), BROWSER)
    page = found.body.decode()
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    assert page.startswith("<!doctype html>")
    assert "<h1>&lt;i&gt;</h1>" in page
    assert "<p>&lt;b&gt;&amp;</p>" in page
    assert "req_up" in page


def test_a_short_wait_is_a_second() -> None:
    limited = {"limits": [{"per": "user", "requests": "1/minute"}]}
    client = guarded(Scripted(), **limited)
    client.messages.create(**HELLO)
    with pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.create(**HELLO)
    assert 1 <= int(shown(caught.value, "").headers["retry-after"]) <= 60
