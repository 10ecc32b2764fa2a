"""A caller that leaves at any moment: no hold stays that nobody owns, and what is being settled is settled."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from contract.places import RULES, Place, StandingClock, frequent_snapshots, place, shelf_folder
from tidegate.core.books import Books
from tidegate.core.run_now import run_now
from tidegate.databases.sqlite import BlockingFile
from tidegate.ledgers.sqlite import SqliteLedger
from tidegate.model.facts import Fact
from tidegate.model.hold import Hold
from tidegate.model.times import SECOND
from tidegate.policy.scopes import Scopes
from tidegate.stores.sqlite import SqliteStore
from unit.policy.holds import CENT, LEASE, ask, bill

NOW = 1_800_000_000 * SECOND
KEYS = 3
MOMENTS = 10
"""Turns of the loop after which a cancellation comes; everything here is over sooner."""
LONGER = 24
"""The same for a correction over two files."""
PLACES = ["sqlite-async", "sqlite-uvloop", "sqlite-async-two", "sqlite-uvloop-two", "memory-async"]


class Scene:
    def __init__(self, here: Place) -> None:
        self.here = here
        self.facts: list[Fact] = []
        self.books = Books(here.store, StandingClock(NOW), self.facts.append)
        self.elsewhere = _elsewhere(here)
        """The same store in another process; it makes and sweeps holds without this one's event loop."""

    def hold(self) -> Hold:
        hold = self.here.run(self.books.admit(ask("a", 10 * CENT)))
        assert isinstance(hold, Hold)
        return hold


def _elsewhere(here: Place) -> SqliteStore | None:
    if here.name.startswith("memory"):
        return None
    ledger = SqliteLedger(BlockingFile(here.ledger_path))
    here._files.append(ledger.file)  # type: ignore[arg-type]  # to be closed with the others
    if here.ledger_path == here.store_path:
        return SqliteStore(ledger.file, Scopes(RULES), ledger, ledger.within)
    file = BlockingFile(here.store_path)
    here._files.append(file)
    return SqliteStore(file, Scopes(RULES), ledger)


def scenes(name: str, most: int = MOMENTS) -> Iterator[tuple[Scene, tuple[int, ...]]]:
    """A scene for every moment of one cancellation, and for some of two."""
    moments = [(first,) for first in range(most)] + [(a, b) for a in range(1, most - 5) for b in range(3)]
    for cancellations in moments:
        with frequent_snapshots(), shelf_folder() as folder, place(name, folder, RULES) as here:
            yield Scene(here), cancellations


async def left(work: Coroutine[Any, Any, Any], moments: tuple[int, ...]) -> tuple[bool, Any]:
    """Whether the work had begun when it was cancelled, and its result if it came to one."""
    task = asyncio.ensure_future(work)
    for turns in moments:
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
    await asyncio.wait([task])
    for _ in range(20):  # what the store has queued is done by then
        await asyncio.sleep(0)
    return moments[0] > 0, None if task.cancelled() else task.result()


@pytest.mark.parametrize("name", PLACES)
def test_a_cancelled_admission_leaves_no_hold(name: str) -> None:
    ends = set()
    for scene, moments in scenes(name):
        _, hold = scene.here.run(left(scene.books.admit(ask("a", 10 * CENT)), moments))
        ends.add(hold is None)
        assert scene.here.open_holds() == (set() if hold is None else {"a"})
        assert scene.here.money() == (0, 0 if hold is None else KEYS * 10 * CENT)
        assert scene.books.open_holds == (hold is not None)
        assert scene.here.state() == scene.here.fresh_state()
        assert scene.here.ledger() == {}
    assert ends == ({True, False} if not name.startswith("memory") else ends)


@pytest.mark.parametrize("name", PLACES)
def test_a_cancelled_settlement_is_done(name: str) -> None:
    for scene, moments in scenes(name):
        hold = scene.hold()
        begun, _ = scene.here.run(left(scene.books.settle(hold, bill(hold, 4 * CENT)), moments))
        if len(moments) > 1:  # twice cancelled: the second half may be left to the sweep
            scene.here.run(scene.here.store.sweep(NOW + 2 * LEASE))
        if begun:
            assert scene.here.ledger() == {"a": (4 * CENT, 0)}
            assert scene.here.money() == (KEYS * 4 * CENT, 0)
            assert scene.here.open_holds() == set()
            assert scene.here.state() == scene.here.fresh_state()


