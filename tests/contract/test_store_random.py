"""Random lives of a store against the plain fold of the same events, with restarts and snapshots in between."""

from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.places import PLACES, RULES, Place, beheld, frequent_snapshots, place, shelf_folder
from tidegate.model.call import Caller
from tidegate.model.hold import Hold
from tidegate.model.refusal import Refusal
from tidegate.model.times import SECOND, parse_rfc3339
from tidegate.policy.admission import decide
from tidegate.policy.crash import crashed
from tidegate.policy.journal import Admitted, Corrected, Released, Renewed, Swept, adjusted, settled
from tidegate.policy.scopes import Scopes
from unit.policy.holds import CENT, LEASE, Shelf, ask, bill

USERS = [Caller("chat", "ann", "default"), Caller("chat", "bob", "default"), Caller("mail", "ann", "default")]
MINUTE = 60 * SECOND


class Life:
    """A store and the fold beside it."""

    def __init__(self, here: Place) -> None:
        self.here = here
        self.shelf = Shelf()
        self.scopes = Scopes(RULES)
        self.now = parse_rfc3339("2026-11-22T23:58:00Z")
        self.ids = count()
        self.holds: list[Hold] = []
        """Every hold that there ever was."""
        self.ledger: dict[str, tuple[int, int]] = {}

    def advance(self, microseconds: int) -> None:
        self.now += microseconds

    def admit(self, user: int, cents: int, attempt: int) -> None:
        wanted = ask(f"a{next(self.ids)}", cents * CENT, caller=USERS[user], tokens=(1500, 700), attempt=attempt)
        live = self.shelf.live
        result = self.here.run(self.here.store.admit(wanted, self.now))
        # Each process has its own way to a time that nobody had before; all are within microseconds.
        at = result.admitted_at if isinstance(result, Hold) else max(self.now, live.last + 1)
        assert max(self.now, live.last + 1) <= at <= max(self.now, live.last) + SECOND
        expected = decide(self.scopes, live.states, wanted, at)
        if isinstance(result, Hold):
            assert result == expected
            live.apply(Admitted(result))
            self.holds.append(result)
        else:
            assert isinstance(expected, Refusal)
            assert (result.reason, result.scope, result.sized) == (expected.reason, expected.scope, expected.sized)
            assert result.retry_after == pytest.approx(expected.retry_after, abs=0.001)

    def settle(self, which: int, cents: int) -> None:
        """Settle any hold of the past: open, settled, released or swept."""
        if not self.holds:
            return
        hold = self.holds[-1 - which % len(self.holds)]
        name = hold.ask.attempt_id
        charge = bill(hold, cents * CENT)
        if name in self.ledger:
            cost, adjustments = self.ledger[name]
            if adjustments and charge.cost != cost:
                return  # one attempt has one truth
            delta = charge.cost - cost
            swept = name in self.shelf.live.counted
            self.shelf.live.apply(Corrected(name, charge.cost) if swept else adjusted(hold, delta))
            self.ledger[name] = (charge.cost, adjustments + bool(delta))
        elif name in self.shelf.live.holds:
            self.shelf.live.apply(settled(charge))
            self.ledger[name] = (charge.cost, 0)
        else:
            return  # released: never sent
        self.here.run(self.here.store.settle(hold, charge))

    def release(self, which: int) -> None:
        if self.holds:
            name = self.holds[-1 - which % len(self.holds)].ask.attempt_id
            if name in self.shelf.live.counted:
                cost, adjustments = self.ledger[name]
                self.shelf.live.apply(Corrected(name, 0))
                self.ledger[name] = (0, adjustments + bool(cost))
            self.shelf.live.apply(Released(name))
            self.here.run(self.here.store.release(name))

    def renew(self, which: int, seconds: int) -> None:
        names = tuple(hold.ask.attempt_id for hold in self.holds[-1 - which :])
        until = self.now + seconds * SECOND
        self.shelf.live.apply(Renewed(names, until))
        self.here.run(self.here.store.renew(names, until))

    def sweep(self, ahead: int) -> None:
        now = self.now + ahead * LEASE
        dead = [hold for hold in self.shelf.live.holds.values() if hold.lease_until <= now]
        for hold in dead:
            self.shelf.live.apply(Swept(hold.ask.attempt_id, crashed(hold, now).cost))
            self.ledger[hold.ask.attempt_id] = (hold.ask.bound.cost, 0)
        charges = self.here.run(self.here.store.sweep(now))
        assert {charge.attempt_id for charge in charges} == {hold.ask.attempt_id for hold in dead}

    def reopen(self) -> None:
        self.here.reopen()

    def check(self) -> None:
        expected = beheld(self.shelf.picture(), self.shelf.live)
        assert self.here.state() == expected
        assert self.here.fresh_state() == expected
        assert self.here.ledger() == self.ledger


steps = st.one_of(
    *[st.tuples(st.just("admit"), st.integers(0, 2), st.integers(0, 12), st.sampled_from([1, 1, 2]))] * 4,
    *[st.tuples(st.just("settle"), st.integers(0, 6), st.integers(0, 14))] * 2,
    st.tuples(st.just("release"), st.integers(0, 6)),
    st.tuples(st.just("renew"), st.integers(0, 3), st.integers(0, 12)),  # as far as the clock that sweeps can follow
    st.tuples(st.just("sweep"), st.integers(0, 2)),
    st.tuples(st.just("reopen")),
    st.tuples(st.just("advance"), st.sampled_from([SECOND, 20 * SECOND, MINUTE])),
    st.tuples(st.just("check")),
)


@pytest.mark.parametrize("name", PLACES)
@settings(deadline=None, max_examples=12)
@given(
    schedule=st.lists(steps, min_size=15, max_size=40),
    every=st.sampled_from([1, 2, 3, 7, 1000]),
    tail=st.integers(0, 9),
    most=st.sampled_from([0, 5, 1000]),
)
def test_a_store_is_the_fold_of_what_happened(
    name: str, schedule: list[tuple[Any, ...]], every: int, tail: int, most: int
) -> None:
    with frequent_snapshots(every, tail, most), shelf_folder() as folder, place(name, folder, RULES) as here:
        life = Life(here)
        for step, *arguments in schedule:
            getattr(life, step)(*arguments)
        life.check()
