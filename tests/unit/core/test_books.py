"""The books: holds and charges through a store that may be down for a moment."""

import msgspec
import pytest

from tidegate.core.books import Books, lease_of
from tidegate.core.run_now import run_now
from tidegate.model.errors import StoreDown
from tidegate.model.facts import AttemptSettled, HoldExceeded, LeaseExpired
from tidegate.model.hold import Ask, Charge, Hold
from tidegate.model.refusal import Refusal
from tidegate.model.times import SECOND
from tidegate.policy.bounds import strict
from tidegate.policy.crash import crashed
from unit.core.world import PRICES, Cancelled, World, call, drive

LEASE = lease_of(10.0)


def books_of(world: World) -> Books:
    return Books(world, world, world.observe)


def an_ask(world: World, attempt_id: str = "one") -> Ask:
    asked = call(world)
    assert asked.reading is not None
    price = PRICES.find(asked.reading.model)
    assert price is not None
    return Ask(
        attempt_id=attempt_id,
        call_id="call",
        attempt=1,
        caller=asked.caller,
        model=asked.model,
        scope_model=asked.model,
        upstream="fake",
        bound=strict(asked.reading, price),
        max_tokens=100,
        price_version="1",
        lease=LEASE,
    )


def admitted(world: World, books: Books, attempt_id: str = "one") -> Hold:
    hold = run_now(books.admit(an_ask(world, attempt_id)))
    assert isinstance(hold, Hold)
    return hold


def a_charge(hold: Hold, cost: int = 5) -> Charge:
    return msgspec.structs.replace(crashed(hold, hold.admitted_at), outcome="ok", exactness="actual", cost=cost)


def failing(world: World, error: BaseException, *, after: int = 1) -> None:
    """The effect after so many more fails."""
    world.fail_at, world.error = world.effects + after, error


def test_a_hold_is_open_until_it_is_settled() -> None:
    world = World()
    books = books_of(world)
    hold = admitted(world, books)
    assert books.open_holds == 1
    run_now(books.settle(hold, a_charge(hold)))
    assert (books.open_holds, books.owed) == (0, 0)
    assert world.facts == [AttemptSettled(a_charge(hold))]
    world.check_every_hold_ended_once()


def test_a_hold_that_was_given_back_is_not_open() -> None:
    world = World()
    books = books_of(world)
    admitted(world, books)
    run_now(books.release("one"))
    assert (books.open_holds, books.owed, world.facts) == (0, 0, [])
    world.check_every_hold_ended_once()


def test_a_store_that_is_down_is_a_refusal() -> None:
    world = World()
    failing(world, StoreDown("locked"))
    refusal = run_now(books_of(world).admit(an_ask(world)))
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.sized) == ("store_down", False)


def test_who_is_cancelled_while_admitted_leaves_no_hold() -> None:
    world = World()
    books = books_of(world)
    failing(world, Cancelled())
    with pytest.raises(Cancelled):
        run_now(books.admit(an_ask(world)))
    assert world.journal == ["admit 1", "admit 1: cancelled", "release"]
    assert books.open_holds == 0
    world.check_every_hold_ended_once()


def test_what_cannot_be_given_back_now_is_owed() -> None:
    """Cancelled while admitted, and then the store is down."""
    world = World()
    books = books_of(world)
    failing(world, Cancelled())
    world.store_dies_after = 1
    with pytest.raises(Cancelled):
        run_now(books.admit(an_ask(world)))
    assert (books.owed, len(world.open)) == (1, 1)
    world.heal()
    run_now(books.keep(LEASE))
    assert books.owed == 0
    world.check_every_hold_ended_once()


def test_debts_are_paid_in_order_until_the_store_fails_again() -> None:
    world = World()
    books = books_of(world)
    holds = [admitted(world, books, name) for name in ("one", "two", "three")]
    for hold in holds:
        failing(world, StoreDown("locked"))
        run_now(books.settle(hold, a_charge(hold)))
    assert (books.owed, books.open_holds, len(world.open)) == (3, 0, 3)
    failing(world, StoreDown("locked"), after=2)
    with pytest.raises(StoreDown):
        run_now(books.keep(LEASE))
    assert (books.owed, list(world.charges)) == (2, ["one"])
    world.heal()
    run_now(books.keep(LEASE))
    assert (books.owed, list(world.charges)) == (0, ["one", "two", "three"])
    world.check_every_hold_ended_once()


