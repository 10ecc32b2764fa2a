"""Retries: what is repeated, how long it waits, and when it stops."""

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import pairwise

import pytest
from anthropic import _error_classes
from hypothesis import given
from hypothesis import strategies as st

from tidegate.model.times import SECOND, as_microseconds, parse_rfc3339
from tidegate.policy.error_json import ErrorInfo, read_error
from tidegate.policy.retry import (
    LONGEST,
    LOST,
    SPEND_CODES,
    Failure,
    RetryBudget,
    decide,
    failure,
    is_retryable,
    is_spend_stop,
    wait_hint,
    within_budget,
)
from tidegate.policy.rules import Retry

NOW = parse_rfc3339("2026-11-22T12:00:00Z")
PATIENT = Retry(attempts=10, deadline=1e9)


def most(failed: Failure, attempt: int, retry: Retry = PATIENT) -> float | None:
    return decide(retry, attempt, 0.0, failed, lambda: 1.0)


def test_statuses() -> None:
    retried = {status for status in range(200, 600) if is_retryable(Failure(status=status))}
    assert retried == {408, 409, 429, *range(500, 600)}
    assert is_retryable(LOST)


def test_should_retry_can_only_forbid() -> None:
    assert not is_retryable(Failure(status=529, should_retry=False))
    assert is_retryable(Failure(status=529, should_retry=True))
    assert not is_retryable(Failure(status=400, should_retry=True))
    spent = ErrorInfo(type="billing_error")
    assert not is_retryable(Failure(status=429, error=spent, should_retry=True))


LIMIT_HIT = (
    "You have reached your specified workspace API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."
)
CAP_HIT = "You have reached your API usage limits: you crossed your monthly threshold and regain access on 2026-12-01."

LOW = "Your credit balance is too low to access the Anthropic API."


def body(kind: str, message: str = "", code: str | None = None) -> bytes:
    return json.dumps({"error": {"type": kind, "message": message, "details": {"error_code": code}}}).encode()


SPEND_STOPS = [
    (429, body("rate_limit_error", code="enforced_spend_limit_reached")),
    (429, body("rate_limit_error", CAP_HIT)),
    (429, body("rate_limit_error", code="contract_spend_limit_reached")),
    (429, body("billing_error", "spend limit reached (daily; resets 00:00 UTC)")),
    (400, body("invalid_request_error", LIMIT_HIT)),
    (429, body("rate_limit_error", LIMIT_HIT)),
    (400, body("invalid_request_error", LOW)),
    (402, body("billing_error", "pay")),
    (402, body("x", code="linked_organization_billing_unavailable")),
    (402, b"<html>"),
]
OTHER_ERRORS = [
    (429, body("rate_limit_error", "This request would exceed your organization's rate limit")),
    (429, body("rate_limit_error", code="ramp_limit_exceeded")),
    (400, body("invalid_request_error", f"messages: {LOW}")),
    (529, body("overloaded_error", LOW)),
    (429, b""),
]


@pytest.mark.parametrize(("status", "said"), SPEND_STOPS)
def test_spend_stops_are_never_retried(status: int, said: bytes) -> None:
    info = read_error(said, status)
    assert is_spend_stop(status, info)
    failed = failure(status, [(b"retry-after", b"1"), (b"x-should-retry", b"true")], info, NOW)
    assert decide(PATIENT, 1, 0.0, failed, lambda: 0.5) is None


@pytest.mark.parametrize(("status", "said"), OTHER_ERRORS)
def test_other_errors_are_no_spend_stops(status: int, said: bytes) -> None:
    assert not is_spend_stop(status, read_error(said, status))
    assert not is_spend_stop(status, None)


def test_we_know_the_spend_codes_of_the_sdk() -> None:
    known = {code for _, code in _error_classes.ERROR_CLASSES if code}
    assert known >= SPEND_CODES
    about_money = {code for code in known if code.endswith(("spend_limit_reached", "billing_unavailable"))}
    assert about_money == SPEND_CODES


