"""Periods of budgets, against the calendar of the standard library."""

import calendar
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tidegate.model.times import SECOND, as_datetime, as_microseconds, parse_rfc3339, rfc3339
from tidegate.policy.budgets import Tally, period_end, period_start

DAY = 24 * 3600 * SECOND
PERIODS = ["day", "week", "month"]

times = st.integers(0, as_microseconds(datetime(2199, 12, 31, tzinfo=UTC)))
every = st.sampled_from(PERIODS)


def at(text: str) -> int:
    return parse_rfc3339(text)


def by_the_calendar(every: str, day: date) -> tuple[date, date]:
    """First day of the period, and of the next one."""
    if every == "day":
        return day, day + timedelta(days=1)
    if every == "week":
        monday = date.fromisocalendar(day.isocalendar().year, day.isocalendar().week, 1)
        return monday, monday + timedelta(weeks=1)
    first = date(day.year, day.month, 1)
    return first, first + timedelta(days=calendar.monthrange(day.year, day.month)[1])


@settings(deadline=None)
@given(every, times)
@example("month", at("2024-02-29T23:59:59.999999Z"))
@example("month", at("2100-02-28T23:59:59.999999Z"))
@example("week", at("2026-12-31T00:00:00Z"))
@example("day", 0)
def test_periods_are_those_of_the_calendar(every: str, now: int) -> None:
    first, after = by_the_calendar(every, as_datetime(now).date())
    assert period_start(every, now) == first.isoformat()
    assert period_end(every, now) == at(f"{after}T00:00:00Z")


@settings(deadline=None)
@given(every, times)
def test_a_period_ends_later_than_now_and_the_next_begins_there(every: str, now: int) -> None:
    end = period_end(every, now)
    assert end is not None
    assert now < end
    assert end % DAY == 0
    assert period_start(every, end - 1) == period_start(every, now)
    assert period_start(every, end) > period_start(every, now)
    assert period_start(every, end) == rfc3339(end)[:10]


@settings(deadline=None)
@given(every, times)
def test_a_period_may_be_found_again_by_its_name(every: str, now: int) -> None:
    """What the pruning of old tallies relies on."""
    assert period_end(every, at(period_start(every, now))) == period_end(every, now)


@pytest.mark.parametrize(
    ("every", "now", "start", "end"),
    [
        ("day", "2026-11-22T00:00:00Z", "2026-11-22", "2026-11-23T00:00:00Z"),
        ("day", "2026-11-22T23:59:59.999999Z", "2026-11-22", "2026-11-23T00:00:00Z"),
        ("week", "2026-11-22T23:59:59.999999Z", "2026-11-16", "2026-11-23T00:00:00Z"),
        ("week", "2026-11-23T00:00:00Z", "2026-11-23", "2026-11-30T00:00:00Z"),
        ("week", "2027-01-01T12:00:00Z", "2026-12-28", "2027-01-04T00:00:00Z"),
        ("month", "2024-02-29T12:00:00Z", "2024-02-01", "2024-03-01T00:00:00Z"),
        ("month", "2023-02-28T12:00:00Z", "2023-02-01", "2023-03-01T00:00:00Z"),
        ("month", "2026-12-31T23:59:59.999999Z", "2026-12-01", "2027-01-01T00:00:00Z"),
        ("month", "2026-01-31T12:00:00+14:00", "2026-01-01", "2026-02-01T00:00:00Z"),
        ("month", "2026-02-01T12:00:00+14:00", "2026-01-01", "2026-02-01T00:00:00Z"),
    ],
)
def test_edges(every: str, now: str, start: str, end: str) -> None:
    assert period_start(every, at(now)) == start
    assert period_end(every, at(now)) == at(end)


@given(times)
def test_total_never_ends(now: int) -> None:
    assert period_start("total", now) == "total"
    assert period_end("total", now) is None


def test_a_tally_begins_empty() -> None:
    assert Tally() == Tally(settled=0, held=0)
