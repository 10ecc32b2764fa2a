"""The store in memory: one process, and nothing survives it but the charges in the ledger."""

from collections import defaultdict
from collections.abc import Sequence
from threading import Lock

from tidegate.core.ports import Ledger
from tidegate.model.hold import Ask, Charge, Hold
from tidegate.model.refusal import Refusal
from tidegate.policy.admission import States, decide
from tidegate.policy.budgets import Tally
from tidegate.policy.journal import Admitted, JournalEntry, Live, Released, Renewed
from tidegate.policy.limits import Window
from tidegate.policy.scopes import Scopes
from tidegate.stores import order


class MemoryStore:
    """The Store as plain dictionaries; the lock serves threads behind a blocking door."""

    def __init__(self, scopes: Scopes, ledger: Ledger) -> None:
        self._scopes = scopes
        self._ledger = ledger
        self._lock = Lock()
        tallies: defaultdict[str, Tally] = defaultdict(Tally)
        windows: defaultdict[str, Window] = defaultdict(Window)
        self.live = Live(States(tallies.__getitem__, windows.__getitem__))

    async def admit(self, ask: Ask, now: int) -> Hold | Refusal:
        with self._lock:
            hold = decide(self._scopes, self.live.states, ask, self.live.tick(now))
            if isinstance(hold, Hold):
                self.live.apply(Admitted(hold))
            return hold

    async def settle(self, hold: Hold, charge: Charge) -> bool:
        return await order.settle(self, self._ledger, hold, charge)

    async def release(self, attempt_id: str) -> None:
        await self.write(Released(attempt_id))

    async def renew(self, attempt_ids: Sequence[str], until: int) -> None:
        await self.write(Renewed(tuple(attempt_ids), until))

    async def sweep(self, now: int) -> Sequence[Charge]:
        return await order.sweep(self, self._ledger, now)

    async def write(self, entry: JournalEntry) -> None:
        """Apply the entry."""
        with self._lock:
            self.live.apply(entry)

    async def expired(self, now: int) -> list[Hold]:
        """Open holds whose lease has ended."""
        with self._lock:
            return [hold for hold in self.live.holds.values() if hold.lease_until <= now]
