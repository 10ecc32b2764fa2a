"""Replies on the wire: the table of the design, spelled out again by hand as a tripwire."""

import json
import math
from importlib import resources
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.model.refusal import SHAPES, Reason, Refusal
from tidegate.model.texts import parse_texts
from tidegate.policy.error_json import ErrorInfo
from tidegate.policy.replies import friendly_error, refusal_reply, refusal_text, sse_error, upstream_text

TEXTS = parse_texts((resources.files("tidegate.model") / "texts" / "en.toml").read_bytes())
AT = 1_780_000_000_000_000

# reason: status, type, retry-after for a refusal of 7.2 seconds, x-should-retry, x-tidegate-resets-at
TABLE: dict[str, tuple[int, str, str | None, str | None, bool]] = {
    "rate_limited": (429, "rate_limit_error", "8", "false", False),
    "too_many_concurrent": (429, "rate_limit_error", "8", "false", False),
    "queue_full": (429, "rate_limit_error", "8", "false", False),
    "budget_held": (429, "rate_limit_error", "1", None, False),
    "budget_spent": (429, "billing_error", None, "false", True),
    "upstream_spend_stop": (429, "billing_error", None, "false", True),
    "bad_request": (400, "invalid_request_error", None, "false", False),
    "unknown_model": (400, "invalid_request_error", None, "false", False),
    "unbounded_cost": (400, "invalid_request_error", None, "false", False),
    "identity_required": (400, "invalid_request_error", None, "false", False),
    "max_tokens_too_large": (400, "invalid_request_error", None, "false", False),
    "bad_key": (401, "authentication_error", None, None, False),
    "key_revoked": (401, "authentication_error", None, None, False),
    "key_expired": (401, "authentication_error", None, None, False),
    "not_allowed": (403, "permission_error", None, None, False),
    "not_found": (404, "not_found_error", None, None, False),
    "unknown_path": (404, "not_found_error", None, None, False),
    "bad_method": (405, "invalid_request_error", None, None, False),
    "too_large": (413, "request_too_large", None, None, False),
    "upstream_down": (529, "overloaded_error", "8", "false", False),
    "breaker_open": (529, "overloaded_error", "8", "false", False),
    "timeout": (504, "timeout_error", None, "false", False),
    "draining": (503, "api_error", "1", "true", False),
    "store_down": (503, "api_error", "8", "false", False),
    "upstream_key_rejected": (502, "api_error", None, "false", False),
}


@pytest.mark.parametrize("reason", get_args(Reason))
def test_the_table(reason: Reason) -> None:
    refusal = Refusal(reason=reason, scope="user", retry_after=7.2, resets_at=AT, detail="Change it.")
    status, headers, body = refusal_reply(refusal, "req_tg1", TEXTS)
    kind, wait, should_retry, resets = TABLE[reason][1:]
    expected = {
        b"content-type": b"application/json",
        b"request-id": b"req_tg1",
        b"x-tidegate-reason": reason.encode(),
        b"x-tidegate-scope": b"user",
    }
    if wait:
        expected[b"retry-after"] = wait.encode()
    if should_retry:
        expected[b"x-should-retry"] = should_retry.encode()
    if resets:
        expected[b"x-tidegate-resets-at"] = b"2026-05-28T20:26:40.000000Z"
    assert status == TABLE[reason][0]
    assert len(headers) == len(expected)
    assert dict(headers) == expected
    document = json.loads(body)
    message = document["error"]["message"]
    assert document == {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_tg1"}
    assert message.endswith(". Change it.")
    assert "{" not in message


def test_every_reason_has_a_row() -> None:
    assert set(TABLE) == set(get_args(Reason)) == set(SHAPES)


@pytest.mark.parametrize(
    ("seconds", "header"),
    [(None, 1), (0.0, 1), (-3.0, 1), (0.2, 1), (1.0, 1), (1.01, 2), (3600.0, 3600), (math.inf, 1), (math.nan, 1)],
)
def test_retry_after_is_rounded_up(seconds: float | None, header: int) -> None:
    headers = dict(refusal_reply(Refusal(reason="rate_limited", retry_after=seconds), "r", TEXTS)[1])
    assert headers[b"retry-after"] == str(header).encode()
    assert b"x-tidegate-scope" not in headers


def test_texts_name_scope_and_times() -> None:
    text = refusal_text(Refusal(reason="rate_limited", scope="user", retry_after=59.1), TEXTS)
    assert text == "That was a bit fast: the limit for you is reached. Please try again in 60 seconds."
    spent = Refusal(reason="budget_spent", scope="app+route", resets_at=AT)
    assert (
        refusal_text(spent, TEXTS)
        == "What was set aside for this service is used up. It starts anew at 2026-05-28 20:26 UTC."
    )
    assert (
        refusal_text(Refusal(reason="rate_limited"), {"rate_limited": "Wait {retry_after}, {scope}{resets_at}."})
        == "Wait , ."
    )
    assert refusal_text(Refusal(reason="not_found"), {}) == ""


@given(st.text(max_size=40), st.text(max_size=20))
def test_an_error_event_is_one_event(message: str, kind: str) -> None:
    event = sse_error(kind, message, "req_1")
    head, data, blank, end = event.split(b"\n")
    assert (head, blank, end) == (b"event: error", b"", b"")
    assert b"\r" not in event
    document = json.loads(data.removeprefix(b"data: "))
    assert document == {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def test_upstream_errors_keep_what_programs_need() -> None:
    upstream = [
        (b"request-id", b"req_up"),
        (b"retry-after", b"7"),
        (b"anthropic-ratelimit-requests-remaining", b"0"),
        (b"content-type", b"text/html"),
        (b"content-length", b"999"),
        (b"content-encoding", b"gzip"),
        (b"x-should-retry", b"true"),
    ]
    info = ErrorInfo(type="rate_limit_error", code="ramp_limit_exceeded")
    status, headers, body = friendly_error(429, upstream, info, "req_tg", TEXTS)
    assert status == 429
    assert headers == [*upstream[:3], (b"content-type", b"application/json"), (b"x-should-retry", b"false")]
    assert json.loads(body) == {
        "type": "error",
        "error": {
            "type": "rate_limit_error",
            "message": TEXTS["upstream_rate_limited"],
            "details": {"error_code": "ramp_limit_exceeded"},
        },
        "request_id": "req_up",
    }


def test_upstream_errors_without_request_id() -> None:
    for info, request_id in [
        (ErrorInfo(type="other", request_id="req_body"), "req_body"),
        (ErrorInfo(type="other"), "req_tg"),
    ]:
        _, headers, body = friendly_error(500, [], info, "req_tg", TEXTS)
        assert dict(headers)[b"request-id"] == request_id.encode()
        assert json.loads(body)["request_id"] == request_id
        assert json.loads(body)["error"]["type"] == "api_error"


@pytest.mark.parametrize("status", [None, 408, 409, 429, 500, 502, 503, 504, 520, 529])
def test_every_upstream_error_has_a_text(status: int | None) -> None:
    assert TEXTS[upstream_text(status)]
