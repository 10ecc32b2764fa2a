"""Budgets: money per calendar period (UTC), and the tally of one scope in one period."""

from datetime import datetime, timedelta

from msgspec import Struct

from tidegate.model.times import as_datetime, as_microseconds


class Tally(Struct, gc=False):
    """Money of one scope in one period, in nano-dollars; also open calls of a scope, as `held`."""

    settled: int = 0
    held: int = 0


def period_start(every: str, now: int) -> str:
    """The name of the period that `now` (microseconds since 1970 UTC) lies in: its first day, or `total`."""
    if every == "total":
        return "total"
    return _first_day(every, as_datetime(now)).strftime("%Y-%m-%d")


def period_end(every: str, now: int) -> int | None:
    """When the period of `now` ends, microseconds since 1970 UTC; None for `total`."""
    if every == "total":
        return None
    first = _first_day(every, as_datetime(now))
    if every == "month":
        after = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    else:
        after = first + timedelta(days=7 if every == "week" else 1)
    return as_microseconds(after)


def _first_day(every: str, at: datetime) -> datetime:
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if every == "month":
        return day.replace(day=1)
    if every == "week":
        return day - timedelta(days=day.weekday())  # weeks start on Monday
    return day
