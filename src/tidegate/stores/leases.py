"""Whose lease has ended.

Leases are told by the clock, for budgets alone live in store time.  A clock may be put right, so:

1. A lease that was made in the past, as far as the clock knows, ends when the clock says so.
2. One that was made in the future was made before the clock was set back.  When that was nobody can tell, so it ends
   once it was seen unchanged for its own length.
3. Owners renew early, and anew whenever a lease does not fit their clock (`core/books.py`).
"""

from collections.abc import Mapping

from tidegate.model.hold import Hold
from tidegate.model.times import SECOND

AHEAD = 2 * SECOND
"""A lease that was made so far in the future is from before the clock was set back."""


class Leases:
    """What one process has seen of leases from the future."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}
        """By attempt id: the end of a lease, and since when it is known."""

    def ended(self, holds: Mapping[str, Hold], now: int) -> list[Hold]:
        """Those of the open holds whose lease has ended; `now` by the clock, microseconds since 1970 UTC."""
        ended: list[Hold] = []
        seen: dict[str, tuple[int, int]] = {}
        for attempt_id, hold in holds.items():
            until, lease = hold.lease_until, hold.ask.lease
            if until <= now:
                ended.append(hold)
            elif until - lease > now + AHEAD:
                known = self._seen.get(attempt_id)
                since = known[1] if known is not None and known[0] == until and known[1] <= now else now
                if now - since >= lease:
                    ended.append(hold)
                seen[attempt_id] = (until, since)
        self._seen = seen
        return ended
