"""Times: microseconds since 1970 UTC inside, RFC 3339 text outside."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECOND = 1_000_000
"""Microseconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_datetime(at: int) -> datetime:
    """Microseconds since 1970 UTC as an aware datetime."""
    return _EPOCH + timedelta(microseconds=at)


def as_microseconds(at: datetime) -> int:
    """An aware datetime as microseconds since 1970 UTC."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def rfc3339(at: int) -> str:
    """`2026-11-22T10:30:00.123456Z`: always six decimals, so that text order is time order."""
    second, micro = divmod(at, SECOND)
    return "%s.%06dZ" % (_second(second), micro)  # noqa: UP031 - less time than an f-string


@lru_cache(maxsize=8)
def _second(second: int) -> str:
    """Most times of a busy process lie in the same second or two."""
    return (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")


def parse_rfc3339(text: str) -> int:
    """Microseconds since 1970 UTC of an RFC 3339 time; raises ValueError."""
    at = datetime.fromisoformat(text)
    return as_microseconds(at if at.tzinfo else at.replace(tzinfo=UTC))
