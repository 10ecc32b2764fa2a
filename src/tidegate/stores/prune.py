"""Forgetting what no longer matters, a few rows at a time: windows that have passed, tallies of past periods."""

import sqlite3

from tidegate.model.times import SECOND, parse_rfc3339
from tidegate.policy.budgets import period_end

STEP = 500
"""Rows looked at in one step, so that a step never delays a call."""

_GRACE = 2 * 24 * 3600 * SECOND
"""Tallies of a period stay this long after its end, for late settlements; the ledger has them for ever."""


class Pruner:
    """A cursor over the tables of the snapshot; each step goes on where the last one ended."""

    def __init__(self) -> None:
        self._window = ""
        self._tally = ""

    def step(self, db: sqlite3.Connection, now: int) -> None:
        """Look at the next rows of both tables; `now` is store time, microseconds since 1970 UTC."""
        rows = db.execute(
            "SELECT key, ends_at FROM windows WHERE key > ? ORDER BY key LIMIT ?", (self._window, STEP)
        ).fetchall()
        self._window = rows[-1][0] if len(rows) == STEP else ""
        db.executemany("DELETE FROM windows WHERE key = ?", [(key,) for key, ends_at in rows if ends_at <= now])
        rows = db.execute(
            "SELECT key, settled, held FROM tallies WHERE key > ? ORDER BY key LIMIT ?", (self._tally, STEP)
        ).fetchall()
        self._tally = rows[-1][0] if len(rows) == STEP else ""
        gone = [(key,) for key, settled, held in rows if not held and past(key, settled, now)]
        db.executemany("DELETE FROM tallies WHERE key = ?", gone)


def past(key: str, settled: int, now: int) -> bool:
    """True for the key of a tally that holds nothing and will never be asked again."""
    if key[0] == "c":
        return True  # nothing is open, and an absent tally is an empty one
    every, start = key.split("|", 3)[2], key.rsplit("|", 1)[1]
    if start == "total":
        return not settled
    end = period_end(every, parse_rfc3339(start))
    return end is not None and end + _GRACE <= now
