"""A store and a ledger that a thread is inside of at most once.

The garbage collector may run in the middle of a transaction, and there end a stream or a task whose settlement would
wait for a lock that its own thread holds.  Such a settlement finds the store down instead, and the keeper pays it.
"""

import threading
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from tidegate.core.ports import Ledger, Store
from tidegate.model.errors import StoreDown
from tidegate.model.facts import CallRefused
from tidegate.model.hold import Adjustment, Ask, Charge, Hold
from tidegate.model.refusal import Refusal
from tidegate.policy.breaker import Circuit

T = TypeVar("T")


class Inside:
    """Work that a thread must not begin while it is in it; raises StoreDown."""

    def __init__(self) -> None:
        self._here = threading.local()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The flag is set and taken away without a call: a signal handler that raises finds no gap there."""
        here = self._here
        if getattr(here, "inside", False):
            work.close()
            raise StoreDown("this thread is in the middle of a transaction")
        try:
            here.inside = True
            return await work
        finally:
            here.inside = False


class OnceStore:
    """The Store."""

    def __init__(self, store: Store, inside: Inside) -> None:
        self._store = store
        self._inside = inside

    async def admit(self, ask: Ask, now: int) -> Hold | Refusal:
        """As the port says."""
        return await self._inside.run(self._store.admit(ask, now))

    async def settle(self, hold: Hold, charge: Charge) -> bool:
        """As the port says."""
        return await self._inside.run(self._store.settle(hold, charge))

    async def release(self, attempt_id: str, lost_at: int = 0) -> None:
        """As the port says."""
        await self._inside.run(self._store.release(attempt_id, lost_at))

    async def probed(self, attempt_id: str, now: int) -> None:
        """As the port says."""
        await self._inside.run(self._store.probed(attempt_id, now))

    async def circuits(self) -> Mapping[str, Circuit]:
        """As the port says."""
        return await self._inside.run(self._store.circuits())

    async def renew(self, attempt_ids: Sequence[str], until: int) -> None:
        """As the port says."""
        await self._inside.run(self._store.renew(attempt_ids, until))

    async def sweep(self, now: int) -> Sequence[Charge]:
        """As the port says."""
        return await self._inside.run(self._store.sweep(now))


class OnceLedger:
    """The Ledger."""

    def __init__(self, ledger: Ledger, inside: Inside) -> None:
        self._ledger = ledger
        self._inside = inside

    async def append(self, charge: Charge) -> bool:
        """As the port says."""
        return await self._inside.run(self._ledger.append(charge))

    async def adjust(self, adjustment: Adjustment) -> bool:
        """As the port says."""
        return await self._inside.run(self._ledger.adjust(adjustment))

    async def cost(self, attempt_id: str) -> int | None:
        """As the port says."""
        return await self._inside.run(self._ledger.cost(attempt_id))

    async def refused(self, refused: CallRefused) -> None:
        """As the port says."""
        await self._inside.run(self._ledger.refused(refused))