def test_debts_are_paid_before_the_sweep_can_charge_them_whole() -> None:
    """The store was away for longer than the lease: the true bill is written, not the assumed one."""
    world = World()
    books = books_of(world)
    hold = admitted(world, books)
    failing(world, StoreDown("locked"))
    run_now(books.settle(hold, a_charge(hold)))
    world.advance(1_000)
    run_now(books.keep(LEASE))
    assert world.charges["one"].exactness == "actual"
    assert not [fact for fact in world.facts if isinstance(fact, LeaseExpired)]
    world.check_every_hold_ended_once()


def test_a_settlement_that_is_cancelled_is_written_and_told() -> None:
    world = World()
    books = books_of(world)
    hold = admitted(world, books)
    failing(world, Cancelled())
    with pytest.raises(Cancelled):
        run_now(books.settle(hold, a_charge(hold)))
    assert world.facts == [AttemptSettled(a_charge(hold))]
    world.check_every_hold_ended_once()
    assert (books.open_holds, books.owed) == (0, 1), "nobody heard whether it was written"
    run_now(books.keep(LEASE))
    assert (books.owed, len(world.facts)) == (0, 1)
    world.check_every_hold_ended_once()


def test_a_settlement_that_fails_after_its_caller_was_cancelled_is_not_lost() -> None:
    """Cancelled while the store is locked: the store gives up later, when nobody listens any more."""
    world = World()
    books = books_of(world)
    hold = admitted(world, books)
    world.suspends = True
    settling = books.settle(hold, a_charge(hold))
    world.lost = True
    with pytest.raises(Cancelled):
        drive(settling, (1,))
    assert (len(world.open), books.owed) == (1, 1)
    world.heal()
    run_now(books.keep(LEASE))
    assert world.charges["one"].exactness == "actual"
    world.check_every_hold_ended_once()


def test_a_settlement_that_is_owed_is_told_once() -> None:
    world = World()
    books = books_of(world)
    hold = admitted(world, books)
    failing(world, StoreDown("locked"))
    run_now(books.settle(hold, a_charge(hold, cost=hold.ask.bound.cost + 1)))
    run_now(books.keep(LEASE))
    assert [type(fact) for fact in world.facts] == [AttemptSettled, HoldExceeded]


def test_leases_are_renewed_at_half_their_length() -> None:
    world = World()
    books = books_of(world)
    hold = admitted(world, books)
    run_now(books.keep(LEASE))
    world.advance(5.0)
    run_now(books.keep(LEASE))
    assert "renew 1" not in world.journal
    world.advance(1.0)
    run_now(books.keep(LEASE))
    assert world.open["one"].lease_until == hold.lease_until + 6 * SECOND
    run_now(books.keep(LEASE))
    assert world.journal.count("renew 1") == 1, "not again at once"
    for _ in range(20):
        world.advance(5.9)
        run_now(books.keep(LEASE))
    assert list(world.open) == ["one"]


def test_a_renewal_that_fails_is_tried_again() -> None:
    world = World()
    books = books_of(world)
    admitted(world, books)
    world.advance(6.0)
    failing(world, StoreDown("locked"))
    with pytest.raises(StoreDown):
        run_now(books.keep(LEASE))
    run_now(books.keep(LEASE))
    assert world.journal[-1] == "renew 1"


def test_a_lease_that_ended_is_charged_whole_and_told() -> None:
    """The store's clock ran on while nobody renewed: another process, or this one, sweeps."""
    world = World()
    owner, other = books_of(world), books_of(world)
    hold = admitted(world, owner)
    world.advance(100.0)
    run_now(other.keep(LEASE))
    (told,) = world.facts
    assert isinstance(told, LeaseExpired)
    assert (told.charge.outcome, told.charge.cost) == ("crashed", hold.ask.bound.cost)
    run_now(owner.settle(hold, a_charge(hold)))
    assert [charge.attempt_id for charge in world.late] == ["one"], "the store corrects that"
    assert len(world.charges) == 1


def test_a_hold_that_is_given_up_is_left_to_the_sweep() -> None:
    world = World()
    books = books_of(world)
    admitted(world, books)
    books.forget("one")
    assert (books.open_holds, len(world.open)) == (0, 1)
    for _ in range(12):
        world.advance(1.0)
        run_now(books.keep(LEASE))
    assert world.charges["one"].outcome == "crashed"
    world.check_every_hold_ended_once()


@pytest.mark.parametrize("total", [0.5, 3.0, 600.0])
def test_a_lease_is_the_longest_life_of_an_attempt_and_a_second(total: float) -> None:
    assert lease_of(total) == round((total + 1) * SECOND)
