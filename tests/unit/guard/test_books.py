"""The books behind threads, and why the core's own are not enough for them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from tidegate.core.books import Books
from tidegate.core.run_now import run_now
from tidegate.doors.guard.books import ThreadBooks
from tidegate.model.call import Bound, Caller
from tidegate.model.errors import StoreDown
from tidegate.model.hold import Ask, Charge, Hold
from tidegate.model.usage import Usage
from tidegate.policy.breaker import Circuit
from tidegate.system.clock import BlockingClock

LEASE = 1_000_000


class Now(BlockingClock):
    """A clock that stands."""

    at = 0

    def now(self) -> int:
        return self.at

    def ticks(self) -> float:
        return self.at / 1_000_000


class Journal:
    """A store that notes what it is asked; `during` is another thread that comes in between."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.down = False
        self.during: Any = None
        self.dead: list[Charge] = []

    async def admit(self, ask: Ask, now: int) -> Hold:
        return Hold(ask=ask, admitted_at=now, lease_until=now + LEASE, entries=())

    async def settle(self, hold: Hold, charge: Charge) -> bool:
        if self.down:
            raise StoreDown("down")
        self.done.append(("settle", charge.attempt_id))
        return True

    async def release(self, attempt_id: str, lost_at: int = 0) -> None:
        self.done.append(("release", attempt_id))

    async def probed(self, attempt_id: str, now: int) -> None:
        raise AssertionError("nothing here is a probe")

    async def circuits(self) -> Mapping[str, Circuit]:
        raise AssertionError("nobody asks")

    async def renew(self, attempt_ids: Sequence[str], until: int) -> None:
        self.done.append(("renew", tuple(attempt_ids), until))
        if self.during is not None:
            self.during()

    async def sweep(self, now: int) -> Sequence[Charge]:
        self.done.append("sweep")
        return self.dead


def ask(name: str) -> Ask:
    bound = Bound(cost=10, input_cost=5, input_tokens=1, output_tokens=1)
    return Ask(
        attempt_id=name, call_id="c", attempt=1, caller=Caller("app", "u", "r"), model="m", scope_model="m",
        upstream="anthropic", bound=bound, max_tokens=1, price_version="1", lease=LEASE,
    )  # fmt: skip


def charge(hold: Hold) -> Charge:
    return Charge(
        attempt_id=hold.ask.attempt_id, call_id="c", started_at=0, duration_ms=0, first_byte_ms=None, app="app",
        user_id="u", route="r", model_requested="m", model="m", upstream="anthropic", outcome="ok", error_type=None,
        status=200, attempt=1, stop_reason=None, usage=Usage(), max_tokens=1, held=10, cost=1, exactness="actual",
        price_version="1", upstream_request_id=None,
    )  # fmt: skip


def admitted(books: Books, name: str) -> Hold:
    hold = run_now(books.admit(ask(name)))
    assert isinstance(hold, Hold)
    return hold


@pytest.fixture
def store() -> Journal:
    return Journal()


@pytest.fixture
def clock() -> Now:
    return Now()


@pytest.fixture
def books(store: Journal, clock: Now) -> ThreadBooks:
    return ThreadBooks(store, clock, lambda _: None)


def keep(books: Books) -> None:
    run_now(books.keep(LEASE))


def test_young_leases_are_left_alone(store: Journal, books: ThreadBooks) -> None:
    admitted(books, "a")
    keep(books)
    assert store.done == ["sweep"]


def test_a_lease_is_renewed_when_half_of_it_is_over(store: Journal, books: ThreadBooks, clock: Now) -> None:
    admitted(books, "a")
    clock.at = LEASE // 2 + 1
    keep(books)
    keep(books)
    assert store.done == [("renew", ("a",), clock.at + LEASE), "sweep", "sweep"]
    clock.at += LEASE // 2 + 1
    keep(books)
    assert store.done[-2] == ("renew", ("a",), clock.at + LEASE)
    assert books.open_holds == 1


