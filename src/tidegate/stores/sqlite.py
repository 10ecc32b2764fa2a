"""The store in a SQLite file: shared by the processes of one machine, survives the death of any of them."""

import sqlite3
from collections.abc import Callable, Sequence

import msgspec

from tidegate.core.ports import Ledger
from tidegate.core.run_now import run_now
from tidegate.databases.sqlite import File
from tidegate.model.hold import Ask, Charge, Hold
from tidegate.model.refusal import Refusal
from tidegate.policy import admission
from tidegate.policy.admission import States
from tidegate.policy.scopes import Scopes
from tidegate.stores import order
from tidegate.stores.prune import Pruner
from tidegate.stores.sqlite_states import SqliteStates

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Hold).decode


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
        within: Callable[[sqlite3.Connection], Ledger] | None = None,
    ) -> None:
        self._file = file
        self._scopes = scopes
        self._ledger = ledger
        self._within = within
        file.migrate("store", "tidegate.stores")
        self._states = SqliteStates()
        self._pruner = Pruner()
        file.listen(self._states)

    async def admit(self, ask: Ask, now: int) -> Hold | Refusal:
        def work(db: sqlite3.Connection) -> Hold | Refusal:
            hold = admission.admit(self._scopes, self._states.states, ask, self._states.tick(now))
            if isinstance(hold, Hold):
                db.execute("INSERT INTO holds VALUES (?, ?, ?)", (ask.attempt_id, hold.lease_until, _encode(hold)))
            return hold

        return await self._file.run(work)

    async def settle(self, hold: Hold, charge: Charge) -> bool:
        within = self._within
        if within is None:
            return await order.settle(self, self._ledger, hold, charge)
        return await self._file.run(lambda db: run_now(order.settle(self._inside(db), within(db), hold, charge)))

    async def sweep(self, now: int) -> Sequence[Charge]:
        within = self._within
        if within is None:
            charges = await order.sweep(self, self._ledger, now)
        else:
            charges = await self._file.run(lambda db: run_now(order.sweep(self._inside(db), within(db), now)))
        await self._file.run(lambda db: self._pruner.step(db, now))
        return charges

    async def release(self, attempt_id: str) -> None:
        await self.close(attempt_id, admission.release)

    async def renew(self, attempt_ids: Sequence[str], until: int) -> None:
        rows = [(until, attempt_id) for attempt_id in attempt_ids]
        await self._file.run(lambda db: db.executemany("UPDATE holds SET lease_until = ? WHERE attempt_id = ?", rows))

    async def close(self, attempt_id: str, change: Callable[[States, Hold], None]) -> bool:
        """Remove an open hold and apply `change`; False when there is none."""
        return await self._file.run(lambda db: run_now(self._inside(db).close(attempt_id, change)))

    async def change(self, change: Callable[[States], None]) -> None:
        """Apply `change`."""
        await self._file.run(lambda _db: change(self._states.states))

    async def expired(self, now: int) -> list[Hold]:
        """Holds whose lease has ended."""
        return await self._file.run(lambda db: run_now(self._inside(db).expired(now)))

    def _inside(self, db: sqlite3.Connection) -> "_Inside":
        return _Inside(db, self._states.states)


class _Inside:
    """The local steps on a connection in mid-transaction; never suspends."""

    def __init__(self, db: sqlite3.Connection, states: States) -> None:
        self._db = db
        self._states = states

    async def close(self, attempt_id: str, change: Callable[[States, Hold], None]) -> bool:
        row = self._db.execute("DELETE FROM holds WHERE attempt_id = ? RETURNING hold", (attempt_id,)).fetchone()
        if row is None:
            return False
        change(self._states, _decode(row[0]))
        return True

    async def change(self, change: Callable[[States], None]) -> None:
        change(self._states)

    async def expired(self, now: int) -> list[Hold]:
        rows = self._db.execute("SELECT hold FROM holds WHERE lease_until <= ?", (now,)).fetchall()
        return [_decode(row[0]) for row in rows]
