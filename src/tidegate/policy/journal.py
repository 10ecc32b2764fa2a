"""The journal: every change of a store's live state as one entry, and the only code that applies one.

State is the fold of the journal.  Whoever has applied the same entries, in this process or in another, has the same
state; a store decides on its state, writes the entry, and applies it.

Of a hold that a sweep has closed it is remembered what the budgets count for it, until the truth comes: then they
count that instead, once, however often and by whomever it is told.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import msgspec
from msgspec import Struct

from tidegate.model.hold import Adjustment, Charge, Hold
from tidegate.model.times import SECOND
from tidegate.policy.admission import States
from tidegate.policy.breaker import Circuit, Went, ended, probed, went
from tidegate.policy.rules import Breaker


class Admitted(Struct, frozen=True, gc=False, array_like=True, tag="admitted"):
    """A hold was made."""

    hold: Hold


class Settled(Struct, frozen=True, gc=False, array_like=True, tag="settled"):
    """A hold became its cost."""

    attempt_id: str
    cost: int
    used: tuple[int, int] | None
    """Input tokens without cache reads, and output tokens; None keeps those of the hold."""
    went: Went = 0
    """What the attempt says about its upstream."""
    at: int = 0
    """When it ended, microseconds since 1970 UTC; 0 with `went` 0."""


class Released(Struct, frozen=True, gc=False, array_like=True, tag="released"):
    """A hold was given back: the request never left."""

    attempt_id: str
    lost_at: int = 0
    """When the upstream could not be reached, microseconds since 1970 UTC; 0: the caller has left."""


class Probed(Struct, frozen=True, gc=False, array_like=True, tag="probed"):
    """The stream of a probe has begun: its upstream works."""

    attempt_id: str
    at: int


class Renewed(Struct, frozen=True, gc=False, array_like=True, tag="renewed"):
    """Leases were moved to end at `until`, microseconds since 1970 UTC."""

    attempt_ids: tuple[str, ...]
    until: int


class Claimed(Struct, frozen=True, gc=False, array_like=True, tag="claimed"):
    """A sweep is about to charge these holds: they can be neither renewed nor given back any more."""

    attempt_ids: tuple[str, ...]


class Swept(Struct, frozen=True, gc=False, array_like=True, tag="swept"):
    """A hold was closed at what the ledger has, by somebody who cannot know how its attempt ended."""

    attempt_id: str
    cost: int


class Correcting(Struct, frozen=True, gc=False, array_like=True, tag="correcting"):
    """The charge of a hold that was swept is about to be corrected; who finds this unfinished may finish it."""

    adjustment: Adjustment


class Corrected(Struct, frozen=True, gc=False, array_like=True, tag="corrected"):
    """The truth about a hold that was swept stands in the ledger: this is its cost."""

    attempt_id: str
    cost: int


class Adjusted(Struct, frozen=True, gc=False, array_like=True, tag="adjusted"):
    """The cost of a charge was corrected in these budgets, which nothing is remembered for any more."""

    keys: tuple[str, ...]
    delta: int


JournalEntry = Admitted | Settled | Released | Probed | Renewed | Claimed | Swept | Correcting | Corrected | Adjusted

REMEMBERED = 10_000
"""Holds that were swept and are remembered, at most; the oldest are forgotten first."""

MEMORY = 2 * 24 * 3600 * SECOND
"""How long they are remembered, in store time since their admission."""


class Counted(Struct, frozen=True, gc=False, array_like=True):
    """What the budgets count for a hold that was swept."""

    keys: tuple[str, ...]
    cost: int
    admitted_at: int
    adjustment: Adjustment | None = None
    """The correction that has begun."""


def settled(charge: Charge, hold: Hold | None = None) -> Settled:
    """The entry of a charge.  An assumed bill keeps the tokens of its hold, as it keeps its money.

    `hold` is given by whoever saw the attempt end, and can say how it went.
    """
    usage = charge.usage
    # Cache reads are free of Anthropic's limits (claude-api.md 4.5), and of ours.
    fresh = usage.input_tokens + usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    used = (fresh, usage.output_tokens) if charge.exactness == "actual" else None
    if hold is None or not hold.ask.circuit:
        return Settled(charge.attempt_id, charge.cost, used)
    at = hold.admitted_at + charge.duration_ms * 1000
    return Settled(charge.attempt_id, charge.cost, used, went(hold.ask, charge), at)


def adjusted(hold: Hold, delta: int) -> Adjusted:
    """The entry of a correction to the charge of a hold."""
    return Adjusted(_budgets(hold), delta)


def _budgets(hold: Hold) -> tuple[str, ...]:
    return tuple(key for key, _, _ in hold.entries if key[0] == "b")


_STEP = 60 * SECOND
"""As far as a clock that is wrong may lead."""

_key = itemgetter(0)
"""Of a hold's entry."""


