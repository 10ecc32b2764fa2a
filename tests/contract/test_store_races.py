"""Settlements and sweeps that meet, in every order of their steps, when the charge and the hold are in two places."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from contract.places import RULES, frequent_snapshots, shelf_folder
from contract.schedules import Actor, Turns, every_order, pause, some_orders
from tidegate.core.ports import Ledger
from tidegate.core.run_now import run_now
from tidegate.databases.sqlite import BlockingFile
from tidegate.ledgers.sqlite import SqliteLedger
from tidegate.model.facts import CallRefused
from tidegate.model.hold import Adjustment, Charge, Hold
from tidegate.model.times import SECOND
from tidegate.policy.journal import Counted, JournalEntry, Live
from tidegate.policy.scopes import Scopes
from tidegate.stores.memory import MemoryStore
from tidegate.stores.sqlite import SqliteStore
from unit.policy.holds import CENT, LEASE, ask, bill

NOW = 1_800_000_000 * SECOND
LATER = NOW + 2 * LEASE
HELD = 10 * CENT
KEYS = 3
"""Budgets that a hold counts in."""


class Entries:
    """A ledger as two dictionaries."""

    def __init__(self) -> None:
        self.charges: dict[str, Charge] = {}
        self.adjustments: dict[tuple[str, str], Adjustment] = {}

    async def append(self, charge: Charge) -> bool:
        return self.charges.setdefault(charge.attempt_id, charge) is charge

    async def adjust(self, adjustment: Adjustment) -> bool:
        assert adjustment.adjusts in self.charges
        return self.adjustments.setdefault((adjustment.adjusts, adjustment.source), adjustment) is adjustment

    async def cost(self, attempt_id: str) -> int | None:
        if attempt_id not in self.charges:
            return None
        deltas = (one.cost_delta for (adjusts, _), one in self.adjustments.items() if adjusts == attempt_id)
        return self.charges[attempt_id].cost + sum(deltas)

    async def refused(self, refused: CallRefused) -> None:
        raise AssertionError(refused)


class Paused:
    """A ledger that lets others go first before each of its steps."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def append(self, charge: Charge) -> bool:
        await pause()
        return await self._ledger.append(charge)

    async def adjust(self, adjustment: Adjustment) -> bool:
        await pause()
        return await self._ledger.adjust(adjustment)

    async def cost(self, attempt_id: str) -> int | None:
        await pause()
        return await self._ledger.cost(attempt_id)

    async def refused(self, refused: CallRefused) -> None:
        await self._ledger.refused(refused)


class PausedMemory(MemoryStore):
    async def write(self, entry: JournalEntry) -> bool:
        await pause()
        return await super().write(entry)

    async def claim(self, now: int) -> tuple[Sequence[Hold], Sequence[Adjustment]]:
        await pause()
        return await super().claim(now)

    async def give_back(self, attempt_id: str, lost_at: int) -> Hold | Counted | None:
        await pause()
        return await super().give_back(attempt_id, lost_at)


class PausedSqlite(SqliteStore):
    async def write(self, entry: JournalEntry) -> bool:
        await pause()
        return await super().write(entry)

    async def claim(self, now: int) -> tuple[Sequence[Hold], Sequence[Adjustment]]:
        await pause()
        return await super().claim(now)

    async def give_back(self, attempt_id: str, lost_at: int) -> Hold | Counted | None:
        await pause()
        return await super().give_back(attempt_id, lost_at)


