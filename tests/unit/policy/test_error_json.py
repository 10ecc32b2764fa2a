"""Error bodies: closed vocabulary, and never a word of their text."""

import gzip
import json
from typing import Any

import pytest
from anthropic import _error_classes
from hypothesis import given
from hypothesis import strategies as st

from tidegate.model.times import parse_rfc3339
from tidegate.policy.error_json import ERROR_TYPES, ErrorInfo, known_type, read_error


def body(kind: Any, message: Any = "", code: Any = None, request_id: Any = None) -> bytes:
    error: dict[str, Any] = {"type": kind, "message": message}
    if code is not None:
        error["details"] = {"error_code": code}
    return json.dumps({"type": "error", "error": error, "request_id": request_id}).encode()


def test_a_plain_error() -> None:
    data = body("overloaded_error", "Overloaded", "compaction_unavailable", "req_011")
    expected = ErrorInfo(type="overloaded_error", code="compaction_unavailable", request_id="req_011")
    assert read_error(data, 529) == expected
    assert read_error(gzip.compress(data), 529, b"gzip") == expected


@pytest.mark.parametrize(
    ("data", "status", "kind"),
    [
        (b"<html>cloudflare</html>", 413, "request_too_large"),
        (b"", 529, "overloaded_error"),
        (b"", 503, "api_error"),
        (b"", 418, "other"),
        (b"[]", 429, "rate_limit_error"),
        (b'{"error":"text"}', 401, "authentication_error"),
        (b'{"error":{"type":3}}', 404, "not_found_error"),
        (body("a new one"), 500, "other"),
        (b"{}", 400, "invalid_request_error"),
    ],
)
def test_what_is_not_the_apis_is_typed_by_its_status(data: bytes, status: int, kind: str) -> None:
    assert read_error(data, status).type == kind
    assert read_error(data, status, b"br").type == read_error(b"", status).type


@pytest.mark.parametrize("code", ["Has Capitals", "x" * 65, "", "a-b", 7, "a1", "line\nbreak", {"a": 1}])
def test_codes_are_sanitised(code: Any) -> None:
    assert read_error(body("api_error", "", code), 500).code is None


@pytest.mark.parametrize("request_id", ["has spaces", "x" * 129, 3, "", "req\r\nx: y"])
def test_request_ids_are_sanitised(request_id: Any) -> None:
    assert read_error(body("api_error", "", None, request_id), 500).request_id is None


REGAIN = (
    "You have reached your API usage limits: this organization crossed its monthly threshold. "
    "You will regain access on 2026-12-01 at 00:00 UTC."
)


def test_sentences_about_money() -> None:
    december = parse_rfc3339("2026-12-01T00:00:00Z")
    for status in (400, 429):
        for name in ("", "workspace "):
            found = read_error(
                body(
                    "x", f"You have reached your specified {name}API usage limits. You will regain access on 2026-12-01"
                ),
                status,
            )
            assert (found.message_kind, found.resets_at) == ("spend_limit", december)
    assert read_error(body("rate_limit_error", REGAIN), 429).resets_at == december
    assert (
        read_error(body("rate_limit_error", "This org is over. Regain access on 2026-99-01"), 429).message_kind
        == "spend_limit"
    )
    assert read_error(body("x", "Your credit balance is too low to access the API"), 400).message_kind == "low_credit"
    assert read_error(body("x", "spend limit reached (daily; resets soon)"), 429).message_kind == "spend_limit"
    # A caller cannot make it up: further on, the text may quote the request.
    for text in (
        "messages.0: 'Your credit balance is too low'",
        "bad name: You have reached your specified API usage limits",
        "regain access on 2026-12-01",
    ):
        assert read_error(body("x", text), 400) == ErrorInfo(type="other")


@given(st.text(min_size=4, max_size=40), st.integers(400, 599))
def test_no_text_survives(secret: str, status: int) -> None:
    secret = f"? {secret}"  # no word of the API's own
    data = json.dumps(
        {
            "error": {"type": secret, "message": secret, "details": {"error_code": secret + "!", "text": secret}},
            "x": secret,
        }
    ).encode()
    assert read_error(data, status) == ErrorInfo(type="other")


@given(st.binary(max_size=60), st.integers(100, 999), st.sampled_from([None, b"gzip", b"deflate"]))
def test_never_raises(data: bytes, status: int, encoding: bytes | None) -> None:
    assert read_error(data, status, encoding).type in ERROR_TYPES | {"other"}


def test_vocabulary_is_the_sdks() -> None:
    assert known_type(None) == "other"
    codes = {code for _, code in _error_classes.ERROR_CLASSES if code}
    assert codes
    for code in codes:
        assert read_error(body("api_error", "", code), 400).code == code
