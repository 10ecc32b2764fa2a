"""Where the same suite runs: every store over every kind of file, driven as its door would drive it."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeVar, cast

import pytest
import uvloop

from tidegate.core.ports import Ledger, Store
from tidegate.core.run_now import run_now
from tidegate.databases.sqlite import AsyncFile, BlockingFile
from tidegate.ledgers.sqlite import SqliteLedger
from tidegate.policy.journal import Live
from tidegate.policy.rules import Budget, Limit, Rules
from tidegate.policy.scopes import Scopes
from tidegate.stores import sqlite_journal
from tidegate.stores.memory import MemoryStore
from tidegate.stores.sqlite import SqliteStore
from unit.policy.holds import CENT, picture

MINUTE = 60_000_000
RULES = Rules(
    budgets=(
        Budget(per=("organization",), amount=100 * CENT, every="month"),
        Budget(per=("user",), amount=50 * CENT, every="day"),
        Budget(per=("app",), amount=1000 * CENT, every="total"),
    ),
    limits=(
        Limit(per=("user",), counts="requests", amount=20, window=MINUTE),
        Limit(per=("user",), counts="tokens", amount=10_000, window=MINUTE),
        Limit(per=("user",), counts="concurrent", amount=10),
    ),
)

T = TypeVar("T")
AnyFile = AsyncFile | BlockingFile


class StandingClock:
    """A clock that stands still, for those who never wait."""

    def __init__(self, now: int) -> None:
        self._now = now

    def now(self) -> int:
        return self._now

    def ticks(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


class Run(Protocol):
    """Drives a coroutine to its end."""

    def __call__(self, coro: Coroutine[Any, Any, T], /) -> T: ...


class Place:
    """A store with its ledger, on files of its own."""

    def __init__(self, run: Run, make: Callable[[Path], AnyFile], folder: Path, rules: Rules, *, two: bool) -> None:
        self.name = ""
        self.run = run
        self.rules = rules
        self.store_path = folder / "store.db"
        self.ledger_path = folder / "ledger.db" if two else self.store_path
        self._make = make
        self._files: list[AnyFile] = []
        self.store: Store = self.open()

    def open(self) -> Store:
        """One more store over the same files, as another process opens it."""
        ledger_file = self.file(self.ledger_path)
        ledger = SqliteLedger(ledger_file)
        if self.store_path == self.ledger_path:
            return SqliteStore(ledger_file, Scopes(self.rules), ledger, ledger.within)
        return SqliteStore(self.file(self.store_path), Scopes(self.rules), ledger)

    def file(self, path: Path) -> AnyFile:
        file = self._make(path)
        self._files.append(file)
        return file

    def reopen(self) -> None:
        """The process ends and another one begins."""
        self.close()
        self.store = self.open()

    def close(self) -> None:
        while self._files:
            self._files.pop().close()

    # -- looking at it

    def ledger(self) -> dict[str, tuple[int, int]]:
        """By attempt: cost with corrections, and how many corrections there are."""
        query = """
        SELECT attempt_id, total_cost, (SELECT COUNT(*) FROM adjustments WHERE adjusts = attempt_id) FROM costs"""
        return {row[0]: (row[1], row[2]) for row in self.rows(query)}

    def rows(self, query: str) -> list[Any]:
        """What stands in the ledger's file."""
        with closing(sqlite3.connect(self.ledger_path)) as db:
            return db.execute(query).fetchall()

    def store_rows(self, query: str) -> list[Any]:
        """What stands in the store's file."""
        with closing(sqlite3.connect(self.store_path)) as db:
            return db.execute(query).fetchall()

    def state(self) -> object:
        """The state as the store in use believes it to be."""
        return self.run(_believed(self.store))

    def fresh_state(self) -> object:
        """The state as a process that starts now reads it."""
        with closing(BlockingFile(self.store_path)) as file:
            return run_now(_believed(SqliteStore(file, Scopes(self.rules), cast("Ledger", None))))

    def money(self) -> tuple[int, int]:
        """Settled and held, over all budgets."""
        tallies = [tally for key, tally in self.tallies().items() if key[0] == "b"]
        return sum(settled for settled, _ in tallies), sum(held for _, held in tallies)

    def tallies(self) -> dict[str, tuple[int, int]]:
        state: Any = self.state()
        return dict(state[0])

    def open_holds(self) -> set[str]:
        state: Any = self.state()
        return set(state[2])