class Scene:
    """One hold whose lease has ended, and the stores of two processes that share it."""

    def __init__(self, stack: ExitStack, folder: Path | None) -> None:
        scopes = Scopes(RULES)
        if folder is None:
            self.ledger: Ledger = Entries()
            store = PausedMemory(scopes, Paused(self.ledger))
            self.stores: tuple[PausedMemory, PausedMemory] | tuple[PausedSqlite, PausedSqlite] = (store, store)
        else:
            ledgers = [SqliteLedger(self._file(stack, folder / "ledger.db")) for _ in range(2)]
            self.ledger = ledgers[0]
            files = [self._file(stack, folder / "store.db") for _ in range(2)]
            self.stores = (
                PausedSqlite(files[0], scopes, Paused(ledgers[0])),
                PausedSqlite(files[1], scopes, Paused(ledgers[1])),
            )
        hold = run_now(self.stores[0].admit(ask("a", HELD), NOW))
        assert isinstance(hold, Hold)
        self.hold = hold

    def _file(self, stack: ExitStack, path: Path) -> BlockingFile:
        file = BlockingFile(path)
        stack.callback(file.close)
        return file

    def finish(self) -> tuple[int, int, int, int]:
        """After one more sweep: the cost in the ledger; settled, held money and open calls in the store."""
        store = self.stores[1]
        for turns in every_order(lambda: Turns([store.sweep(LATER + LEASE)])):
            assert turns.results[0] == [] or self.known() == HELD
        sums = {"b": [0, 0], "c": [0, 0]}
        assert not self.live_holds()
        for key, _, _ in self.hold.entries:
            if key[0] in "bc":
                tally = self._tally(key)
                sums[key[0]][0] += tally[0]
                sums[key[0]][1] += tally[1]
        settled, held = sums["b"]
        assert settled % KEYS == 0
        return self.known() or 0, settled // KEYS, held, sums["c"][1]

    def known(self) -> int | None:
        return run_now(self.ledger.cost("a"))

    def adjustments(self) -> int:
        if isinstance(self.ledger, Entries):
            return len(self.ledger.adjustments)
        assert isinstance(self.ledger, SqliteLedger)
        count = "SELECT COUNT(*) FROM adjustments"
        return int(self.ledger.file.read(lambda db: db.execute(count).fetchone()[0]))

    def live_holds(self) -> set[str]:
        return {*self._live().holds}

    def _tally(self, key: str) -> tuple[int, int]:
        tally = self._live().states.tally(key)
        return tally.settled, tally.held

    def _live(self) -> Live:
        store = self.stores[1]
        if isinstance(store, PausedSqlite):
            assert isinstance(store._file, BlockingFile)
            store._file.run_blocking(lambda _db: None)  # it learns what the other one has written
            return store._journal.live
        return store.live


Scenes = Callable[[], Scene]


@pytest.fixture(params=["memory", "sqlite"])
def scenes(request: pytest.FixtureRequest) -> Iterator[Scenes]:
    """Makes a new scene for every run."""
    with ExitStack() as stack, frequent_snapshots(2, 1):

        def fresh() -> Scene:
            stack.close()
            return Scene(stack, stack.enter_context(shelf_folder()) if request.param == "sqlite" else None)

        yield fresh


def settle(scene: Scene, cents: int) -> Actor:
    return scene.stores[0].settle(scene.hold, bill(scene.hold, cents * CENT))


def release(scene: Scene) -> Actor:
    return scene.stores[0].release("a")


def orders(make: Callable[[], Turns], scenes: Scenes, some: int) -> Iterator[Turns]:
    """Every order; on files, where a run takes a hundred times as long, only some."""
    return some_orders(make, some, seed=7) if isinstance(scenes().stores[0], PausedSqlite) else every_order(make)


@pytest.mark.parametrize("cents", [0, 4, 10, 13])
def test_settle_and_sweep(scenes: Scenes, cents: int) -> None:
    runs, late = 0, 0
    scene: list[Scene] = []

    def make() -> Turns:
        scene[:] = [scenes()]
        return Turns([settle(scene[0], cents), scene[0].stores[1].sweep(LATER)])

    for turns in orders(make, scenes, 80):
        runs += 1
        late += not turns.results[0]
        adjusted = not turns.results[0] and cents * CENT != HELD
        assert scene[0].adjustments() == adjusted
        assert len(turns.results[1]) == (not turns.results[0]), "one of the two has written the charge"
        assert scene[0].finish() == (cents * CENT, cents * CENT, 0, 0)
    assert runs > 20
    assert 0 < late < runs


def test_settle_twice_and_sweep(scenes: Scenes) -> None:
    """As when Books repeats a settlement that was cancelled, while the first one is still on its way."""
    scene: list[Scene] = []

    def make() -> Turns:
        scene[:] = [scenes()]
        return Turns([_both(scene[0]), scene[0].stores[1].sweep(LATER)])

    async def _both(here: Scene) -> None:
        await settle(here, 4)
        await settle(here, 4)

    for _ in orders(make, scenes, 80):
        assert scene[0].adjustments() <= 1
        assert scene[0].finish() == (4 * CENT, 4 * CENT, 0, 0)


