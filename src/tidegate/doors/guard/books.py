"""The books behind threads: as the core's, for callers that come from any number of threads and event loops at once."""

from tidegate.core.books import Books
from tidegate.core.ports import Clock, Observe, Store
from tidegate.model.errors import StoreDown
from tidegate.model.facts import LeaseExpired


class ThreadBooks(Books):
    """The dictionaries are only ever copied whole and changed by single keys, which needs no lock of ours."""

    def __init__(self, store: Store, clock: Clock, observe: Observe) -> None:
        super().__init__(store, clock, observe)
        self._until: dict[str, int] = {}
        """Renewed leases; touched by the keeper alone."""

    async def keep(self, lease: int) -> None:
        """As the core's.  A hold is never put back, so one that is settled meanwhile stays settled."""
        broken: Exception | None = None
        for attempt_id, pay in self._owed.copy().items():
            try:
                await pay()
            except StoreDown:
                raise
            except Exception as error:  # noqa: BLE001 - one that cannot be paid must not stand in the way of the others
                broken = error
            else:
                self._owed.pop(attempt_id, None)
        now = self._clock.now()
        held = self._open.copy()
        self._until = {name: until for name, until in self._until.items() if name in held}
        aging = [name for name, hold in held.items() if self._until.get(name, hold.lease_until) - now < lease // 2]
        if aging:
            await self._store.renew(aging, now + lease)
            self._until.update(dict.fromkeys(aging, now + lease))
        for charge in await self._store.sweep(now):
            self._open.pop(charge.attempt_id, None)
            self._observe(LeaseExpired(charge))
        if broken is not None:
            raise broken
