"""The states of a SQLite store inside one transaction: read through a cache, written back once at its end.

The cache holds as long as no other connection writes: `PRAGMA data_version` tells.
"""

import sqlite3
from typing import Any

import msgspec

from tidegate.policy.admission import States
from tidegate.policy.budgets import Tally
from tidegate.policy.limits import Window

_MOST = 100_000
"""States kept in memory; the file has them all."""

_SAVE_TALLY = """
INSERT INTO tallies VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET settled = excluded.settled, held = excluded.held"""
_SAVE_WINDOW = """
INSERT INTO windows VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET ends_at = excluded.ends_at, state = excluded.state"""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Window).decode


class SqliteStates:
    """Listens to a file: loads on demand, writes what changed before each commit, forgets after a rollback."""

    def __init__(self) -> None:
        self.states = States(self._tally, self._window, self._mark)
        self.last = 0
        """The store's time: the greatest ever given out."""
        self._tallies: dict[str, Tally] = {}
        self._windows: dict[str, Window] = {}
        self._changed: set[str] = set()
        self._saved_last = -1
        self._version = -1
        self._db: Any = None

    def tick(self, now: int) -> int:
        """The store's time for one admission: never repeats, never goes back."""
        self.last = max(now, self.last + 1)
        return self.last

    def before_work(self, db: sqlite3.Connection) -> None:
        self._db = db
        version = db.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version or self._saved_last < 0:
            self._forget()
            self._version = version
            self.last = self._saved_last = db.execute("SELECT last FROM clock").fetchone()[0]

    def before_commit(self, db: sqlite3.Connection) -> None:
        if self._changed:
            self._write(db)
        if self.last != self._saved_last:
            db.execute("UPDATE clock SET last = ?", (self.last,))
            self._saved_last = self.last
        if len(self._tallies) + len(self._windows) > _MOST:
            self._forget()

    def after_rollback(self) -> None:
        self._forget()
        self._saved_last = -1

    def _forget(self) -> None:
        self._tallies.clear()
        self._windows.clear()
        self._changed.clear()

    def _mark(self, key: str) -> None:
        self._changed.add(key)

    def _write(self, db: sqlite3.Connection) -> None:
        windows = []
        for key in self._changed:
            if key[0] in "bc":
                tally = self._tallies[key]
                if tally.settled or tally.held:
                    db.execute(_SAVE_TALLY, (key, tally.settled, tally.held))
                else:
                    db.execute("DELETE FROM tallies WHERE key = ?", (key,))
            else:
                window = self._windows[key]
                ends_at = (window.entries[-1][1] if window.entries else 0) + int(key.split("|", 3)[2])
                windows.append((key, ends_at, _encode(window)))
        db.executemany(_SAVE_WINDOW, windows)
        self._changed.clear()

    def _tally(self, key: str) -> Tally:
        tally = self._tallies.get(key)
        if tally is None:
            row = self._db.execute("SELECT settled, held FROM tallies WHERE key = ?", (key,)).fetchone()
            tally = self._tallies[key] = Tally(*row) if row else Tally()
        return tally

    def _window(self, key: str) -> Window:
        window = self._windows.get(key)
        if window is None:
            row = self._db.execute("SELECT state FROM windows WHERE key = ?", (key,)).fetchone()
            window = self._windows[key] = _decode(row[0]) if row else Window()
        return window