@pytest.mark.parametrize("steps", range(5))
def test_settle_and_sweep_after_a_sweep_that_was_killed(scenes: Scenes, steps: int) -> None:
    scene: list[Scene] = []

    def make() -> Turns:
        scene[:] = [here] = [scenes()]
        turns = Turns([here.stores[1].sweep(LATER), settle(here, 4), here.stores[1].sweep(LATER)], {0: steps})
        while 0 in turns.ready:
            turns.step(0)
        return turns

    for _ in orders(make, scenes, 40):
        assert scene[0].finish() == (4 * CENT, 4 * CENT, 0, 0)


@pytest.mark.parametrize("steps", range(10))
def test_a_settlement_that_was_killed(scenes: Scenes, steps: int) -> None:
    """The sweep finishes it, the two halves of a late correction as well."""
    scene: list[Scene] = []

    def make() -> Turns:
        scene[:] = [scenes()]
        return Turns([settle(scene[0], 4), scene[0].stores[1].sweep(LATER)], {0: steps})

    for turns in orders(make, scenes, 20):
        cost, settled, held, open_calls = scene[0].finish()
        assert (held, open_calls) == (0, 0)
        assert cost in {4 * CENT, HELD}
        assert settled == cost
        assert cost == 4 * CENT or 0 in turns.killed


def test_three_at_once(scenes: Scenes) -> None:
    """Two sweeps and a settlement."""
    scene: list[Scene] = []

    def make() -> Turns:
        scene[:] = [here] = [scenes()]
        return Turns([here.stores[1].sweep(LATER), settle(here, 4), here.stores[0].sweep(LATER)])

    number = 80 if isinstance(scenes().stores[0], PausedSqlite) else 2_000
    for turns in some_orders(make, number, seed=7):
        assert len(turns.results[0]) + len(turns.results[2]) == (not turns.results[1])
        assert scene[0].finish() == (4 * CENT, 4 * CENT, 0, 0)


def test_two_late_settlements_at_once(scenes: Scenes) -> None:
    """One was cut off and goes on in a queue, while it is repeated."""
    scene: list[Scene] = []

    def make() -> Turns:
        scene[:] = [here] = [scenes()]
        for _ in every_order(lambda: Turns([here.stores[1].sweep(LATER)])):
            assert here.known() == HELD
        return Turns([settle(here, 4), settle(here, 4), here.stores[1].sweep(LATER)])

    number = 60 if isinstance(scenes().stores[0], PausedSqlite) else 1_000
    for _ in some_orders(make, number, seed=7):
        assert scene[0].adjustments() == 1
        assert scene[0].finish() == (4 * CENT, 4 * CENT, 0, 0)


def test_release_and_sweep(scenes: Scenes) -> None:
    """A process that was frozen before its request left gives the hold back while another one charges it."""
    scene: list[Scene] = []
    late = 0

    def make() -> Turns:
        scene[:] = [scenes()]
        return Turns([release(scene[0]), scene[0].stores[1].sweep(LATER)])

    runs = 0
    for turns in orders(make, scenes, 60):
        runs += 1
        late += len(turns.results[1])
        assert scene[0].adjustments() <= 1
        assert scene[0].finish() == (0, 0, 0, 0)
    assert 0 < late < runs


@pytest.mark.parametrize("steps", range(9))
@pytest.mark.parametrize("again", [False, True])
def test_a_release_that_was_killed(scenes: Scenes, steps: int, again: bool) -> None:
    """After a sweep.  Nobody takes a charge back that nobody says was too much; what was begun is finished."""
    scene: list[Scene] = []

    def make() -> Turns:
        scene[:] = [here] = [scenes()]
        for _ in every_order(lambda: Turns([here.stores[1].sweep(LATER)])):
            assert here.known() == HELD
        actors = [release(here), here.stores[1].sweep(LATER)]
        return Turns([*actors, release(here)] if again else actors, {0: steps})

    for turns in some_orders(make, 10 if isinstance(scenes().stores[0], PausedSqlite) else 100, seed=7):
        cost, settled, held, open_calls = scene[0].finish()
        assert (held, open_calls) == (0, 0)
        assert settled == cost
        assert cost == 0 or (0 in turns.killed and cost == HELD and not again)


def test_release_twice_and_two_sweeps(scenes: Scenes) -> None:
    scene: list[Scene] = []

    def make() -> Turns:
        scene[:] = [here] = [scenes()]
        return Turns([release(here), release(here), here.stores[1].sweep(LATER), here.stores[0].sweep(LATER)])

    number = 60 if isinstance(scenes().stores[0], PausedSqlite) else 1_000
    for _ in some_orders(make, number, seed=7):
        assert scene[0].finish() == (0, 0, 0, 0)
