"""The n-th thing that a store does fails, for every n: nothing is half done, and the books come right in the end."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from contract.places import RULES, Place, frequent_snapshots, place, shelf_folder
from tidegate.core.books import Books
from tidegate.model.errors import StoreDown
from tidegate.model.hold import Charge, Hold
from tidegate.model.times import SECOND
from unit.policy.holds import CENT, LEASE, ask, bill

START = 1_800_000_000 * SECOND
KEYS = 3
NAMES = frozenset({"settled", "released", "dead", "frozen", "open", "one", "two"})
PLACES = ["sqlite-async", "sqlite-blocking", "sqlite-uvloop-two", "sqlite-blocking-two"]

Fault = Callable[[str], "Exception | None"]
"""Told of a statement before it runs; what it returns is raised."""


def fault(code: int, text: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


class Faulty:
    """A connection whose statements fail when the plan says so."""

    def __init__(self, db: sqlite3.Connection, before: Fault, after: Fault) -> None:
        self._db = db
        self._before = before
        self._after = after

    def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
        return self._run(statement, lambda: self._db.execute(statement, *arguments))

    def executemany(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
        return self._run(statement, lambda: self._db.executemany(statement, *arguments))

    def _run(self, statement: str, run: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
        if error := self._before(statement):
            raise error
        cursor = run()
        if error := self._after(statement):
            raise error
        return cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


class Clock:
    def __init__(self) -> None:
        self.time = START

    def now(self) -> int:
        return self.time

    def ticks(self) -> float:
        return self.time / SECOND

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


class Life:
    """A short life of a process: holds that are settled, released, left open, and one that a dead process left."""

    def __init__(self, here: Place) -> None:
        self.here = here
        self.clock = Clock()
        self.books = Books(here.store, self.clock, lambda _fact: None)
        self.bills: dict[str, Charge] = {}
        self.released: set[str] = set()
        self.held: dict[str, Hold] = {}
        """What the books were told is durable."""

    def run(self) -> None:
        self.admit("settled")
        self.admit("released")
        self.dead("dead")
        self.dead("frozen")
        self.settle("settled", 4)
        self.admit("open")
        self.release("released")
        self.clock.time += LEASE + SECOND
        self.keep()
        self.settle("dead", 7)
        self.release("frozen")
        self.at_once("one", "two")
        self.settle("one", 12)

    def admit(self, name: str) -> None:
        hold = self.here.run(self.books.admit(ask(name, 10 * CENT)))
        if isinstance(hold, Hold):
            self.held[name] = hold

    def at_once(self, *names: str) -> None:
        async def run() -> list[Any]:
            return await asyncio.gather(*[self.books.admit(ask(name, 10 * CENT)) for name in names])

        if "blocking" in self.here.name:
            for name in names:
                self.admit(name)
        else:
            self.held |= {hold.ask.attempt_id: hold for hold in self.here.run(run()) if isinstance(hold, Hold)}

    def dead(self, name: str) -> None:
        """A hold of another process, which dies; its settlement or its release turns up all the same."""
        try:
            hold = self.here.run(self.here.store.admit(ask(name, 10 * CENT), self.clock.time))
        except StoreDown:
            return
        assert isinstance(hold, Hold)
        self.held[name] = hold

    def settle(self, name: str, cents: int) -> None:
        if name in self.held:
            self.bills[name] = bill(self.held[name], cents * CENT)
            self.here.run(self.books.settle(self.held[name], self.bills[name]))

    def release(self, name: str) -> None:
        if name in self.held:
            self.released.add(name)
            self.here.run(self.books.release(name))

    def keep(self) -> bool:
        try:
            self.here.run(self.books.keep(LEASE))
        except StoreDown:
            return False
        return True

    def heal(self) -> None:
        """The fault is over: a second later all is paid."""
        while not self.keep() or self.books.owed:
            self.clock.time += SECOND

    def check(self, *, unowned: frozenset[str] = frozenset()) -> None:
        """The ledger says what was billed, and the store says what the ledger says.

        `unowned` may be holds that the books were not told of: who gets no answer from a commit cannot know.
        """
        here = self.here
        ledger = here.ledger()
        open_holds = here.open_holds()
        for name, hold in self.held.items():
            if name in self.bills:
                cost, adjustments = ledger[name]
                assert cost == self.bills[name].cost
                assert adjustments <= (name == "dead")
                assert name not in open_holds
            elif name in self.released:
                assert ledger.get(name, (0, 0)) in ([(0, 0), (0, 1)] if name == "frozen" else [(0, 0)])
                assert (name in ledger) <= (name == "frozen")
                assert name not in open_holds
            else:
                assert (name in open_holds) != (name in ledger), hold
        assert set(ledger) | open_holds <= set(self.held) | unowned
        spent = sum(cost for cost, _ in ledger.values())
        assert here.money() == (KEYS * spent, KEYS * 10 * CENT * len(open_holds))
        assert here.state() == here.fresh_state()


def connections(here: Place) -> Iterator[Any]:
    yield from (file for file in here._files)


def inject(here: Place, before: Fault, after: Fault) -> None:
    for file in connections(here):
        file._db = Faulty(file._db, before, after)


def never(_statement: str) -> None:
    return None


class Nth:
    """Fails once, at the n-th statement that it is asked about."""

    def __init__(self, number: int, error: Exception, only: str = "") -> None:
        self.left = number
        self.error = error
        self.only = only
        self.hit = ""
        self.over = False

    def __call__(self, statement: str) -> Exception | None:
        if self.over or not statement.startswith(self.only):
            return None
        self.left -= 1
        if self.left:
            return None
        self.hit = statement
        return self.error


def lives(name: str) -> Iterator[tuple[Life, Path]]:
    while True:
        with frequent_snapshots(), shelf_folder() as folder, place(name, folder, RULES) as here:
            yield Life(here), folder


IOERR = fault(sqlite3.SQLITE_IOERR, "disk I/O error")
FULL = fault(sqlite3.SQLITE_FULL, "database or disk is full")
BUSY = fault(sqlite3.SQLITE_BUSY, "database is locked")


@pytest.mark.parametrize("name", PLACES)
def test_every_statement_fails_once(name: str) -> None:
    hit = Counter[str]()
    for number, (life, _) in zip(count(1), lives(name), strict=False):
        nth = Nth(number, IOERR if number % 2 else FULL)
        inject(life.here, nth, never)
        life.run()
        nth.over = True
        life.heal()
        life.check()
        if not nth.hit:
            break
        hit[nth.hit.split()[0]] += 1
    assert hit.keys() >= {"BEGIN", "PRAGMA", "INSERT", "UPDATE", "DELETE", "SELECT", "COMMIT"}
    assert sum(hit.values()) > 50


@pytest.mark.parametrize("name", PLACES)
def test_the_answer_of_every_commit_is_lost_once(name: str) -> None:
    """Nobody can know then whether it was done: what is done is not done twice, and a hold is never lost."""
    for number, (life, _) in zip(count(1), lives(name), strict=False):
        nth = Nth(number, IOERR, "COMMIT")
        inject(life.here, never, nth)
        life.run()
        nth.over = True
        life.heal()
        life.check(unowned=NAMES)
        if not nth.hit:
            break
    assert number > 8


@pytest.mark.parametrize("name", PLACES)
def test_a_lock_at_any_time_is_only_a_delay(name: str) -> None:
    for number, (life, _) in zip(count(1), lives(name), strict=False):
        nth = Nth(number, BUSY, "BEGIN")
        inject(life.here, nth, never)
        life.run()
        nth.over = True
        assert life.held.keys() == NAMES
        assert not life.books.owed
        life.check()
        if not nth.hit:
            break
    assert number > 8


@pytest.mark.parametrize("name", PLACES)
def test_sqlite_is_interrupted_in_the_middle_of_anything(name: str) -> None:
    """As far as SQLite's own machine goes: after the n-th of its instructions, for every 23rd n."""
    runs = 0
    for number, (life, _) in zip(count(1, 23), lives(name), strict=False):
        left = [number]

        def tick(left: list[int] = left) -> int:
            left[0] -= 1
            return left[0] == 0

        files = list(connections(life.here))
        for file in files:
            file._db.set_progress_handler(tick, 1)
        life.run()
        for file in files:
            file._db.set_progress_handler(None, 0)
        life.heal()
        life.check(unowned=NAMES)
        runs += 1
        if left[0] > 0:
            break
    assert runs > 50
