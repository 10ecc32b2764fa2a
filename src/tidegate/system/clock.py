"""Time, for an event loop and for threads."""

import asyncio
import time


class AsyncClock:
    """The Clock of an event loop."""

    def now(self) -> int:
        """Wall time, microseconds since 1970 UTC; may jump."""
        return time.time_ns() // 1000

    ticks = staticmethod(time.monotonic)
    """Monotonic seconds: the function itself, for it is asked six times a call."""

    async def sleep(self, seconds: float) -> None:
        """Wait without blocking the loop."""
        await asyncio.sleep(seconds)


class BlockingClock(AsyncClock):
    """The Clock of a thread."""

    async def sleep(self, seconds: float) -> None:
        """Wait; never suspends."""
        time.sleep(seconds)  # noqa: ASYNC251 - a port of the blocking door
