"""The store in memory: one process, and nothing survives it but the charges in the ledger."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from threading import Lock

from msgspec.structs import replace

from tidegate.core.ports import Ledger
from tidegate.model.hold import Adjustment, Ask, Charge, Hold
from tidegate.model.refusal import Refusal
from tidegate.model.times import SECOND
from tidegate.policy.admission import States, decide
from tidegate.policy.breaker import Circuit, copy_of
from tidegate.policy.budgets import Tally
from tidegate.policy.journal import Admitted, Claimed, Counted, JournalEntry, Live, Probed, Released, Renewed
from tidegate.policy.limits import Window
from tidegate.policy.rules import Breaker
from tidegate.policy.scopes import Scopes
from tidegate.stores import order
from tidegate.stores.leases import Leases
from tidegate.stores.prune import STEP, past


class MemoryStore:
    """The Store as plain dictionaries; the lock serves threads behind a blocking door."""

    def __init__(self, scopes: Scopes, ledger: Ledger, breaker: Breaker = Breaker()) -> None:  # noqa: B008 - frozen
        self._scopes = scopes
        self._ledger = ledger
        self._lock = Lock()
        self._tallies: defaultdict[str, Tally] = defaultdict(Tally)
        self._windows: defaultdict[str, Window] = defaultdict(Window)
        self.live = Live(States(self._tallies.__getitem__, self._windows.__getitem__), breaker)
        self._leases = Leases()
        self._aging: list[str] = []
        """Keys that the next sweeps look at, to forget what is over."""

    async def admit(self, ask: Ask, now: int) -> Hold | Refusal:
        with self._lock:
            circuit = self.live.circuits.get(ask.circuit)
            hold = decide(self._scopes, self.live.states, ask, self.live.tick(now), circuit)
            if isinstance(hold, Hold):
                if hold.admitted_at - now > SECOND:  # store time is ahead since the clock was set back
                    hold = replace(hold, lease_until=now + ask.lease)
                self.live.apply(Admitted(hold))
            return hold

    async def settle(self, hold: Hold, charge: Charge) -> bool:
        return await order.settle(self, self._ledger, hold, charge)

    async def release(self, attempt_id: str, lost_at: int = 0) -> None:
        await order.release(self, self._ledger, attempt_id, lost_at)

    async def probed(self, attempt_id: str, now: int) -> None:
        await self.write(Probed(attempt_id, now))

    async def circuits(self) -> Mapping[str, Circuit]:
        with self._lock:
            return copy_of(self.live.circuits)

    async def renew(self, attempt_ids: Sequence[str], until: int) -> None:
        await self.write(Renewed(tuple(attempt_ids), until))

    async def sweep(self, now: int) -> Sequence[Charge]:
        charges = await order.sweep(self, self._ledger, now)
        with self._lock:
            self._prune(self.live.last)
        return charges

    async def write(self, entry: JournalEntry) -> bool:
        """Apply the entry; False when it touched no scope."""
        with self._lock:
            return bool(self.live.apply(entry))

    def _prune(self, now: int) -> None:
        """Forget windows that have passed and tallies of past periods, a few at a time; `now` is store time."""
        if not self._aging:
            self._aging = [*self._tallies, *self._windows]
        for key in self._aging[-STEP:]:
            if key in self._windows:
                window = self._windows[key]
                window.prune(now, int(key.split("|", 3)[2]))
                if not window.entries:
                    del self._windows[key]
            elif key in self._tallies and not self._tallies[key].held and past(key, self._tallies[key].settled, now):
                del self._tallies[key]
        del self._aging[-STEP:]

    async def claim(self, now: int) -> tuple[Sequence[Hold], Sequence[Adjustment]]:
        """Open holds whose lease has ended, which only a charge can end now; and corrections that have begun."""
        with self._lock:
            ended = self._leases.ended(self.live.holds, now)
            self.live.apply(Claimed(tuple(hold.ask.attempt_id for hold in ended)))
            return ended, self.live.unfinished

    async def give_back(self, attempt_id: str, lost_at: int) -> Hold | Counted | None:
        """Release the hold; or, where that is too late, the hold that is claimed or what is counted for it."""
        with self._lock:
            late = self.live.late(attempt_id)
            if late is None:
                self.live.apply(Released(attempt_id, lost_at))
            return late
