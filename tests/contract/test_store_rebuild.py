"""A rebuild between any two steps of a correction: the budgets are what the ledger says in the end."""

from collections.abc import Sequence
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from contract.places import RULES, Place, frequent_snapshots, place, shelf_folder
from tidegate.core.ports import Ledger
from tidegate.databases.sqlite import BlockingFile
from tidegate.model.facts import CallRefused
from tidegate.model.hold import Adjustment, Charge, Hold
from tidegate.model.times import SECOND
from tidegate.policy.journal import Counted, JournalEntry
from tidegate.stores import order
from tidegate.stores.rebuild import rebuild
from tidegate.stores.sqlite import SqliteStore
from unit.policy.holds import CENT, LEASE, ask, bill

NOW = 1_800_000_000 * SECOND
LATER = NOW + 2 * LEASE
KEYS = 3


class Between:
    """The store and its ledger, with a rebuild by another process before the step of that number."""

    def __init__(self, here: Place, number: int) -> None:
        assert isinstance(here.store, SqliteStore)
        self._here = here
        self._store = here.store
        self._ledger: Ledger = here.store._ledger
        self.left = number

    def _step(self) -> None:
        self.left -= 1
        if self.left == 0:
            with (
                closing(BlockingFile(self._here.store_path)) as store,
                closing(BlockingFile(self._here.ledger_path)) as ledger,
            ):
                rebuild(store, ledger, RULES, lambda model: model, NOW)

    async def write(self, entry: JournalEntry) -> bool:
        self._step()
        return await self._store.write(entry)

    async def claim(self, now: int) -> tuple[Sequence[Hold], Sequence[Adjustment]]:
        self._step()
        return await self._store.claim(now)

    async def give_back(self, attempt_id: str, lost_at: int) -> Hold | Counted | None:
        self._step()
        return await self._store.give_back(attempt_id, lost_at)

    async def append(self, charge: Charge) -> bool:
        self._step()
        return await self._ledger.append(charge)

    async def adjust(self, adjustment: Adjustment) -> bool:
        self._step()
        return await self._ledger.adjust(adjustment)

    async def cost(self, attempt_id: str) -> int | None:
        self._step()
        return await self._ledger.cost(attempt_id)

    async def refused(self, refused: CallRefused) -> None:
        raise AssertionError(refused)


@pytest.mark.parametrize("cents", [0, 7, 13, None])
@pytest.mark.parametrize("swept", [False, True])
def test_a_rebuild_between_any_two_steps(cents: int | None, swept: bool) -> None:
    """Of a sweep and of what corrects it, a settlement or (None) a release; `swept`: the sweep was over before."""
    for number in count(1):
        with frequent_snapshots(), shelf_folder() as folder, place("sqlite-blocking-two", folder, RULES) as here:
            if life(here, number, cents, swept).left > 0:
                break
    assert number > 5


def life(here: Place, number: int, cents: int | None, swept: bool) -> Between:
    hold = here.run(here.store.admit(ask("a", 10 * CENT), NOW))
    assert isinstance(hold, Hold)
    if swept:
        here.run(here.store.sweep(LATER))
    both = Between(here, number)
    if not swept:
        here.run(order.sweep(both, both, LATER))
    if cents is None:
        here.run(order.release(both, both, "a", 0))
    else:
        here.run(order.settle(both, both, hold, bill(hold, cents * CENT)))
    assert here.ledger() == {"a": ((cents or 0) * CENT, 1)}
    assert here.money() == (KEYS * (cents or 0) * CENT, 0)
    assert here.state() == here.fresh_state()
    here.run(here.store.sweep(LATER))
    assert here.money() == (KEYS * (cents or 0) * CENT, 0)
    return both


def test_rebuilding_twice_and_settling_twice(folder: Path) -> None:
    with place("sqlite-blocking-two", folder, RULES) as here:
        hold = here.run(here.store.admit(ask("a", 10 * CENT), NOW))
        assert isinstance(hold, Hold)
        here.run(here.store.sweep(LATER))
        with closing(BlockingFile(here.store_path)) as store, closing(BlockingFile(here.ledger_path)) as ledger:
            for _ in range(2):
                rebuild(store, ledger, RULES, lambda model: model, NOW)
        for _ in range(2):
            here.run(here.store.settle(hold, bill(hold, 7 * CENT)))
        assert here.money() == (KEYS * 7 * CENT, 0)
