"""A sliding window: at most so much in any span of the window's length.

Rules: an entry counts from its time until time + window, exactly.  To bound memory, once a window holds
`EXACT` entries, those that come within a 64th of the window after another are merged into the *later* one: an entry
may then count a little longer than it must, never shorter, so no schedule is ever granted more than the limit.
"""

from bisect import bisect_right
from operator import itemgetter

from msgspec import Struct

EXACT = 64
"""Entries up to which the window is exact; also the number of slots beyond it."""


_first = itemgetter(0)


class Window(Struct, gc=False):
    """What was granted lately, oldest first: first and last time (microseconds) of an entry, and its amount."""

    entries: list[tuple[int, int, int]] = []
    total: int = 0

    def prune(self, now: int, length: int) -> None:
        """Forget what no longer counts at `now`."""
        entries = self.entries
        gone = 0
        for _, last, amount in entries:
            if last + length > now:
                break
            self.total -= amount
            gone += 1
        if gone:
            del entries[:gone]

    def wait(self, amount: int, limit: int, now: int, length: int) -> int | None:
        """0 when `amount` fits now, else microseconds until it can; None when it never can.

        Asking changes nothing: `now` may be wrong, and only what is granted makes it the store's time.
        """
        excess = self.total + amount - limit
        if excess <= 0:
            return 0
        for _, last, held in self.entries:
            excess -= held
            if excess <= 0:
                return max(0, last + length - now)
        return None

    def add(self, amount: int, now: int, length: int) -> None:
        """Count `amount` from `now` on; times never repeat and never go back."""
        entries = self.entries
        if entries and entries[0][1] + length <= now:
            self.prune(now, length)  # so that the same grants make the same window, whoever has looked in between
        self.total += amount
        if len(entries) >= EXACT:
            first, _, held = entries[-1]
            if (now - first) * EXACT < length:
                entries[-1] = (first, now, held + amount)
                return
        entries.append((now, now, amount))

    def amend(self, time: int, delta: int) -> None:
        """Correct by `delta` what was counted at `time`; nothing when that no longer counts."""
        entries = self.entries
        index = len(entries) - 1
        if index >= 0 and entries[index][0] > time:  # what is amended is mostly the youngest
            index = bisect_right(entries, time, key=_first) - 1
        if index < 0:
            return
        first, last, held = entries[index]
        if time <= last:
            if delta < -held:  # noqa: PLR1730 - max() takes three times as long
                delta = -held
            entries[index] = (first, last, held + delta)
            self.total += delta
