"""The store in memory: one process, and nothing survives it but the charges in the ledger."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from threading import Lock

import msgspec

from tidegate.core.ports import Ledger
from tidegate.model.hold import Ask, Charge, Hold
from tidegate.model.refusal import Refusal
from tidegate.policy import admission
from tidegate.policy.admission import States
from tidegate.policy.budgets import Tally
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
        self.states = States(tallies.__getitem__, windows.__getitem__, lambda _key: None)
        self._holds: dict[str, Hold] = {}
        self._last = 0

    async def admit(self, ask: Ask, now: int) -> Hold | Refusal:
        with self._lock:
            self._last = max(now, self._last + 1)
            hold = admission.admit(self._scopes, self.states, ask, self._last)
            if isinstance(hold, Hold):
                self._holds[ask.attempt_id] = hold
            return hold

    async def settle(self, hold: Hold, charge: Charge) -> bool:
        return await order.settle(self, self._ledger, hold, charge)

    async def release(self, attempt_id: str) -> None:
        await self.close(attempt_id, admission.release)

    async def renew(self, attempt_ids: Sequence[str], until: int) -> None:
        with self._lock:
            for attempt_id in attempt_ids:
                hold = self._holds.get(attempt_id)
                if hold is not None:
                    self._holds[attempt_id] = msgspec.structs.replace(hold, lease_until=until)

    async def sweep(self, now: int) -> Sequence[Charge]:
        return await order.sweep(self, self._ledger, now)

    async def close(self, attempt_id: str, change: Callable[[States, Hold], None]) -> bool:
        """Remove an open hold and apply `change`; False when there is none."""
        with self._lock:
            hold = self._holds.pop(attempt_id, None)
            if hold is None:
                return False
            change(self.states, hold)
            return True

    async def change(self, change: Callable[[States], None]) -> None:
        """Apply `change`."""
        with self._lock:
            change(self.states)

    async def expired(self, now: int) -> list[Hold]:
        """Holds whose lease has ended."""
        with self._lock:
            return [hold for hold in self._holds.values() if hold.lease_until <= now]
