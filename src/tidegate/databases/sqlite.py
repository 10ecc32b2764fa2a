"""One SQLite file, shared by the store and the ledger: transactions, group commit, migrations.

Rules:
1. A piece of work is a function of the connection.  It runs inside BEGIN IMMEDIATE, so processes of one machine
   that share the file take turns; its result is handed out after COMMIT only.
2. The async file gathers all work of one turn of the event loop into one transaction, and of the turns after it as
   long as each brings more (group commit): a transaction costs nearly the same for one piece as for a hundred.
3. When the batch fails as a whole, each piece runs again in a transaction of its own: a bad one fails alone.
4. `synchronous`: NORMAL survives the death of the process, FULL the loss of power.
"""

import asyncio
import contextlib
import sqlite3
import threading
import time
from asyncio import get_running_loop
from collections.abc import Awaitable, Callable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tidegate.model.errors import ConfigError, StoreDown

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

PATIENCE = 5.0
"""Seconds to wait for another process's transaction before the file counts as locked."""


_WAL_PAGES = 16_000
"""Length of the write-ahead log, in pages of 4 KB, at which a commit moves it into the file itself."""


_TURNS = 8
"""Most turns of the event loop after the first that a transaction waits for more work."""


class Listener(Protocol):
    """Someone who keeps unwritten state beside the file."""

    def before_commit(self, db: sqlite3.Connection) -> None:
        """Write what is pending."""

    def after_rollback(self) -> None:
        """Forget what was pending: it never happened."""

    def before_work(self, db: sqlite3.Connection) -> None:
        """A transaction has begun; another process may have written since the last one."""


class File(Protocol):
    """What a back end needs: run work in a transaction, or read without one."""

    path: Path

    def listen(self, listener: Listener) -> None:
        """Add a listener."""

    def migrate(self, name: str, package: str) -> None:
        """Run the SQL scripts of a package that this file has not seen."""

    def run(self, work: Work[T]) -> Awaitable[T]:
        """The result of `work`, after it was committed; raises StoreDown.  Queued at once: cancelling does not undo."""

    def read(self, work: Work[T]) -> T:
        """The result of `work` on committed data, at once and outside any batch; raises StoreDown."""


