"""The journal in its file: rows of earlier versions, rows that cannot be read, and what is not remembered for ever."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contract.places import RULES, Place, StandingClock, frequent_snapshots, place
from tidegate.core.books import Books
from tidegate.core.run_now import run_now
from tidegate.doors.gateway.server import Chores
from tidegate.model.errors import ConfigError, StoreDown
from tidegate.model.hold import Hold
from tidegate.model.refusal import Refusal
from tidegate.model.times import SECOND
from tidegate.policy import journal
from tidegate.policy.crash import crashed
from tidegate.stores.sqlite_journal import UNREADABLE
from unit.policy.holds import CENT, LEASE, ask, bill

NOW = 1_800_000_000 * SECOND
LATER = NOW + 2 * LEASE
KEYS = 3
FILES = ["sqlite-async", "sqlite-blocking", "sqlite-uvloop-two", "sqlite-blocking-two"]
encode = msgspec.msgpack.Encoder().encode


class Log:
    """What was logged."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, str]]] = []

    def error(self, event: str, **fields: str) -> None:
        self.said.append((event, fields))

    info = error


def admitted(here: Place, name: str, now: int = NOW) -> Hold:
    hold = here.run(here.store.admit(ask(name, 10 * CENT), now))
    assert isinstance(hold, Hold)
    return hold


def append(here: Place, entry: bytes) -> int:
    """Another process writes a row; its number."""
    with closing(sqlite3.connect(here.store_path)) as db:
        seq = int(db.execute("SELECT MAX(seq) FROM journal").fetchone()[0]) + 1
        db.execute("INSERT INTO journal VALUES (?, ?)", (seq, entry))
        db.commit()
    return seq


def remove(here: Place, seq: int) -> None:
    with closing(sqlite3.connect(here.store_path)) as db:
        db.execute("DELETE FROM journal WHERE seq = ?", (seq,))
        db.commit()


# -- rows of earlier versions


@pytest.mark.parametrize("single", [False, True])
def test_a_correction_without_an_attempt_still_counts(folder: Path, single: bool) -> None:
    with place("sqlite-blocking", folder, RULES) as here:
        hold = admitted(here, "a")
        here.run(here.store.settle(hold, bill(hold, 7 * CENT)))
        keys = [key for key, _, _ in hold.entries if key[0] == "b"]
        entry = ["adjusted", keys, -3 * CENT]
        append(here, encode(entry if single else [entry]))
        assert here.money() == (KEYS * 4 * CENT, 0)
        assert here.state() == here.fresh_state()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("late", [4, 10, 12])
def test_a_sweep_of_an_earlier_version_is_corrected(folder: Path, name: str, late: int) -> None:
    """It is remembered nowhere: the ledger decides whether the budgets still lack the difference."""
    with place(name, folder, RULES) as here:
        hold = admitted(here, "a")
        store: Any = here.store
        here.run(store._ledger.append(crashed(hold, LATER)))
        append(here, encode(["settled", "a", 10 * CENT, None, 0, 0]))
        assert here.money() == (KEYS * 10 * CENT, 0)
        for _ in range(3):
            here.run(here.store.settle(hold, bill(hold, late * CENT)))
        assert here.ledger() == {"a": (late * CENT, int(late != 10))}
        assert here.money() == (KEYS * late * CENT, 0)


# -- rows that cannot be read


@pytest.mark.parametrize("row", [b"\xff\x00", b"", encode(["unheard of", 1]), encode([["settled", 1]])])
@pytest.mark.parametrize("name", FILES)
def test_a_row_that_cannot_be_read_is_a_setting_at_the_start_and_an_outage_later(
    folder: Path, name: str, row: bytes
) -> None:
    with place(name, folder, RULES) as here:
        hold = admitted(here, "a")
        books = Books(here.store, StandingClock(NOW), lambda _fact: None)
        log = Log()
        chores = Chores(lambda: books.keep(LEASE), log)
        here.run(chores.once())
        seq = append(here, row)
        for _ in range(2):
            with pytest.raises(StoreDown) as down:
                here.run(here.store.admit(ask("b"), NOW))
            assert str(down.value) == UNREADABLE
            refusal = here.run(books.admit(ask("c")))
            assert isinstance(refusal, Refusal)
            assert refusal.reason == "store_down"
            here.run(chores.once())
        here.run(books.settle(hold, bill(hold, 4 * CENT)))
        assert books.owed == 1
        assert log.said == [("store_down", {"error_message": UNREADABLE})]

        fresh = here.open()
        with pytest.raises(ConfigError) as wrong:
            here.run(fresh.sweep(NOW))
        assert str(wrong.value) == UNREADABLE

        remove(here, seq)
        here.run(chores.once())
        assert books.owed == 0
        assert log.said[1:] == [("store_up", {})]
        assert here.ledger() == {"a": (4 * CENT, 0)}
        assert here.money() == (KEYS * 4 * CENT, 0)
        assert here.state() == here.fresh_state()


def test_a_window_that_cannot_be_read_is_an_outage(folder: Path) -> None:
    with frequent_snapshots(1, 0, 0), place("sqlite-blocking", folder, RULES) as here:
        admitted(here, "a")
        with closing(sqlite3.connect(here.store_path)) as db:
            db.execute("UPDATE windows SET state = X'FF'")
            db.commit()
        with pytest.raises(StoreDown, match="another version of tidegate"):
            run_now(here.store.admit(ask("b"), NOW))


# -- what is remembered of holds that were swept


def test_only_so_many_are_remembered(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the others the ledger alone decides; as long as nothing is cut off that is as good."""
    monkeypatch.setattr(journal, "REMEMBERED", 3)
    holds = [admitted(here, f"a{number}") for number in range(5)]
    here.run(here.store.sweep(LATER))
    here.reopen()
    state: Any = here.state()
    assert [attempt_id for attempt_id, _ in state[-1]] == ["a2", "a3", "a4"]
    for hold in holds:
        for _ in range(2):
            assert not here.run(here.store.settle(hold, bill(hold, CENT)))
    assert here.ledger() == {f"a{number}": (CENT, 1) for number in range(5)}
    assert here.money() == (KEYS * 5 * CENT, 0)
    assert here.state() == here.fresh_state()


def test_they_are_forgotten_after_two_days(here: Place) -> None:
    admitted(here, "a")
    here.run(here.store.sweep(LATER))
    later = NOW + journal.MEMORY + LEASE
    admitted(here, "b", later)
    here.run(here.store.sweep(later + LEASE))
    state: Any = here.state()
    assert [attempt_id for attempt_id, _ in state[-1]] == ["b"]
    assert here.state() == here.fresh_state()
