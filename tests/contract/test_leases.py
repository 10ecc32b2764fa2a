"""Leases under clocks that jump: who lives keeps its holds, and the holds of the dead are charged in time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.places import FILES, MEMORY, RULES, Place, place, shelf_folder
from tidegate.core.books import Books, lease_of
from tidegate.model.facts import Fact, LeaseExpired
from tidegate.model.hold import Hold
from tidegate.model.times import SECOND, parse_rfc3339
from unit.policy.holds import CENT, LEASE, ask

NOW = parse_rfc3339("2026-11-22T12:00:00Z")
HOUR = 3600 * SECOND


class Clock:
    """The clock of one process: true time, by how much all clocks of the machine are wrong, and by how much its own."""

    def __init__(self, machine: "Machine", wrong: int) -> None:
        self._machine = machine
        self._wrong = wrong

    def now(self) -> int:
        return NOW + self._machine.passed + self._machine.wrong + self._wrong

    def ticks(self) -> float:
        return self._machine.passed / SECOND

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


class Machine:
    """Two processes that share a store, and the true time."""

    def __init__(self, here: Place, apart: int = 0) -> None:
        self.here = here
        self.passed = 0
        self.wrong = 0
        self.facts: list[Fact] = []
        self.owner = Books(here.store, Clock(self, 0), self.facts.append)
        self.other = Books(here.store, Clock(self, apart), self.facts.append)

    def admit(self, books: Books, name: str) -> None:
        assert isinstance(self.here.run(books.admit(ask(name, CENT))), Hold)

    def keep(self, *books: Books) -> None:
        for one in books:
            self.here.run(one.keep(LEASE))

    def second(self, *books: Books) -> None:
        self.passed += SECOND
        self.keep(*books)

    @property
    def charged(self) -> list[str]:
        return [fact.charge.attempt_id for fact in self.facts if isinstance(fact, LeaseExpired)]


@contextmanager
def machine(name: str, apart: int = 0) -> Iterator[Machine]:
    with shelf_folder() as folder, place(name, folder, RULES) as here:
        yield Machine(here, apart)


@pytest.mark.parametrize("jump", [-40 * 24 * HOUR, -HOUR, -20 * SECOND, -3 * SECOND, -SECOND, 0, HOUR])
def test_the_holds_of_a_killed_process_are_charged_in_time(here: Place, jump: int) -> None:
    """Within a lease and two seconds of the next start, whatever the clock says then."""
    run = Machine(here)
    for number in range(5):
        run.admit(run.owner, f"a{number}")
        run.second(run.owner)
    run.wrong = jump
    here.reopen()
    run.other = Books(here.store, Clock(run, 0), run.facts.append)
    run.keep(run.other)
    for _ in range(LEASE // SECOND + 2 + 2 * (-3 * SECOND <= jump < 0)):
        run.second(run.other)
    assert sorted(run.charged) == [f"a{number}" for number in range(5)]
    assert here.open_holds() == set()
    assert here.money() == (3 * 5 * CENT, 0)


def test_calls_after_the_clock_was_set_back_have_leases_by_the_clock(here: Place) -> None:
    run = Machine(here)
    run.wrong = HOUR
    run.admit(run.owner, "before")
    here.run(here.store.release("before"))
    run.wrong = 0
    hold = here.run(here.store.admit(ask("after", CENT), NOW))
    assert isinstance(hold, Hold)
    assert hold.admitted_at > NOW + HOUR
    assert hold.lease_until == NOW + LEASE
    assert [charge.attempt_id for charge in here.run(here.store.sweep(NOW + LEASE))] == ["after"]


@pytest.mark.parametrize("name", [*MEMORY, *FILES])
def test_a_lease_from_the_future_is_watched_for_its_length(name: str) -> None:
    with machine(name) as run:
        watched(run.here)


def watched(here: Place) -> None:
    hold = here.run(here.store.admit(ask("a", CENT), NOW))
    assert isinstance(hold, Hold)
    back = NOW - HOUR
    assert here.run(here.store.sweep(back)) == []
    assert here.run(here.store.sweep(back + LEASE - 1)) == []
    here.run(here.store.renew(["a"], NOW + LEASE + 1))  # it lives: begin again
    assert here.run(here.store.sweep(back + LEASE)) == []
    assert here.run(here.store.sweep(back + 2 * LEASE - 1)) == []
    assert here.run(here.store.sweep(back - HOUR)) == [], "back once more: begin again"
    assert here.run(here.store.sweep(back - HOUR + LEASE - 1)) == []
    assert len(here.run(here.store.sweep(back - HOUR + LEASE))) == 1


def test_what_is_being_charged_cannot_be_renewed(here: Place) -> None:
    """The sweep was cut off after it had said so; whoever renews now pays, and is corrected when it settles."""
    here.run(here.store.admit(ask("a", CENT), NOW))
    store = here.store
    assert here.run(store.claim(NOW + LEASE))[0]  # type: ignore[attr-defined]  # a step of every store of ours
    here.run(store.renew(["a"], NOW + 5 * LEASE))
    assert [charge.attempt_id for charge in here.run(store.sweep(NOW + LEASE + 1))] == ["a"]


moves = st.lists(
    st.one_of(
        st.just(0),
        st.just(0),
        st.sampled_from([-40 * 24 * HOUR, -HOUR, -20 * SECOND, -2 * SECOND, -SECOND // 2]),
        st.sampled_from([SECOND // 2, 2 * SECOND, 7 * SECOND, HOUR, 400 * 24 * HOUR]),
    ),
    max_size=25,
)


@pytest.mark.parametrize("name", ["memory-blocking", "sqlite-blocking", "sqlite-blocking-two", "twins-blocking"])
@settings(deadline=None, max_examples=25)
@given(jumps=moves, apart=st.integers(-SECOND + 1, SECOND - 1), owner_first=st.booleans())
def test_who_lives_is_not_charged_and_who_dies_is(name: str, jumps: list[int], apart: int, owner_first: bool) -> None:
    """The clock of the machine jumps each second, and the clocks of the two are less than a second apart."""
    with machine(name, apart) as run:
        pair = (run.owner, run.other) if owner_first else (run.other, run.owner)
        run.keep(*pair)
        for number, jump in enumerate(jumps):
            run.wrong += jump
            if number % 3 == 0:
                run.admit(run.owner, f"a{number}")
            run.second(*pair)
            assert run.charged == []
        for _ in range(2 * LEASE // SECOND):
            run.second(*pair)
        assert run.charged == []
        opened = run.here.open_holds()
        for _ in range(LEASE // SECOND + 2):  # the owner is dead
            run.second(run.other)
        assert set(run.charged) == opened
        assert run.here.open_holds() == set()


def test_a_sleeping_machine_is_no_death(folder: Path) -> None:
    """The ticks stand while a machine sleeps, and the clock goes on; the other one wakes up first."""
    with place("sqlite-blocking", folder, RULES) as here:
        run = Machine(here)
        run.admit(run.owner, "a")
        run.second(run.owner, run.other)
        run.wrong += 8 * HOUR
        run.keep(run.other)
        run.second(run.other, run.owner)
        run.second(run.other, run.owner)
        for _ in range(30):
            run.second(run.other, run.owner)
        assert run.charged == []
        assert run.owner.open_holds == 1


@pytest.mark.parametrize("apart", [-SECOND + 1, SECOND - 1])
def test_the_shortest_lease_bears_clocks_that_are_apart(folder: Path, apart: int) -> None:
    lease = lease_of(0.5)
    with place("sqlite-blocking", folder, RULES) as here:
        run = Machine(here, apart)
        assert isinstance(here.run(run.owner.admit(ask("a", CENT, lease=lease))), Hold)
        for _ in range(10):
            run.passed += SECOND
            here.run(run.other.keep(lease))
            here.run(run.owner.keep(lease))
        assert run.charged == []
        for _ in range(4):
            run.passed += SECOND
            here.run(run.other.keep(lease))
        assert run.charged == ["a"]