class _Transactions:
    """The connection and the order of one transaction; the two kinds of file differ in when they call it."""

    def __init__(self, path: Path, *, durability: str = "process") -> None:
        self.path = path
        self._synchronous = "FULL" if durability == "power" else "NORMAL"
        self._listeners: list[Listener] = []
        self._db = self._open()

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def read(self, work: Work[T]) -> T:
        try:
            return work(self._db)
        except sqlite3.Error as error:
            raise StoreDown(explain(self.path, error)) from None

    def migrate(self, name: str, package: str) -> None:
        try:
            self._db.execute("PRAGMA busy_timeout = 5000")
            self._in_transaction([lambda db: _migrate(db, name, package)])
            self._db.execute("PRAGMA busy_timeout = 0")
        except sqlite3.Error as error:
            raise ConfigError(explain(self.path, error)) from None

    def _open(self) -> sqlite3.Connection:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return self._connect()
            except sqlite3.Error as error:
                if not is_busy(error) or time.monotonic() > until:
                    raise ConfigError(explain(self.path, error)) from None
            time.sleep(0.002)  # when two open a new file at once, the switch to WAL fails without waiting

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=0, cached_statements=256)
        try:
            db.execute("PRAGMA busy_timeout = 5000")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(f"PRAGMA synchronous = {self._synchronous}")
            db.execute("PRAGMA temp_store = MEMORY")
            db.execute("PRAGMA busy_timeout = 0")
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _begin(self) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:
            if self._db.in_transaction:  # an earlier rollback has failed
                self._rollback()
            raise  # nothing has begun: the listeners keep what they know

    def _commit(self) -> None:
        for listener in self._listeners:
            listener.before_commit(self._db)
        self._db.execute("COMMIT")

    def _rollback(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # SQLite rolls back by itself on some errors
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        for listener in self._listeners:
            listener.after_rollback()

    def _in_transaction(self, work: Sequence[Work[Any]]) -> list[Any]:
        """The results of all work, committed; after an error nothing of it has happened."""
        self._begin()
        try:
            for listener in self._listeners:
                listener.before_work(self._db)
            db = self._db
            results = [one(db) for one in work]
            self._commit()
        except BaseException:
            self._rollback()
            raise
        return results


class BlockingFile(_Transactions):
    """A file for threads: one transaction at a time, each a lock's length.

    A connection must not live through a fork, not even unused: SQLite keeps what it knows of locks by process.  Who
    forks calls `pause` before and `resume` after it in the parent; the child opens a file of its own.
    """

    def __init__(self, path: Path, *, durability: str = "process") -> None:
        super().__init__(path, durability=durability)
        self._lock = threading.RLock()  # work may read
        self._paused = False

    async def run(self, work: Work[T]) -> T:
        return self.run_blocking(work)

    def run_blocking(self, work: Work[T]) -> T:
        """As `run`, for callers without a coroutine."""
        until = time.monotonic() + PATIENCE
        with self._lock:
            if self._paused:
                self._reopen()
            while True:
                try:
                    result: T = self._in_transaction([work])[0]
                except sqlite3.Error as error:
                    if not is_busy(error) or time.monotonic() > until:
                        raise StoreDown(explain(self.path, error)) from None
                else:
                    return result
                time.sleep(0.002)

    def read(self, work: Work[T]) -> T:
        with self._lock:  # another thread's transaction is on the same connection
            if self._paused:
                self._reopen()
            return super().read(work)

    def pause(self) -> bool:
        """Close the connection and let nobody in; False when a transaction does not end, and nothing was done."""
        if not self._lock.acquire(timeout=2 * PATIENCE):
            return False
        self._paused = True
        self._db.close()
        return True

    def resume(self) -> None:
        """Let them in again, after a `pause` that was True; the next one opens the connection."""
        self._lock.release()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._db.close()

    def _reopen(self) -> None:
        if not self._paused:
            return
        try:
            self._db = self._open()
        except ConfigError as error:
            raise StoreDown(str(error)) from None
        self._paused = False
        for listener in self._listeners:
            listener.after_rollback()  # what it knows belongs to the old connection


class ReadOnlyFile:
    """A connection of its own that only reads, for reports on another thread."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, work: Work[T]) -> T:
        """The result of `work` on committed data; raises StoreDown."""
        try:
            with contextlib.closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, timeout=5)) as db:
                return work(db)
        except sqlite3.Error as error:
            raise StoreDown(explain(self.path, error)) from None


class AsyncFile(_Transactions):
    """A file for one event loop: the work of a turn, or of a few busy ones, is one transaction."""

    def __init__(self, path: Path, *, durability: str = "process") -> None:
        super().__init__(path, durability=durability)
        self._waiting: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._since: float | None = None
        self._db.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        self._stop = threading.Event()
        self._checkpoints = threading.Thread(target=self._checkpoint, name="sqlite-checkpoint", daemon=True)
        self._checkpoints.start()

    def run(self, work: Work[T]) -> Awaitable[T]:
        loop = get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        waiting = self._waiting
        if not waiting or loop is not self._loop:  # a loop that has ended flushes no more
            self._loop = loop
            loop.call_soon(self._gather, 1, _TURNS)
        waiting.append((work, future))
        return future

    def close(self) -> None:
        """Write what waits, then close the connection."""
        while not self._all_done():
            time.sleep(0.002)
        self._stop.set()
        self._checkpoints.join()
        self._db.close()

    def _checkpoint(self) -> None:
        """Move what the log has gathered into the file, on a thread of its own: the loop must not wait for a disk."""
        while not self._stop.wait(1.0):
            with (
                contextlib.suppress(sqlite3.Error),  # the next commits grow the log until SQLite does it itself
                contextlib.closing(sqlite3.connect(self.path, isolation_level=None, timeout=0)) as db,
            ):
                db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _gather(self, seen: int, turns: int) -> None:
        waiting = len(self._waiting)
        if waiting > seen and turns:
            asyncio.get_running_loop().call_soon(self._gather, waiting, turns - 1)
        else:
            self._flush()

    def _flush(self) -> None:
        if not self._all_done():
            asyncio.get_running_loop().call_later(0.001, self._flush)

    def _all_done(self) -> bool:
        """Do all work that waits, as one; False when the file is locked and there is patience left."""
        batch = self._waiting
        if not batch:
            return True
        try:
            works, futures = zip(*batch, strict=True)
            results = self._in_transaction(works)
        except sqlite3.Error as error:
            if is_busy(error) and not self._out_of_patience():
                return False
            return self._one_by_one()
        except Exception:  # noqa: BLE001 - a bug in one piece of work must not touch the others
            return self._one_by_one()
        self._since, self._waiting = None, []
        for future, result in zip(futures, results, strict=True):
            if not (future.done() or future.get_loop().is_closed()):  # as _is_awaited; a frame for each counts here
                future.set_result(result)
        return True

    def _out_of_patience(self) -> bool:
        now = time.monotonic()
        self._since = self._since or now
        return now - self._since > PATIENCE

    def _one_by_one(self) -> bool:
        """Do what waits, each piece in a transaction of its own; as `_all_done`."""
        while self._waiting:
            work, future = self._waiting[0]
            try:
                result = self._in_transaction([work])[0]
            except sqlite3.Error as error:
                if is_busy(error) and not self._out_of_patience():
                    return False
                _fail(future, StoreDown(explain(self.path, error)))
            except Exception as error:  # noqa: BLE001 - it belongs to the one who asked
                _fail(future, error)
            else:
                if _is_awaited(future):
                    future.set_result(result)
            del self._waiting[0]
        self._since = None
        return True


def _is_awaited(future: asyncio.Future[Any]) -> bool:
    return not (future.done() or future.get_loop().is_closed())


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if _is_awaited(future):
        future.set_exception(error)
        future.exception()  # seen: an abandoned waiter must not become a warning at exit


def is_busy(error: sqlite3.Error) -> bool:
    """True when another connection holds the file just now."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


NEWER = "{path} was made by a newer version of tidegate: use that version, or a copy from before it."

_REMEDIES = {
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: does its folder exist, and may this user write there?",
    sqlite3.SQLITE_READONLY: "is read-only: give this user the right to write it and its folder",
    sqlite3.SQLITE_PERM: "may not be used by this user: check its permissions",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full; free some space",
    sqlite3.SQLITE_CORRUPT: "is damaged: move it away and restore a backup, or start with a new file",
    sqlite3.SQLITE_NOTADB: "is not a SQLite database: move it away or name another file",
    sqlite3.SQLITE_BUSY: "is locked by another program; stop that one or wait",
    sqlite3.SQLITE_LOCKED: "is locked by another program; stop that one or wait",
    sqlite3.SQLITE_IOERR: "cannot be read or written: is the disk full or failing?",
}


def explain(path: Path, error: sqlite3.Error) -> str:
    """One line: which file, what is wrong, what to do."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _REMEDIES:
        return f"{path} {_REMEDIES[code]}"
    return f"{path} cannot be used by SQLite: {error}"


def _migrate(db: sqlite3.Connection, name: str, package: str) -> None:
    db.execute(
        "CREATE TABLE IF NOT EXISTS migrations (part TEXT, script TEXT, PRIMARY KEY (part, script)) WITHOUT ROWID"
    )
    seen = {row[0] for row in db.execute("SELECT script FROM migrations WHERE part = ?", (name,))}
    scripts = {entry.name: entry for entry in (resources.files(package) / "sql").iterdir()}
    if seen and _number(max(seen)) > _number(max(scripts)):
        raise ConfigError(NEWER.format(path=_path_of(db)))
    for script in sorted(scripts.keys() - seen):
        for statement in _statements(scripts[script].read_text(encoding="utf-8")):
            db.execute(statement)
        db.execute("INSERT INTO migrations VALUES (?, ?)", (name, script))


def _number(script: str) -> str:
    """What a script's name begins with, as `0003`; the rest of the name may have been changed."""
    return script[:4]


def _path_of(db: sqlite3.Connection) -> str:
    return str(db.execute("PRAGMA database_list").fetchone()[2])


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
