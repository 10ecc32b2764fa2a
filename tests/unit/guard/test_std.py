"""One record per call in the standard logger."""

import logging
from typing import Any, get_args

import pytest

from tidegate.assemble import load_texts
from tidegate.model.call import Caller
from tidegate.model.facts import CallFailed, CallRefused, Fact
from tidegate.model.refusal import Refusal
from tidegate.observe.std import LEVELS, StdFacts

REFUSED = CallRefused(
    call_id="c",
    at=0,
    caller=Caller("web", "u-1", "chat"),
    model="m",
    refusal=Refusal(reason="rate_limited", scope="user"),
)
FAILED = CallFailed(
    call_id="c", caller=Caller("web", "u-1", "chat"), model="m", duration_ms=1, attempts=2,
    error_type="overloaded_error", reason="upstream_overloaded", status=529, cost=0,
)  # fmt: skip


def test_every_fact_has_a_level() -> None:
    assert set(LEVELS) == set(get_args(Fact))


@pytest.mark.parametrize(
    ("fact", "level", "begins"),
    [
        (
            REFUSED,
            logging.WARNING,
            "claude_call_refused call_id=c app=web user_id=u-1 route=chat model=m reason=rate_limited",
        ),
        (FAILED, logging.ERROR, "claude_call_error call_id=c app=web user_id=u-1 route=chat model=m duration_ms=1"),
    ],
)
def test_a_record(caplog: pytest.LogCaptureFixture, fact: Any, level: int, begins: str) -> None:
    StdFacts(load_texts())(fact)
    (record,) = caplog.records
    assert record.levelno == level
    assert record.name == "tidegate"
    assert record.getMessage().startswith(begins)
    assert ' error_message="' in record.getMessage()
    fields = record.tidegate  # type: ignore[attr-defined]  # our own attribute
    assert fields["event"] == begins.split(" ", maxsplit=1)[0]
    assert fields["user_id"] == "u-1"


def test_a_per_cent_sign_stays_one(caplog: pytest.LogCaptureFixture) -> None:
    texts = {**load_texts(), "rate_limited": "100 %s full"}
    StdFacts(texts)(REFUSED)
    assert "100 %s full" in caplog.text


def test_below_the_level_nothing_is_made(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = StdFacts(load_texts())
    monkeypatch.setattr(facts, "_facts", lambda _: pytest.fail("nobody listens"))
    with caplog.at_level(logging.ERROR, "tidegate"):
        facts(REFUSED)
    assert caplog.records == []