def test_backoff_doubles_up_to_the_cap() -> None:
    assert [most(LOST, attempt) for attempt in range(1, 8)] == [1.0, 2.0, 4.0, 8.0, 16.0, 16.0, 16.0]
    assert most(LOST, 5_000, Retry(attempts=10_000, deadline=1e9)) == 16.0
    assert [most(LOST, attempt, Retry()) for attempt in range(1, 7)] == [1.0, 2.0, 4.0, 8.0, None, None]


def test_jitter_is_full_and_even() -> None:
    steps = [decide(PATIENT, 3, 0.0, LOST, lambda at=at: at / 100) for at in range(101)]  # type: ignore[misc]  # a default binds the loop's value
    assert steps[0] == 0.0
    assert steps[-1] == 4.0
    assert all(step is not None for step in steps)
    gaps = [
        round(later - earlier, 9) for earlier, later in pairwise(steps) if later is not None and earlier is not None
    ]
    assert set(gaps) == {0.04}


rules = st.builds(
    Retry, attempts=st.integers(1, 8), base=st.floats(0.01, 5), cap=st.floats(0.01, 60), deadline=st.floats(0, 120)
)


@given(rules, st.integers(1, 10), st.floats(0, 200), st.none() | st.floats(0.001, 300), st.floats(0, 1))
def test_laws(retry: Retry, attempt: int, elapsed: float, hint: float | None, draw: float) -> None:
    delay = decide(retry, attempt, elapsed, Failure(status=529, hint=hint), lambda: draw)
    jitter = draw * min(retry.cap, retry.base * 2 ** (attempt - 1))
    if delay is None:
        assert attempt >= retry.attempts or elapsed + max(jitter, hint or 0) > retry.deadline
    else:
        assert attempt < retry.attempts
        assert delay == max(jitter, hint or 0)
        assert elapsed + delay <= retry.deadline


def test_a_hint_beyond_the_deadline_stops_at_once() -> None:
    assert most(Failure(status=429, hint=60.0), 1, Retry()) == 60.0
    assert most(Failure(status=429, hint=60.1), 1, Retry()) is None
    assert decide(Retry(), 1, 58.5, Failure(status=429, hint=1.6), lambda: 0.0) is None