class MemoryPlace(Place):
    """Nothing of it survives but the ledger."""

    def open(self) -> Store:
        return MemoryStore(Scopes(self.rules), SqliteLedger(self.file(self.ledger_path)))

    def reopen(self) -> None:
        """There is no other process that could see it."""

    def fresh_state(self) -> object:
        return self.state()


class TwinPlace(Place):
    """Two stores on one file, used in turns: no method may rely on what its own process remembers."""

    def open(self) -> Store:
        return _Turns(super().open(), super().open())


class _Turns:
    """The store of whoever's turn it is."""

    def __init__(self, *stores: Store) -> None:
        self._stores = list(stores)

    def __getattr__(self, name: str) -> Any:
        self._stores.append(self._stores.pop(0))
        return getattr(self._stores[0], name)


def beheld(seen: Any, live: Live) -> object:
    """What was seen of a store, and what it counts for holds that were swept, in its order."""
    return (*seen, list(live.counted.items()))


async def _believed(store: Store) -> object:
    """All states of a store that anything was ever put into, whatever part of them is in memory."""
    if isinstance(store, _Turns):
        store = store._stores[0]
    if isinstance(store, MemoryStore):
        states: Any = store.live.states
        return beheld(picture(states.tally.__self__.items(), states.window.__self__.items(), store.live), store.live)
    assert isinstance(store, SqliteStore)
    journal = store._journal

    def work(db: sqlite3.Connection) -> object:
        tallies = {row[0] for row in db.execute("SELECT key FROM tallies")} | {*journal._tallies}
        windows = {row[0] for row in db.execute("SELECT key FROM windows")} | {*journal._windows}
        states = journal.live.states
        live = journal.live
        seen = picture(
            [(key, states.tally(key)) for key in tallies], [(key, states.window(key)) for key in windows], live
        )
        return beheld(seen, live)

    return await store._file.run(work)


@contextmanager
def shelf_folder() -> Iterator[Path]:
    """An empty folder, in memory where there is such a file system."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="tidegate-", dir=memory if os.access(memory, os.W_OK) else None) as path:
        yield Path(path)


@contextmanager
def frequent_snapshots(every: int = 3, tail: int = 4, most: int = 5) -> Iterator[None]:
    """Snapshots after every few entries instead of thousands, and at `most` a few states in memory after one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite_journal, "MOST", most)
        patch.setattr(sqlite_journal, "SNAPSHOT", every)
        patch.setattr(sqlite_journal, "TAIL", tail)
        yield


@contextmanager
def place(name: str, folder: Path, rules: Rules) -> Iterator[Place]:
    """The place of that name, with its files in the folder."""
    kind, _, rest = name.partition("-")
    with ExitStack() as stack:
        make: Callable[[Path], AnyFile] = AsyncFile
        if "blocking" in rest:
            run, make = run_now, BlockingFile
        else:
            loop = uvloop.new_event_loop if "uvloop" in rest else asyncio.new_event_loop
            run = stack.enter_context(asyncio.Runner(loop_factory=loop)).run
        sort = {"memory": MemoryPlace, "twins": TwinPlace}.get(kind, Place)
        here = sort(run, make, folder, rules, two="two" in rest)
        here.name = name
        stack.callback(here.close)
        yield here


MEMORY = ["memory-async", "memory-blocking"]
FILES = ["sqlite-async", "sqlite-uvloop", "sqlite-blocking", "sqlite-async-two", "sqlite-blocking-two"]
TWINS = ["twins-async", "twins-blocking", "twins-uvloop-two"]
PLACES = MEMORY + FILES + TWINS
