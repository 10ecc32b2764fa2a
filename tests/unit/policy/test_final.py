"""The reply after the last failure: whose error it is decides whose words the caller reads."""

import json
from importlib import resources

import pytest

from tidegate.model.texts import parse_texts
from tidegate.policy.error_json import read_error
from tidegate.policy.final import Answer, Failed, final_answer
from tidegate.policy.retry import failure

TEXTS = parse_texts((resources.files("tidegate.model") / "texts" / "en.toml").read_bytes())
HEADERS = [
    (b"content-type", b"application/json"),
    (b"request-id", b"req_up"),
    (b"anthropic-ratelimit-requests-limit", b"50"),
    (b"retry-after", b"7"),
]


def answer(status: int, kind: str, message: str = "raw words", *, transparent: bool = False, code: str = "") -> Answer:
    details = {"details": {"error_code": code}} if code else {}
    body = json.dumps({"type": "error", "error": {"type": kind, "message": message, **details}, "request_id": "req_up"})
    info = read_error(body.encode(), status, None)
    failed = Failed(failure=failure(status, HEADERS, info, 0), headers=HEADERS, body=body.encode())
    return final_answer(failed, "req_own", TEXTS, transparent=transparent)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
    ],
)
def test_the_callers_own_errors_pass_unchanged(status: int, kind: str) -> None:
    result = answer(status, kind)
    assert (result.status, result.headers) == (status, HEADERS)
    assert b"raw words" in result.body


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, "rate_limit_error"),
        (500, "api_error"),
        (503, "api_error"),
        (529, "overloaded_error"),
        (408, "timeout_error"),
    ],
)
def test_the_upstreams_errors_keep_all_but_their_words(status: int, kind: str) -> None:
    result = answer(status, kind)
    error = json.loads(result.body)
    headers = dict(result.headers)
    assert (result.status, error["error"]["type"], error["request_id"]) == (status, kind, "req_up")
    assert b"raw words" not in result.body
    assert headers[b"x-should-retry"] == b"false"
    assert headers[b"anthropic-ratelimit-requests-limit"] == b"50"
    assert headers[b"request-id"] == b"req_up"


def test_a_rejected_key_of_ours_is_not_the_callers_business() -> None:
    result = answer(401, "authentication_error", "invalid x-api-key")
    assert (result.status, result.reason) == (502, "upstream_key_rejected")
    assert b"x-api-key" not in result.body


@pytest.mark.parametrize(
    ("status", "kind", "message", "code"),
    [
        (429, "rate_limit_error", "You have reached your API usage limits", "enforced_spend_limit_reached"),
        (400, "invalid_request_error", "You have reached your specified API usage limits.", ""),
        (402, "billing_error", "Payment is needed", ""),
        (400, "invalid_request_error", "Your credit balance is too low to access the API.", ""),
        (429, "billing_error", "spend limit reached (daily; resets 2026-12-01)", ""),
    ],
)
def test_spend_stops(status: int, kind: str, message: str, code: str) -> None:
    result = answer(status, kind, message, code=code)
    error = json.loads(result.body)["error"]
    assert (result.status, error["type"], result.reason) == (429, "billing_error", "upstream_spend_stop")
    assert b"retry-after" not in dict(result.headers)
    assert dict(result.headers)[b"x-should-retry"] == b"false"


@pytest.mark.parametrize("status", [400, 401, 402, 429, 500, 529])
def test_a_transparent_key_reads_the_upstreams_own_words(status: int) -> None:
    result = answer(status, "api_error", transparent=True)
    assert (result.status, result.headers) == (status, HEADERS)
    assert b"raw words" in result.body


@pytest.mark.parametrize(("loss", "status"), [("not_sent", 529), ("cut", 529), ("timeout", 504)])
def test_lost_connections(loss: str, status: int) -> None:
    plain = final_answer(Failed(loss=loss), "req_own", TEXTS, transparent=False)  # type: ignore[arg-type]  # one of Loss
    assert plain.status == status
    assert dict(plain.headers)[b"x-should-retry"] == b"false"
    clear = final_answer(Failed(loss=loss), "req_own", TEXTS, transparent=True)  # type: ignore[arg-type]  # one of Loss
    assert b"x-should-retry" not in dict(clear.headers)