@pytest.mark.parametrize(
    ("headers", "hint"),
    [
        ([], None),
        ([(b"retry-after", b"7")], 7.0),
        ([(b"retry-after", b" 1.5 ")], 1.5),
        ([(b"retry-after-ms", b"250"), (b"retry-after", b"7")], 0.25),
        ([(b"retry-after", b"7"), (b"retry-after-ms", b"250")], 0.25),
        ([(b"retry-after-ms", b"nan"), (b"retry-after", b"7")], 7.0),
        ([(b"retry-after-ms", b"0"), (b"retry-after", b"7")], 7.0),
        ([(b"retry-after", b"Sun, 22 Nov 2026 12:00:30 GMT")], 30.0),
        ([(b"retry-after", b"sun, 22 nov 2026 12:00:30 GMT")], 30.0),
        ([(b"retry-after", b"Sun, 22 Nov 2026 11:59:59 GMT")], None),
        ([(b"retry-after", b"Sun, 22 Nox 2026 12:00:30 GMT")], None),
        ([(b"retry-after", b"Sun, 99 Nov 2026 12:00:30 GMT")], None),
        ([(b"retry-after", b"Sun, 22 Nov 0000 12:00:30 GMT")], None),
        *[
            ([(b"retry-after", value)], None)
            for value in (
                b"0",
                b"-1",
                b"nan",
                b"inf",
                b"Infinity",
                b"1e",
                b"e9",
                b"1e9.5",
                b"0e9",
                b"1e-999",
                b"1_0",
                b"0x5",
                b"",
                b"soon",
                b"+1",
                b"\xff",
                b"Sunday, 22-Nov-26 11:59:59 GMT",
                b"Sunday, 22-Nov-77 12:00:30 GMT",
                b"Sunday, 22 Nov 26 12:00:30 GMT",
                b"Sunday, 22-Nov-2026 12:00:30 GMT",
                b"Sunday, 99-Nov-26 12:00:30 GMT",
                b"Sun Nov 22 12:00:30 2026 GMT",
                b"Sun Nov 22 11:59:59 2026",
                b"Sun Nox 22 12:00:30 2026",
                b"Sun Nov 6 12:00:30 2027",
                b"Sun, 22 Nov 2026 12:00:30 +0000",
                b"Sun, 22 Nov 2026 12:00:30 GMT, 7",
            )
        ],
        ([(b"retry-after", b"Sunday, 22-Nov-26 12:00:30 GMT")], 30.0),
        ([(b"retry-after", b"Sun Nov 22 12:00:30 2026")], 30.0),
        ([(b"retry-after", b"Tue Dec  1 12:00:00 2026")], 9 * 86_400.0),
        ([(b"retry-after", b"1e2")], 100.0),
        ([(b"retry-after", b"1.5E+1")], 15.0),
        ([(b"retry-after", b"5e-1")], 0.5),
        ([(b"retry-after", b"12345678901")], 12_345_678_901.0),
        ([(b"retry-after", b"1e400")], LONGEST),
        ([(b"retry-after", b"9" * 4_000)], LONGEST),
        ([(b"retry-after-ms", b"9" * 400), (b"retry-after", b"7")], LONGEST / 1000),
    ],
)
def test_hints(headers: list[tuple[bytes, bytes]], hint: float | None) -> None:
    assert wait_hint(headers, NOW) == hint


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_http_dates(at: datetime) -> None:
    at = at.replace(microsecond=0)
    ahead = (as_microseconds(at) - NOW) / SECOND
    assert wait_hint([(b"retry-after", format_datetime(at, usegmt=True).encode())], NOW) == (
        ahead if ahead > 0 else None
    )


@pytest.mark.parametrize("value", [b"9" * 30, b"1e30", b"1e999", b"Friday, 01-Jan-60 00:00:00 GMT"])
def test_who_asks_for_ages_is_not_asked_again(value: bytes) -> None:
    failed = failure(429, [(b"retry-after", value)], None, NOW)
    assert most(failed, 1, Retry()) is None


@given(st.integers(0, 99))
def test_two_digits_of_a_year_are_never_more_than_fifty_ahead(year: int) -> None:
    hint = wait_hint([(b"retry-after", b"Friday, 01-Jan-%02d 00:00:00 GMT" % year)], NOW)
    assert (hint is not None) == (27 <= year <= 76)
    assert hint is None or hint < 51 * 366 * 86_400


@given(st.binary(max_size=30))
def test_any_header_is_harmless(value: bytes) -> None:
    hint = wait_hint([(b"retry-after", value), (b"retry-after-ms", value)], NOW)
    assert hint is None or hint > 0
    assert failure(429, [(b"x-should-retry", value)], None, NOW).status == 429


def test_should_retry_header() -> None:
    for value, said in [(b"true", True), (b"FALSE", False), (b"maybe", None), (b"", None)]:
        assert failure(429, [(b"x-should-retry", value)], None, NOW).should_retry is said


def test_retry_budget() -> None:
    assert within_budget(9, 0, 0.2)
    assert not within_budget(10, 0, 0.2)
    assert within_budget(19, 100, 0.2)
    assert not within_budget(20, 100, 0.2)


def test_the_latest_attempts_count_at_once_and_old_ones_no_more() -> None:
    """Those of a moment join the window together; they are neither missed before nor kept beyond it."""
    for pause, granted in [(0.0, 20), (9.0, 20), (11.0, 10)]:  # the window has ten seconds
        budget = RetryBudget(0.2, 10.0)
        for number in range(100):
            budget.attempted(50.0 + number / 10_000)
        assert sum(budget.allows(50.01 + pause) for _ in range(40)) == granted
