"""The journal of a SQLite store: live state in memory, a row for each transaction, a snapshot now and then.

Several processes may share the file.  Inside a transaction, which only one has at a time, each first applies what the
others have appended since; then all decide on the same state.  Rules:

1. `PRAGMA data_version` tells whether another connection has committed; if none has, nothing is read.
2. Every `SNAPSHOT` entries whoever writes also writes the changed states to the tables.  Entries stay a while behind
   the snapshot, so that a process that lags can catch up; one that lags more starts from the tables.
3. A state that is not in memory is read from the tables when it is first asked for.  While entries are applied that
   the snapshot contains already, the tables are ahead of them: such a state is then left where it is.
4. A row has the entries of one transaction, under the number of the last.  All of them are applied, or none.
5. After a rollback memory may be ahead of the file: everything is forgotten and read again.
"""

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from tidegate.model.errors import ConfigError, StoreDown
from tidegate.model.hold import Hold
from tidegate.policy.admission import States
from tidegate.policy.breaker import Circuit
from tidegate.policy.budgets import Tally
from tidegate.policy.journal import Counted, JournalEntry, Live
from tidegate.policy.limits import Window
from tidegate.policy.rules import Breaker

State = TypeVar("State")

SNAPSHOT = 32_768
"""Entries between two snapshots: what a start has to replay at most."""

TAIL = 16_384
"""Entries that stay behind a snapshot for the processes that lag."""

UNREADABLE = (
    "The store's journal was written by another version of tidegate, or is damaged: use that version, or move the file "
    "away and start with a new one."
)

MOST = 200_000
"""States kept in memory that have not changed since the snapshot; the tables have them."""

_SAVE_TALLY = """
INSERT INTO tallies VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET settled = excluded.settled, held = excluded.held"""
_SAVE_WINDOW = """
INSERT INTO windows VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET ends_at = excluded.ends_at, state = excluded.state"""
_SAVE_HOLD = "INSERT INTO holds VALUES (?, ?) ON CONFLICT (attempt_id) DO UPDATE SET hold = excluded.hold"
_SAVE_CIRCUIT = "INSERT INTO circuits VALUES (?, ?)"
_SAVE_COUNTED = "INSERT INTO counted (attempt_id, counted) VALUES (?, ?)"

encode = msgspec.msgpack.Encoder().encode
_decode_entries: msgspec.msgpack.Decoder[list[JournalEntry]] = msgspec.msgpack.Decoder(list[JournalEntry])
_decode_entry: msgspec.msgpack.Decoder[JournalEntry] = msgspec.msgpack.Decoder(JournalEntry)
_decode_window = msgspec.msgpack.Decoder(Window).decode
_decode_circuit = msgspec.msgpack.Decoder(Circuit).decode
_decode_counted = msgspec.msgpack.Decoder(Counted).decode
decode_hold = msgspec.msgpack.Decoder(Hold).decode