@pytest.mark.parametrize("name", PLACES)
def test_a_cancelled_release_is_done(name: str) -> None:
    for scene, moments in scenes(name):
        scene.hold()
        begun, _ = scene.here.run(left(scene.books.release("a"), moments))
        assert scene.here.open_holds() == (set() if begun else {"a"})
        assert scene.here.money() == (0, 0 if begun else KEYS * 10 * CENT)
        assert scene.here.ledger() == {}


@pytest.mark.parametrize("name", PLACES)
def test_a_cancelled_late_settlement_corrects_the_ledger_once(name: str) -> None:
    """And the store.  Whether the sweep finishes it, when it was cancelled twice, or who repeats it."""
    for scene, moments in scenes(name, LONGER):
        hold = scene.hold()
        scene.here.run(scene.here.store.sweep(NOW + 2 * LEASE))
        scene.here.run(left(scene.books.settle(hold, bill(hold, 4 * CENT)), moments))
        scene.here.run(scene.here.store.sweep(NOW + 2 * LEASE))
        assert scene.here.money() == (KEYS * scene.here.ledger()["a"][0], 0)
        scene.here.run(scene.books.settle(hold, bill(hold, 4 * CENT)))
        assert scene.here.ledger() == {"a": (4 * CENT, 1)}
        assert scene.here.money() == (KEYS * 4 * CENT, 0)
        assert scene.here.state() == scene.here.fresh_state()


@pytest.mark.parametrize("name", PLACES)
def test_a_cancelled_late_release_takes_the_charge_back_once(name: str) -> None:
    for scene, moments in scenes(name, LONGER):
        scene.hold()
        scene.here.run(scene.here.store.sweep(NOW + 2 * LEASE))
        begun, _ = scene.here.run(left(scene.books.release("a"), moments))
        if begun and len(moments) == 1:
            assert scene.here.ledger() == {"a": (0, 1)}
        scene.here.run(scene.here.store.sweep(NOW + 2 * LEASE))
        assert scene.here.money() == (KEYS * scene.here.ledger()["a"][0], 0)
        scene.here.run(scene.books.release("a"))
        assert scene.here.ledger() == {"a": (0, 1)}
        assert scene.here.money() == (0, 0)
        assert scene.here.state() == scene.here.fresh_state()


@pytest.mark.parametrize("name", PLACES)
def test_cancelled_chores_are_taken_up_again(name: str) -> None:
    """As at shutdown, when the round of chores is cancelled and its debts are paid once more."""
    for scene, moments in scenes(name):
        hold = scene.hold()
        charge = bill(hold, 4 * CENT)
        scene.books._owed["a"] = lambda scene=scene, hold=hold, charge=charge: scene.here.store.settle(hold, charge)  # type: ignore[misc]
        scene.here.run(left(scene.books.keep(LEASE), moments))
        while scene.books.owed:
            scene.here.run(scene.books.keep(LEASE))
        assert scene.here.ledger() == {"a": (4 * CENT, 0)}
        assert scene.here.money() == (KEYS * 4 * CENT, 0)


@pytest.mark.parametrize("name", PLACES)
def test_a_cancelled_sweep_is_finished_by_another(name: str) -> None:
    for scene, moments in scenes(name):
        scene.hold()
        scene.here.run(left(scene.here.store.sweep(NOW + 2 * LEASE), moments))
        if scene.elsewhere is None:
            scene.here.run(scene.here.store.sweep(NOW + 2 * LEASE))
        else:
            run_now(scene.elsewhere.sweep(NOW + 2 * LEASE))
        assert scene.here.ledger() == {"a": (10 * CENT, 0)}
        assert scene.here.money() == (KEYS * 10 * CENT, 0)
        assert scene.here.state() == scene.here.fresh_state()
