"""Retries: whether a failed attempt is repeated, and after which wait.

Rules of this file:

1. Repeated: 408, 409, 429, 5xx and connections that failed; nothing else, whatever `x-should-retry: true` says.
2. Never repeated: a stop because money ran out (claude-api.md 3.3), and what says `x-should-retry: false`.
3. The wait is drawn from 0 to min(cap, base x 2^(attempt - 1)); `retry-after` is its floor.
4. A wait that would end after the deadline is not begun.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from tidegate.model.times import SECOND, as_datetime, as_microseconds
from tidegate.policy.error_json import ErrorInfo
from tidegate.policy.limits import EXACT, Window
from tidegate.policy.rules import Retry

SPEND_CODES = frozenset({
    "enforced_spend_limit_reached",
    "contract_spend_limit_reached",
    "linked_organization_spend_limit_reached",
    "linked_organization_billing_unavailable",
})  # fmt: skip

ALWAYS_ALLOWED = 10
"""Retries that a window may have whatever its traffic."""


class Failure(Struct, frozen=True, kw_only=True):
    """How an attempt failed."""

    status: int | None = None
    """Of the error reply; None when the connection failed."""
    error: ErrorInfo | None = None
    hint: float | None = None
    """Seconds that the upstream asks to wait; see `wait_hint`."""
    should_retry: bool | None = None
    """The upstream's `x-should-retry`."""


LOST = Failure()
"""The connection failed: NotSent or Broken."""


def failure(status: int, headers: Sequence[tuple[bytes, bytes]], error: ErrorInfo | None, now: int) -> Failure:
    """An error reply as a failure; `now` in microseconds since 1970 UTC, header names in lower case."""
    said = _header(headers, b"x-should-retry")
    return Failure(
        status=status,
        error=error,
        hint=wait_hint(headers, now),
        should_retry=None if said is None else {b"true": True, b"false": False}.get(said.lower()),
    )


def decide(retry: Retry, attempt: int, elapsed: float, failed: Failure, rng: Callable[[], float]) -> float | None:
    """Seconds to wait before the next attempt, None to stop.

    Args:
        retry: the rules.
        attempt: how many attempts were sent, 1 after the first.
        elapsed: seconds since the call began.
        failed: what happened to the last of them.
        rng: gives numbers from 0 to 1.
    """
    if attempt >= retry.attempts or not is_retryable(failed):
        return None
    most = min(retry.cap, retry.base * 2.0 ** min(attempt - 1, 60))
    delay = max(rng() * most, failed.hint or 0.0)
    return delay if elapsed + delay <= retry.deadline else None


def is_retryable(failed: Failure) -> bool:
    """Whether another attempt could help and is allowed at all."""
    status = failed.status
    if status is None:
        return True
    if failed.should_retry is False or is_spend_stop(status, failed.error):
        return False
    return status in (408, 409, 429) or status >= 500


def is_spend_stop(status: int, error: ErrorInfo | None) -> bool:
    """Money ran out upstream: a cap of the tier, a limit that the customer set, no credit, a gateway's cap.

    These come as 429, 400 and 402 and look like other errors; repeating them cannot help.
    """
    if status == 402:
        return True
    if error is None or status >= 500:
        return False
    return (
        error.type == "billing_error"
        or error.code in SPEND_CODES
        or error.message_kind in ("spend_limit", "low_credit")
    )


class RetryBudget:
    """How many retries the traffic of the last `window` seconds allows; ends storms.  Ticks are monotonic seconds."""

    def __init__(self, share: float, window: float) -> None:
        self._share = share
        self._length = max(1, int(window * SECOND))
        self._attempts = Window()
        self._retries = Window()
        self._latest = 0
        """Attempts that are not in their window yet: those of one part of it are added at once."""
        self._until = 0.0
        """Where that part ends, in ticks."""

    def attempted(self, ticks: float) -> None:
        """One attempt is sent."""
        if ticks >= self._until:
            self._gather(self._until)
            self._until = ticks + self._length / (EXACT * SECOND)
        self._latest += 1

    def allows(self, ticks: float) -> bool:
        """Whether one more retry keeps to its share; it is then counted."""
        self._gather(min(ticks, self._until))
        now = int(ticks * SECOND)
        self._attempts.prune(now, self._length)
        self._retries.prune(now, self._length)
        if not within_budget(self._retries.total, self._attempts.total, self._share):
            return False
        self._retries.add(1, now, self._length)
        return True

    def _gather(self, ticks: float) -> None:
        if self._latest:
            self._attempts.add(self._latest, int(ticks * SECOND), self._length)
            self._latest = 0


def within_budget(retries: int, attempts: int, share: float) -> bool:
    """Whether one more retry keeps to its share of the window's traffic; ends storms."""
    return retries < ALWAYS_ALLOWED or retries < share * attempts


LONGEST = 1e12
"""Seconds; a hint that asks for more asks for this: longer than any deadline, and still a time that can be told."""

_SECONDS = re.compile(rb"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
_TIME = rb"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_DATES = (  # the three forms of RFC 9110, section 5.6.7
    re.compile(rb"[A-Za-z]{3}, (?P<day>[0-9]{2}) (?P<month>[A-Za-z]{3}) (?P<year>[0-9]{4}) " + _TIME + rb" GMT"),
    re.compile(rb"[A-Za-z]{6,9}, (?P<day>[0-9]{2})-(?P<month>[A-Za-z]{3})-(?P<year>[0-9]{2}) " + _TIME + rb" GMT"),
    re.compile(rb"[A-Za-z]{3} (?P<month>[A-Za-z]{3}) (?P<day>[0-9]{2}| [0-9]) " + _TIME + rb" (?P<year>[0-9]{4})"),
)
_MONTHS = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")


def wait_hint(headers: Sequence[tuple[bytes, bytes]], now: int) -> float | None:
    """Seconds that `retry-after-ms` or `retry-after` (seconds or an HTTP date) ask for; None when they are no use."""
    milliseconds = _number(_header(headers, b"retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = _header(headers, b"retry-after")
    return _number(text) or _until(text, now)


def _header(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    for key, value in headers:
        if key == name:
            return value.strip()
    return None


def _number(text: bytes | None) -> float | None:
    """A positive number, `LONGEST` at most; None for anything else."""
    if text is None or not _SECONDS.fullmatch(text):
        return None
    number = float(text)  # of too many digits it makes infinity
    return min(number, LONGEST) if number > 0 else None


def _until(text: bytes | None, now: int) -> float | None:
    """Seconds until an HTTP date that lies ahead."""
    found = next((match for form in _DATES if (match := form.fullmatch(text or b""))), None)
    if not found or found["month"].lower() not in _MONTHS:
        return None
    month = _MONTHS.index(found["month"].lower()) + 1
    try:
        day, year, hour, minute, second = (int(found[part]) for part in ("day", "year", "hour", "minute", "second"))
        if len(found["year"]) == 2:
            year = _century(year, now)
        at = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    ahead = (as_microseconds(at) - now) / SECOND
    return ahead if ahead > 0 else None


def _century(year: int, now: int) -> int:
    """The year of two digits; one that seems more than 50 years ahead lies in the past (RFC 9110, section 5.6.7)."""
    this = as_datetime(now).year
    whole = this - this % 100 + year
    return whole - 100 if whole > this + 50 else whole