class SqliteJournal:
    """Listens to a file and keeps its live state."""

    def __init__(self, breaker: Breaker = Breaker()) -> None:  # noqa: B008 - frozen
        self._tallies = _Loaded(self._load_tally)
        self._windows = _Loaded(self._load_window)
        self.live = Live(States(self._tallies.__getitem__, self._windows.__getitem__), breaker)
        self._unsaved: set[str] = set()
        """Keys that changed since the snapshot."""
        self._pending: list[JournalEntry] = []
        """Entries of this transaction: they become one row."""
        self._seq = 0
        self._snapshot = 0
        self._epoch = -1
        self._version = -1
        self._behind = False
        """True while an entry is applied that the tables contain already."""
        self._was_read = False
        """True once the file has been understood: from then on it is the store that is broken, not the setting."""
        self._db: Any = None

    def append(self, entry: JournalEntry) -> bool:
        """Apply an entry; it is written with the transaction.  False when it touched no scope."""
        self._seq += 1
        self._pending.append(entry)
        touched = self.live.apply(entry)
        self._unsaved.update(touched)
        return bool(touched)

    def before_work(self, db: sqlite3.Connection) -> None:
        self._db = db
        version = db.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            try:
                self._catch_up(db)
            except msgspec.DecodeError:
                raise self._unreadable from None
            self._version = version
            self._was_read = True

    def before_commit(self, db: sqlite3.Connection) -> None:
        if self._pending:
            # A bytearray: sqlite3 looks for an adapter of bytes, which takes as long as the row.
            db.execute("INSERT INTO journal VALUES (?, ?)", (self._seq, bytearray(encode(self._pending))))
            self._pending.clear()
        if self._seq - self._snapshot >= SNAPSHOT:
            self.save(db)
        if len(self._tallies) + len(self._windows) > MOST:
            self._forget_saved()

    def after_rollback(self) -> None:
        self._forget()
        self._version = -1

    @property
    def _unreadable(self) -> ConfigError | StoreDown:
        return StoreDown(UNREADABLE) if self._was_read else ConfigError(UNREADABLE)

    def save(self, db: sqlite3.Connection) -> None:
        """Write the snapshot: from here on a start begins at the last entry."""
        tallies, windows = [], []
        for key in self._unsaved:
            if key in self._windows:
                window = self._windows[key]
                ends_at = (window.entries[-1][1] if window.entries else 0) + int(key.split("|", 3)[2])
                windows.append((key, ends_at, encode(window)))
            else:
                tally = self._tallies[key]
                tallies.append((key, tally.settled, tally.held))
        db.executemany(_SAVE_TALLY, sorted(tallies))
        db.executemany(_SAVE_WINDOW, sorted(windows))
        db.execute("DELETE FROM holds")
        db.executemany(_SAVE_HOLD, [(attempt_id, encode(hold)) for attempt_id, hold in self.live.holds.items()])
        db.execute("DELETE FROM circuits")
        db.executemany(_SAVE_CIRCUIT, [(name, encode(one)) for name, one in self.live.circuits.items()])
        self.save_counted(db)
        first = max(1, self._seq - TAIL)
        db.execute("DELETE FROM journal WHERE seq < ?", (first,))
        db.execute("UPDATE snapshot SET seq = ?, first = ?, clock = ?", (self._seq, first, self.live.last))
        self._snapshot = self._seq
        self._unsaved.clear()

    def save_counted(self, db: sqlite3.Connection) -> None:
        """Write what is counted for holds that were swept, in its order."""
        db.execute("DELETE FROM counted")
        db.executemany(_SAVE_COUNTED, [(attempt_id, encode(one)) for attempt_id, one in self.live.counted.items()])

    def _catch_up(self, db: sqlite3.Connection) -> None:
        seq, first, clock, epoch = db.execute("SELECT seq, first, clock, epoch FROM snapshot").fetchone()
        if epoch != self._epoch or self._seq + 1 < first:
            self._forget()
            self._epoch, self._seq, self._snapshot = epoch, seq, seq
            self.live.last = clock
            self.live.holds.update(
                (row[0], decode_hold(row[1])) for row in db.execute("SELECT attempt_id, hold FROM holds")
            )
            self.live.circuits.update(
                (row[0], _decode_circuit(row[1])) for row in db.execute("SELECT name, state FROM circuits")
            )
            self.live.counted.update(
                (row[0], _decode_counted(row[1]))
                for row in db.execute("SELECT attempt_id, counted FROM counted ORDER BY number")
            )
        elif self._seq == seq:
            self._saved_elsewhere(seq)
        for number, blob in db.execute("SELECT seq, entry FROM journal WHERE seq > ? ORDER BY seq", (self._seq,)):
            self._behind = number <= seq
            for entry in _entries(blob):
                self._unsaved.update(self.live.apply(entry))
            self._seq = number
            if number == seq:
                self._saved_elsewhere(seq)
        self._behind = False

    def _saved_elsewhere(self, seq: int) -> None:
        """Another process has written the snapshot right here: every state as it is now is in the tables."""
        self._unsaved.clear()
        self._snapshot = seq

    def _forget_saved(self) -> None:
        """Let go of what the tables have as it is: calls that are only refused load states and change none."""
        for states in (self._tallies, self._windows):
            for key in [key for key in states if key not in self._unsaved]:
                del states[key]

    def _forget(self) -> None:
        self._tallies.clear()
        self._windows.clear()
        self._unsaved.clear()
        self._pending.clear()
        self.live.holds.clear()
        self.live.circuits.clear()
        self.live.counted.clear()
        self._epoch = -1
        self._behind = False

    def _load_tally(self, key: str) -> Tally:
        if self._behind:
            return Tally()
        row = self._db.execute("SELECT settled, held FROM tallies WHERE key = ?", (key,)).fetchone()
        tally = self._tallies[key] = Tally(*row) if row else Tally()
        return tally

    def _load_window(self, key: str) -> Window:
        if self._behind:
            return Window()
        row = self._db.execute("SELECT state FROM windows WHERE key = ?", (key,)).fetchone()
        try:
            window = self._windows[key] = _decode_window(row[0]) if row else Window()
        except msgspec.DecodeError:
            raise self._unreadable from None
        return window


def _entries(blob: bytes) -> list[JournalEntry]:
    """The entries of a row: those of one transaction, or a single one as earlier versions wrote it."""
    try:
        return _decode_entries.decode(blob)
    except msgspec.ValidationError:
        return [_decode_entry.decode(blob)]


class _Loaded(dict[str, State]):
    """The states in memory; whatever is asked for and missing is loaded (rule 3)."""

    def __init__(self, load: Callable[[str], State]) -> None:
        super().__init__()
        self._load = load

    def __missing__(self, key: str) -> State:
        return self._load(key)
