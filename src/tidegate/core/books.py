"""The books: holds and charges through a store that may be down for a moment, and no charge is lost."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial

from msgspec.structs import replace

from tidegate.core.ports import Clock, Observe, Store
from tidegate.model.errors import StoreDown
from tidegate.model.facts import AttemptSettled, HoldExceeded, LeaseExpired
from tidegate.model.hold import Ask, Charge, Hold
from tidegate.model.refusal import Refusal
from tidegate.model.times import SECOND
from tidegate.policy.breaker import Circuit

APART = SECOND
"""Clocks of processes that share a store differ by less than these microseconds."""

LEAP = 0.5
"""Seconds that the clock may run ahead of the ticks between two rounds of chores without having leapt."""

PATIENCE = 3.0
"""Seconds in which every process that lives has renewed its leases, after the clock has leapt."""


class Books:
    """What the Gate does with money.

    A settlement that the store cannot take now waits here and is tried again every second.  If this process dies
    meanwhile, the lease of the hold ends and the sweep charges it whole: late, but never lost.
    """

    def __init__(self, store: Store, clock: Clock, observe: Observe) -> None:
        self._store = store
        self._clock = clock
        self._observe = observe
        self._open: dict[str, Hold] = {}
        self._owed: dict[str, Callable[[], Awaitable[object]]] = {}
        self._seen: tuple[int, float] | None = None
        """The clock and the ticks at the last round of chores."""
        self._patient_until = 0.0
        """Ticks until which nobody is swept."""

    @property
    def open_holds(self) -> int:
        """Holds of this process that are not settled yet."""
        return len(self._open)

    @property
    def owed(self) -> int:
        """Settlements that wait for the store."""
        return len(self._owed)

    async def admit(self, ask: Ask) -> Hold | Refusal:
        """A durable hold, or why there is none.  Whoever is cancelled in between leaves no hold behind."""
        try:
            hold = await self._store.admit(ask, self._clock.now())
        except StoreDown:
            return Refusal(reason="store_down", retry_after=2.0)
        except BaseException:
            await self.release(ask.attempt_id)
            raise
        if isinstance(hold, Hold):
            self._open[ask.attempt_id] = hold
        return hold

    async def settle(self, hold: Hold, charge: Charge) -> None:
        """Write the charge, now or as soon as the store can."""
        self._open.pop(charge.attempt_id, None)
        try:
            await self._store.settle(hold, charge)
        except BaseException as error:  # noqa: BLE001 - raised again there, unless the store is down
            self._owe(error, charge.attempt_id, partial(self._store.settle, hold, charge))
        finally:  # the store finishes what was cancelled, so it is told then, too
            self._observe(AttemptSettled(charge))
            if charge.cost > charge.held:
                self._observe(HoldExceeded(charge))

    async def release(self, attempt_id: str, *, lost: bool = False) -> None:
        """Give a hold back, now or as soon as the store can; `lost`: its upstream could not be reached."""
        lost_at = self._clock.now() if lost else 0
        self._open.pop(attempt_id, None)
        try:
            await self._store.release(attempt_id, lost_at)
        except BaseException as error:  # noqa: BLE001 - raised again there, unless the store is down
            self._owe(error, attempt_id, partial(self._store.release, attempt_id, lost_at))

    async def probed(self, hold: Hold) -> None:
        """The answer to a probe has begun.  That the store cannot hear of it now costs another probe."""
        with suppress(StoreDown):
            await self._store.probed(hold.ask.attempt_id, self._clock.now())

    async def circuits(self) -> Mapping[str, Circuit]:
        """The breaker's circuits by name; raises StoreDown."""
        return await self._store.circuits()

    def forget(self, attempt_id: str) -> None:
        """Leave a hold to the sweep: when its lease has ended it is charged whole.  For what must not happen."""
        self._open.pop(attempt_id, None)

    async def keep(self, lease: int) -> None:
        """The chores of every second: pay what is owed, renew leases (to `lease` microseconds), sweep dead holds."""
        broken: Exception | None = None
        for attempt_id, pay in list(self._owed.items()):
            try:
                await pay()
            except StoreDown:
                raise
            except Exception as error:  # noqa: BLE001 - one that cannot be paid must not stand in the way of the others
                broken = error
            else:
                self._owed.pop(attempt_id, None)
        now, ticks = self._clock.now(), self._clock.ticks()
        aging = [name for name, hold in self._open.items() if is_aging(hold.lease_until, now, lease)]
        if aging:
            await self._store.renew(aging, now + lease)
            for attempt_id in aging:
                if attempt_id in self._open:
                    self._open[attempt_id] = replace(self._open[attempt_id], lease_until=now + lease)
        await self._sweep(now, ticks)
        if broken is not None:
            raise broken

    async def _sweep(self, now: int, ticks: float) -> None:
        """Charge dead holds, of any process; never those of one that lives."""
        seen, self._seen = self._seen, (now, ticks)
        if seen is not None and now - seen[0] > (ticks - seen[1] + LEAP) * SECOND:
            # The clock has leapt ahead, or the machine has slept: the others have yet to renew.
            self._patient_until = ticks + PATIENCE
        if ticks < self._patient_until:
            return
        for charge in await self._store.sweep(now - APART):
            self._open.pop(charge.attempt_id, None)
            self._observe(LeaseExpired(charge))

    def _owe(self, error: BaseException, attempt_id: str, pay: Callable[[], Awaitable[object]]) -> None:
        """Keep in mind what the store did not take, or may not take: what is cancelled will be done, but unheard."""
        if isinstance(error, StoreDown) or not isinstance(error, Exception):
            self._owed[attempt_id] = pay
        if not isinstance(error, StoreDown):
            raise error


def is_aging(lease_until: int, now: int, lease: int) -> bool:
    """Whether it is time to renew: half of the lease is over, or its end does not fit the clock, which was set back."""
    return not lease // 2 <= lease_until - now <= lease + SECOND


def lease_of(total: float) -> int:
    """The length of a lease, microseconds: the longest that an attempt may live, and one second."""
    return int((total + 1) * SECOND)
