"""The books behind threads: as the core's, for callers that come from any number of threads and event loops at once."""

from tidegate.core.books import Books, is_aging
from tidegate.core.ports import Clock, Observe, Store
from tidegate.model.errors import StoreDown


class ThreadBooks(Books):
    """The dictionaries are only ever copied whole and changed by single keys, which needs no lock of ours."""

    def __init__(self, store: Store, clock: Clock, observe: Observe) -> None:
        super().__init__(store, clock, observe)
        self._until: dict[str, int] = {}
        """Renewed leases; touched by the keeper alone."""

    def leave(self, call_id: str) -> None:
        """The call is over, however that came: what it still holds is the sweep's, which charges it whole."""
        for attempt_id, hold in self._open.copy().items():
            if hold.ask.call_id == call_id:
                self.forget(attempt_id)

    async def keep(self, lease: int) -> None:
        """As the core's.  A hold is never put back, so one that is settled meanwhile stays settled.

        One that is two leases old is renewed no more: its owner was interrupted where nobody noticed.  A call lives for
        `total`, one lease, and that this has passed is seen after a gap between two pieces, which may be as long.  An
        owner who is slower still is charged whole, and puts that right when it settles.
        """
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
        now, ticks = self._clock.now(), self._clock.ticks()
        for name, hold in self._open.copy().items():
            if now - hold.lease_until > lease:
                self.forget(name)
        held = self._open.copy()
        self._until = {name: until for name, until in self._until.items() if name in held}
        aging = [name for name, hold in held.items() if is_aging(self._until.get(name, hold.lease_until), now, lease)]
        if aging:
            await self._store.renew(aging, now + lease)
            self._until.update(dict.fromkeys(aging, now + lease))
        await self._sweep(now, ticks)
        if broken is not None:
            raise broken