class Live:
    """The live state of a store: its states, its open holds, its circuits, its time."""

    def __init__(self, states: States, breaker: Breaker = Breaker()) -> None:  # noqa: B008 - frozen
        self._tally, self._window = states.tally, states.window
        self.states = states
        self.holds: dict[str, Hold] = {}
        self.circuits: dict[str, Circuit] = {}
        self.counted: dict[str, Counted] = {}
        """By attempt id, for those that were swept; oldest first."""
        self._breaker = breaker
        self.last = 0
        """The greatest admission time: the store's time never goes back."""
        self._ahead = 0
        """How far the store's time is before the clock, since the clock was once set back."""
        self._changes: dict[type, Callable[[Any], Sequence[str]]] = {
            Admitted: self._admitted,
            Settled: self._settled,
            Released: self._released,
            Probed: self._probed,
            Renewed: self._renewed,
            Claimed: self._claimed,
            Swept: self._swept,
            Correcting: self._correcting,
            Corrected: self._corrected,
            Adjusted: self._adjusted,
        }

    def tick(self, now: int) -> int:
        """The store's time for an admission: never repeats, never goes back, and runs on at the clock's pace."""
        if now > self.last - SECOND:  # the clocks of processes that share a store differ by less than that
            self._ahead = 0
            return max(now, self.last + 1)
        # A clock that is put right jumps, too: no single step may carry the store into another period.
        at = min(max(now + self._ahead, self.last + 1), self.last + _STEP)
        self._ahead = at - now
        return at

    def apply(self, entry: JournalEntry) -> Sequence[str]:
        """Make the change; the keys it touched.  An entry about a hold that is not open changes nothing."""
        return self._changes[type(entry)](entry)

    @property
    def unfinished(self) -> list[Adjustment]:
        """Corrections that have begun."""
        return [one.adjustment for one in self.counted.values() if one.adjustment is not None]

    def late(self, attempt_id: str) -> Hold | Counted | None:
        """What a sweep has made of a hold that can be given back no more: it claimed it, or closed it."""
        hold = self.holds.get(attempt_id)
        if hold is None:
            return self.counted.get(attempt_id)
        return None if hold.lease_until else hold

    def _settled(self, entry: Settled) -> Sequence[str]:
        hold = self.holds.pop(entry.attempt_id, None)
        if hold is None:
            return ()
        if entry.at:
            self._went(hold, entry.went, entry.at)
        return self._end(hold, entry.cost, entry.used)

    def _released(self, entry: Released) -> Sequence[str]:
        hold = self.holds.pop(entry.attempt_id, None)
        if hold is None:
            return ()
        if entry.lost_at:
            self._went(hold, -1, entry.lost_at)
        return self._end(hold, 0, (0, 0))

    def _probed(self, entry: Probed) -> Sequence[str]:
        hold = self.holds.get(entry.attempt_id)
        if hold is not None:
            self._went(hold, 1, entry.at)
        return ()

    def _renewed(self, entry: Renewed) -> Sequence[str]:
        for attempt_id in entry.attempt_ids:
            hold = self.holds.get(attempt_id)
            if hold is not None and hold.lease_until:
                self.holds[attempt_id] = msgspec.structs.replace(hold, lease_until=entry.until)
        return ()

    def _claimed(self, entry: Claimed) -> Sequence[str]:
        for attempt_id in entry.attempt_ids:
            if attempt_id in self.holds:
                self.holds[attempt_id] = msgspec.structs.replace(self.holds[attempt_id], lease_until=0)
        return ()

    def _swept(self, entry: Swept) -> Sequence[str]:
        hold = self.holds.pop(entry.attempt_id, None)
        if hold is None:
            return ()
        counted = self.counted
        counted[entry.attempt_id] = Counted(_budgets(hold), entry.cost, hold.admitted_at)
        old = self.last - MEMORY
        while len(counted) > REMEMBERED or (counted and next(iter(counted.values())).admitted_at <= old):
            del counted[next(iter(counted))]
        return self._end(hold, entry.cost, None)

    def _correcting(self, entry: Correcting) -> Sequence[str]:
        counted = self.counted.get(entry.adjustment.adjusts)
        if counted is None:
            return ()
        self.counted[entry.adjustment.adjusts] = msgspec.structs.replace(counted, adjustment=entry.adjustment)
        return counted.keys

    def _corrected(self, entry: Corrected) -> Sequence[str]:
        counted = self.counted.pop(entry.attempt_id, None)
        if counted is None:
            return ()
        for key in counted.keys:
            self._tally(key).settled += entry.cost - counted.cost
        return counted.keys

    def _adjusted(self, entry: Adjusted) -> Sequence[str]:
        for key in entry.keys:
            self._tally(key).settled += entry.delta
        return entry.keys

    def _admitted(self, entry: Admitted) -> Sequence[str]:
        hold = entry.hold
        self.holds[hold.ask.attempt_id] = hold
        at = hold.admitted_at
        if at > self.last:  # noqa: PLR1730 - once a call, and max() takes three times as long
            self.last = at
        if hold.probe:
            probed(self.circuits.setdefault(hold.ask.circuit, Circuit()), at, self._breaker)
        for key, amount, length in hold.entries:
            if length:
                self._window(key).add(amount, at, length)
            else:
                self._tally(key).held += amount
        return [*map(_key, hold.entries)]

    def _went(self, hold: Hold, how: Went, at: int) -> None:
        name = hold.ask.circuit
        if name:
            circuit = self.circuits.get(name)
            if circuit is None:
                circuit = self.circuits[name] = Circuit()
            at = min(at, self.last + _STEP)  # as in `tick`: a clock may be wrong for a moment
            ended(circuit, how, at, self._breaker, admitted_at=hold.admitted_at, last=self.last)

    def _end(self, hold: Hold, cost: int, used: tuple[int, int] | None) -> list[str]:
        """Take away what the hold put into each scope, and put its cost there; the request itself still counts."""
        touched = []
        for key, amount, length in hold.entries:
            if not length:
                tally = self._tally(key)
                tally.held -= amount
                if key[0] == "b":
                    tally.settled += cost
            elif used is None or key[0] == "r":
                continue
            else:
                kind = key[0]
                tokens = used[0] if kind == "i" else used[1] if kind == "o" else used[0] + used[1]
                self._window(key).amend(hold.admitted_at, tokens - amount)
            touched.append(key)
        return touched
