"""The store in a SQLite file: shared by the processes of one machine, survives the death of any of them."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec.structs import replace

from tidegate.core.ports import Ledger
from tidegate.core.run_now import run_now
from tidegate.databases.sqlite import File
from tidegate.model.hold import Adjustment, Ask, Charge, Hold
from tidegate.model.refusal import Refusal
from tidegate.model.times import SECOND
from tidegate.policy.admission import decide
from tidegate.policy.breaker import Circuit, copy_of
from tidegate.policy.journal import Admitted, Claimed, Counted, JournalEntry, Probed, Released, Renewed, settled
from tidegate.policy.rules import Breaker
from tidegate.policy.scopes import Scopes
from tidegate.stores import order
from tidegate.stores.leases import Leases
from tidegate.stores.prune import Pruner
from tidegate.stores.sqlite_journal import SqliteJournal


class Within(Ledger, Protocol):
    """The ledger inside a transaction of ours; never suspends."""

    def write(self, charge: Charge) -> bool:
        """As `append`, at once."""


class SqliteStore:
    """The Store over one file.

    `within` is given when the ledger lives in the same file: it makes that ledger part of a transaction, so that a
    charge and its hold change together.
    """

    def __init__(
        self,
        file: File,
        scopes: Scopes,
        ledger: Ledger,
        within: Callable[[sqlite3.Connection], Within] | None = None,
        breaker: Breaker = Breaker(),  # noqa: B008 - frozen
    ) -> None:
        self._file = file
        self._scopes = scopes
        self._ledger = ledger
        self._within = within
        file.migrate("store", "tidegate.stores")
        self._journal = SqliteJournal(breaker)
        self._inside = _Inside(self._journal)
        self._pruner = Pruner()
        file.listen(self._journal)

    async def admit(self, ask: Ask, now: int) -> Hold | Refusal:
        def work(_db: sqlite3.Connection) -> Hold | Refusal:
            live = self._journal.live
            if ask.attempt_id in live.holds:  # a commit whose answer was lost is run again
                return live.holds[ask.attempt_id]
            hold = decide(self._scopes, live.states, ask, live.tick(now), live.circuits.get(ask.circuit))
            if isinstance(hold, Hold):
                if hold.admitted_at - now > SECOND:  # store time is ahead since the clock was set back
                    hold = replace(hold, lease_until=now + ask.lease)
                self._journal.append(Admitted(hold))
            return hold

        return await self._file.run(work)

    async def settle(self, hold: Hold, charge: Charge) -> bool:
        within = self._within
        if within is None:
            return await order.settle(self, self._ledger, hold, charge)

        def work(db: sqlite3.Connection) -> bool:
            ledger = within(db)
            if ledger.write(charge):  # as `order.settle`, without a coroutine for every step
                self._journal.append(settled(charge, hold))
                return True
            run_now(order.settle_again(self._inside, ledger, hold, charge))
            return False

        return await self._file.run(work)

    async def sweep(self, now: int) -> Sequence[Charge]:
        within = self._within
        if within is None:
            charges = await order.sweep(self, self._ledger, now)
        else:
            charges = await self._file.run(lambda db: run_now(order.sweep(self._inside, within(db), now)))
        # By the store's time, not by `now`: a clock that jumps ahead and back must not make anything forgotten.
        await self._file.run(lambda db: self._pruner.step(db, self._journal.live.last))
        return charges

    async def release(self, attempt_id: str, lost_at: int = 0) -> None:
        within = self._within
        if within is None:
            await order.release(self, self._ledger, attempt_id, lost_at)
        else:
            inside = self._inside
            await self._file.run(lambda db: run_now(order.release_inside(inside, within(db), attempt_id, lost_at)))

    async def probed(self, attempt_id: str, now: int) -> None:
        await self.write(Probed(attempt_id, now))

    async def circuits(self) -> Mapping[str, Circuit]:
        return await self._file.run(lambda _db: copy_of(self._journal.live.circuits))

    async def renew(self, attempt_ids: Sequence[str], until: int) -> None:
        await self.write(Renewed(tuple(attempt_ids), until))

    async def write(self, entry: JournalEntry) -> bool:
        """Append the entry and apply it; False when it touched no scope."""
        return await self._file.run(lambda _db: self._journal.append(entry))

    async def claim(self, now: int) -> tuple[Sequence[Hold], Sequence[Adjustment]]:
        """Open holds whose lease has ended, which only a charge can end now; and corrections that have begun."""
        return await self._file.run(lambda _db: run_now(self._inside.claim(now)))

    async def give_back(self, attempt_id: str, lost_at: int) -> Hold | Counted | None:
        """Release the hold; or, where that is too late, the hold that is claimed or what is counted for it."""
        return await self._file.run(lambda _db: run_now(self._inside.give_back(attempt_id, lost_at)))

    async def save(self) -> None:
        """Write the snapshot, so that the tables show the state as it is now."""
        await self._file.run(self._journal.save)


class _Inside:
    """The journal in mid-transaction; never suspends."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        self._leases = Leases()

    async def write(self, entry: JournalEntry) -> bool:
        return self._journal.append(entry)

    async def claim(self, now: int) -> tuple[Sequence[Hold], Sequence[Adjustment]]:
        live = self._journal.live
        ended = self._leases.ended(live.holds, now)
        fresh = tuple(hold.ask.attempt_id for hold in ended if hold.lease_until)
        if fresh:
            self._journal.append(Claimed(fresh))
        return ended, live.unfinished

    async def give_back(self, attempt_id: str, lost_at: int) -> Hold | Counted | None:
        late = self._journal.live.late(attempt_id)
        if late is None:
            self._journal.append(Released(attempt_id, lost_at))
        return late