def test_what_is_settled_during_a_renewal_stays_settled(store: Journal, books: ThreadBooks, clock: Now) -> None:
    hold = admitted(books, "a")
    clock.at = LEASE // 2 + 1
    store.during = lambda: run_now(books.settle(hold, charge(hold)))
    keep(books)
    assert books.open_holds == 0
    store.during = None
    clock.at += LEASE
    keep(books)
    assert [step[0] for step in store.done if step != "sweep"] == ["renew", "settle"]
    assert books._until == {}


def test_what_is_admitted_while_the_leases_are_looked_at(store: Journal, books: ThreadBooks, clock: Now) -> None:
    class Meddling(Now):
        def now(self) -> int:
            admitted_now = len(books._open)
            books._open[f"other-{admitted_now}"] = replace(hold, lease_until=0)
            return clock.at

    hold = admitted(books, "a")
    books._clock = Meddling()
    keep(books)
    assert store.done[-1] == "sweep"


def test_debts_are_paid(store: Journal, books: ThreadBooks) -> None:
    hold = admitted(books, "a")
    store.down = True
    run_now(books.settle(hold, charge(hold)))
    assert (books.owed, books.open_holds) == (1, 0)
    with pytest.raises(StoreDown):
        keep(books)
    store.down = False
    keep(books)
    assert books.owed == 0
    assert store.done == [("settle", "a"), "sweep"]


def test_a_debt_that_cannot_be_paid_does_not_stand_in_the_way(store: Journal, books: ThreadBooks) -> None:
    async def broken() -> None:
        raise KeyError

    hold = admitted(books, "b")
    store.down = True
    run_now(books.settle(hold, charge(hold)))
    store.down = False
    books._owed = {"a": broken, **books._owed}
    with pytest.raises(KeyError):
        keep(books)
    assert list(books._owed) == ["a"]
    assert store.done == [("settle", "b"), "sweep"]


def test_swept_holds_are_closed_and_told(store: Journal, clock: Now) -> None:
    facts: list[Any] = []
    books = ThreadBooks(store, clock, facts.append)
    hold = admitted(books, "a")
    store.dead = [charge(hold)]
    keep(books)
    assert books.open_holds == 0
    assert [type(fact).__name__ for fact in facts] == ["LeaseExpired"]


class _Thread(dict[str, Hold]):
    """The open holds, changed by another thread while they are looked at."""

    def items(self) -> Any:
        found = super().items()
        for pair in found:
            yield pair
            self[f"{pair[0]}-new"] = pair[1]


def test_the_cores_books_do_not_bear_threads(store: Journal, clock: Now) -> None:
    """`Books.keep` walks its dictionary while other threads change it.  When this fails, ThreadBooks may go."""
    books = Books(store, clock, lambda _: None)
    hold = admitted(books, "a")
    books._open = _Thread(books._open)
    with pytest.raises(RuntimeError, match="changed size during iteration"):
        keep(books)
    books = Books(store, clock, lambda _: None)
    hold = admitted(books, "b")
    clock.at = LEASE // 2 + 1
    threads = ThreadBooks(store, clock, lambda _: None)
    threads._open = _Thread({"b": hold})
    keep(threads)


def test_a_hold_whose_owner_was_interrupted_is_left_to_the_sweep(
    store: Journal, books: ThreadBooks, clock: Now
) -> None:
    admitted(books, "a")
    clock.at = 2 * LEASE
    keep(books)
    assert books.open_holds == 1
    clock.at = 2 * LEASE + 1
    renewals = len(store.done)
    keep(books)
    assert store.done[renewals:] == ["sweep"]
    assert books.open_holds == 0
    assert books._until == {}


def test_what_a_call_leaves_behind(store: Journal, books: ThreadBooks, clock: Now) -> None:
    admitted(books, "a")
    books._open["b"] = replace(books._open["a"], ask=replace(ask("b"), call_id="another"))
    books.leave("c")
    assert list(books._open) == ["b"]
    clock.at = LEASE // 2 + 1
    keep(books)
    assert store.done == [("renew", ("b",), clock.at + LEASE), "sweep"]
