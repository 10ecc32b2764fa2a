"""The clock and the luck of a scenario: time passes only by what is waited for, and the waits are written down.

This file knows where the doors get their clock and their random numbers from; nothing else here does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

import tidegate.assemble
from tidegate.doors.guard import engine

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
"""When every scenario begins."""


class StandingClock:
    """The Clock of any door: it never suspends, so threads can have it, too."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        """Seconds of every wait, oldest first."""
        self._passed = 0.0

    def pass_by(self, seconds: float) -> None:
        """Time in which nothing happens."""
        self._passed += seconds

    def now(self) -> int:
        """Microseconds since 1970 UTC."""
        return round((START.timestamp() + self._passed + sum(self.waits)) * 1_000_000)

    def ticks(self) -> float:
        """Monotonic seconds."""
        return 1_000.0 + self._passed + sum(self.waits)

    async def sleep(self, seconds: float) -> None:
        """Wait, which takes no time."""
        self.waits.append(seconds)


class Luck:
    """What the module `random` is to the assembly: always the same number from 0 to 1."""

    def __init__(self, number: float) -> None:
        self._number = number

    def random(self) -> float:
        return self._number


@contextmanager
def standing(luck: float) -> Iterator[StandingClock]:
    """Whatever is assembled inside the block gets this clock and this luck."""
    clock = StandingClock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tidegate.assemble, "random", Luck(luck))
        patch.setattr(tidegate.assemble, "AsyncClock", lambda: clock)
        patch.setattr(engine, "BlockingClock", lambda: clock)
        patch.setattr(engine, "Clock", lambda: clock)
        yield clock


def http_date(seconds: float) -> str:
    """The HTTP date that lies so many seconds behind the beginning."""
    return format_datetime(START + timedelta(seconds=seconds), usegmt=True)
