"""What every store promises, whatever it is made of."""

from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from contract.places import RULES, Place, place
from tidegate.model.call import Caller
from tidegate.model.hold import Hold
from tidegate.model.refusal import Refusal
from tidegate.model.times import SECOND, parse_rfc3339
from tidegate.model.usage import Usage
from tidegate.policy.crash import crashed
from unit.policy.holds import ANN, CENT, LEASE, ask, bill

NOW = parse_rfc3339("2026-11-22T12:00:00Z")
BOB = Caller("chat", "bob", "default")
DAY = 24 * 3600 * SECOND


def admit(here: Place, name: str, cost: int = 10 * CENT, now: int = NOW, caller: Caller = ANN) -> Hold:
    hold = here.run(here.store.admit(ask(name, cost, caller=caller), now))
    assert isinstance(hold, Hold)
    return hold


def refused(here: Place, name: str, cost: int = 10 * CENT, now: int = NOW, caller: Caller = ANN) -> Refusal:
    refusal = here.run(here.store.admit(ask(name, cost, caller=caller), now))
    assert isinstance(refusal, Refusal)
    return refusal


def same(here: Place) -> bool:
    """What the store believes is what stands in its file."""
    return here.state() == here.fresh_state()


# -- admit


def test_a_hold_counts_in_every_scope(here: Place) -> None:
    hold = admit(here, "a")
    assert [key[0] for key, _, _ in hold.entries] == ["b", "b", "b", "r", "t", "c"]
    assert {key[0]: tally for key, tally in here.tallies().items()} == {"b": (0, 10 * CENT), "c": (0, 1)}
    assert len(here.tallies()) == 4
    assert (hold.admitted_at, hold.lease_until) == (NOW, NOW + LEASE)
    assert same(here)


def test_what_one_scope_refuses_is_held_in_none(here: Place) -> None:
    admit(here, "a", 45 * CENT)
    before = here.state()
    assert (refused(here, "b", 6 * CENT).reason, here.state()) == ("budget_held", before)
    assert refused(here, "c", 51 * CENT).reason == "budget_spent"
    assert here.state() == before
    assert here.ledger() == {}
    admit(here, "d", 5 * CENT)
    assert here.money() == (0, 3 * 50 * CENT)
    assert same(here)


def test_scopes_are_shared_by_those_whom_they_are_per(here: Place) -> None:
    admit(here, "a", 50 * CENT)
    assert refused(here, "b", CENT).scope == "user"
    admit(here, "c", 50 * CENT, caller=BOB)
    assert refused(here, "d", CENT, caller=Caller("chat", "cy", "default")).scope == "organization"


def test_settled_money_is_spent_and_the_rest_is_free_again(here: Place) -> None:
    hold = admit(here, "a", 50 * CENT)
    assert refused(here, "b", CENT).reason == "budget_held"
    assert here.run(here.store.settle(hold, bill(hold, 45 * CENT)))
    assert here.money() == (3 * 45 * CENT, 0)
    assert refused(here, "c", 6 * CENT).reason == "budget_spent"
    admit(here, "d", 5 * CENT)
    assert same(here)


def test_requests_in_a_minute(here: Place) -> None:
    for number in range(20):
        hold = admit(here, f"a{number}", CENT)
        here.run(here.store.settle(hold, bill(hold, CENT)))
    refusal = refused(here, "b")
    assert refusal.reason == "rate_limited"
    assert refusal.retry_after == pytest.approx(60, abs=0.001)
    here.reopen()
    assert refused(here, "c", now=NOW + 59 * SECOND).reason == "rate_limited"
    admit(here, "d", now=NOW + 60 * SECOND + 100)
    assert same(here)


def test_tokens_are_corrected_when_the_bill_is_actual(here: Place) -> None:
    used = Usage(input_tokens=1000, cache_read_tokens=10**6, output_tokens=500)
    holds = []
    for number, exactness in enumerate(("actual", "estimated", "assumed")):
        hold = here.run(here.store.admit(ask(f"a{number}", 0, tokens=(2000, 1300)), NOW))
        assert isinstance(hold, Hold)
        here.run(here.store.settle(hold, bill(hold, 0, exactness=exactness, usage=used)))  # type: ignore[arg-type]  # literals
        holds.append(hold)
    # 1500 + 3300 + 3300 of 10,000 are used
    assert isinstance(here.run(here.store.admit(ask("b", 0, tokens=(1901, 0)), NOW)), Refusal)
    assert isinstance(here.run(here.store.admit(ask("c", 0, tokens=(1900, 0)), NOW)), Hold)
    assert same(here)


def test_calls_at_once(here: Place) -> None:
    holds = [admit(here, f"a{number}", CENT) for number in range(10)]
    assert refused(here, "b").reason == "too_many_concurrent"
    again = here.run(here.store.admit(replace(ask("c", CENT), attempt=2), NOW))
    assert isinstance(again, Refusal), "a repeated attempt needs a place like any other"
    here.run(here.store.settle(holds[0], bill(holds[0], 0)))
    here.run(here.store.release("a1"))
    admit(here, "d", CENT)
    admit(here, "e", CENT)
    assert refused(here, "f", CENT).reason == "too_many_concurrent"
    here.run(here.store.sweep(NOW + LEASE + 100))
    assert {tally for key, tally in here.tallies().items() if key[0] == "c"} == set(), "the dead hold no place"
    assert same(here)


# -- settle


def test_a_settlement_writes_its_charge(here: Place) -> None:
    hold = admit(here, "a")
    assert here.run(here.store.settle(hold, bill(hold, 7 * CENT)))
    assert here.ledger() == {"a": (7 * CENT, 0)}
    assert here.rows("SELECT outcome, exactness, held FROM charges") == [("ok", "actual", 10 * CENT)]
    assert here.open_holds() == set()
    assert here.run(here.store.sweep(NOW + DAY)) == []
    assert same(here)


def test_settling_again_changes_nothing(here: Place) -> None:
    """Whoever does not know whether a settlement came through repeats it: Books, after a cancelled round of chores."""
    hold = admit(here, "a")
    here.run(here.store.settle(hold, bill(hold, 7 * CENT)))
    before = here.state()
    here.run(here.store.settle(hold, bill(hold, 7 * CENT)))
    assert here.ledger() == {"a": (7 * CENT, 0)}
    assert here.state() == before
    assert same(here)


def test_a_bill_above_its_hold_counts_in_full(here: Place) -> None:
    hold = admit(here, "a", 10 * CENT)
    here.run(here.store.settle(hold, bill(hold, 60 * CENT)))
    assert here.ledger() == {"a": (60 * CENT, 0)}
    assert here.money() == (3 * 60 * CENT, 0)
    assert refused(here, "b", CENT).reason == "budget_spent"


def test_a_charge_belongs_to_the_period_of_its_admission(here: Place) -> None:
    hold = admit(here, "a", 30 * CENT, parse_rfc3339("2026-11-30T23:59:59.999990Z"))
    here.run(here.store.release("nothing"))
    admit(here, "b", 50 * CENT, parse_rfc3339("2026-12-01T00:00:00Z"))
    here.run(here.store.settle(hold, bill(hold, 30 * CENT)))
    by_period = {key.rpartition("|")[2]: tally for key, tally in here.tallies().items() if "|month|" in key}
    assert by_period == {"2026-11-01": (30 * CENT, 0), "2026-12-01": (0, 50 * CENT)}
    assert same(here)


# -- release


def test_what_never_left_leaves_no_trace_but_the_request(here: Place) -> None:
    admit(here, "a", 50 * CENT)
    here.run(here.store.release("a"))
    assert here.money() == (0, 0)
    assert here.open_holds() == set()
    assert here.ledger() == {}
    here.run(here.store.release("a"))
    here.run(here.store.release("never was"))
    assert here.tallies() == {}
    assert here.run(here.store.sweep(NOW + DAY)) == []
    assert here.ledger() == {}
    assert same(here)


def test_releasing_what_is_settled_changes_nothing(here: Place) -> None:
    hold = admit(here, "a")
    here.run(here.store.settle(hold, bill(hold, 7 * CENT)))
    before = here.state()
    here.run(here.store.release("a"))
    assert here.state() == before
    assert here.ledger() == {"a": (7 * CENT, 0)}


# -- leases


def test_a_lease_that_ended_is_charged_whole(here: Place) -> None:
    hold = admit(here, "a")
    admit(here, "b", now=NOW + SECOND)
    assert here.run(here.store.sweep(NOW + LEASE - 1)) == []
    charges = here.run(here.store.sweep(NOW + LEASE))
    assert list(charges) == [crashed(hold, NOW + LEASE)]
    assert here.run(here.store.sweep(NOW + LEASE)) == []
    assert here.ledger() == {"a": (10 * CENT, 0)}
    assert here.rows("SELECT outcome, exactness, held, cost FROM charges") == [
        ("crashed", "assumed", 10 * CENT, 10 * CENT)
    ]
    assert here.open_holds() == {"b"}
    assert here.money() == (3 * 10 * CENT, 3 * 10 * CENT)
    assert same(here)


def test_a_renewed_lease_lives_on(here: Place) -> None:
    admit(here, "a")
    admit(here, "b")
    here.run(here.store.renew(["a", "never was"], NOW + 3 * LEASE))
    here.run(here.store.renew([], NOW + 3 * LEASE))
    assert [charge.attempt_id for charge in here.run(here.store.sweep(NOW + 2 * LEASE))] == ["b"]
    here.reopen()
    assert here.run(here.store.sweep(NOW + 3 * LEASE - 1)) == []
    assert [charge.attempt_id for charge in here.run(here.store.sweep(NOW + 3 * LEASE))] == ["a"]
    here.run(here.store.renew(["a"], NOW + 9 * LEASE))
    assert here.open_holds() == set()
    assert same(here)


def test_a_late_settlement_corrects_the_sweep_once(here: Place) -> None:
    hold = admit(here, "a")
    here.run(here.store.sweep(NOW + DAY))
    late = bill(hold, 3 * CENT)
    assert not here.run(here.store.settle(hold, late))
    assert here.ledger() == {"a": (3 * CENT, 1)}
    assert here.rows("SELECT adjusts, at, source, cost_delta FROM adjustments") == [
        ("a", "2026-11-22T12:00:01.500000Z", "late_settlement", -7 * CENT)
    ]
    assert here.money() == (3 * 3 * CENT, 0)
    for _ in range(2):
        here.run(here.store.settle(hold, late))
    assert here.ledger() == {"a": (3 * CENT, 1)}
    assert here.money() == (3 * 3 * CENT, 0)
    assert here.run(here.store.sweep(NOW + 2 * DAY)) == []
    assert same(here)


@pytest.mark.parametrize(("cents", "adjustments"), [(0, 1), (10, 0), (25, 1)])
def test_a_late_settlement_of_any_size(here: Place, cents: int, adjustments: int) -> None:
    hold = admit(here, "a")
    here.run(here.store.sweep(NOW + DAY))
    here.run(here.store.settle(hold, bill(hold, cents * CENT)))
    assert here.ledger() == {"a": (cents * CENT, adjustments)}
    assert here.money() == (3 * cents * CENT, 0)
    assert same(here)


# -- time


def test_the_time_of_the_store_never_goes_back(here: Place) -> None:
    times = [admit(here, f"a{number}", 0, now).admitted_at for number, now in enumerate((NOW, NOW - DAY, 0, NOW - 1))]
    here.reopen()
    times += [admit(here, f"b{number}", 0, now).admitted_at for number, now in enumerate((NOW - 2 * DAY, NOW - DAY))]
    assert times[0] == NOW
    assert all(earlier < later for earlier, later in pairwise(times)), "and never repeats"
    assert admit(here, "c", 0, NOW + 9 * DAY).admitted_at == NOW + 9 * DAY
    assert same(here)


def test_a_clock_that_was_set_back_goes_on(here: Place) -> None:
    """The store's time goes on at the clock's pace: a limit of a minute ends after a minute."""
    for number in range(20):
        hold = admit(here, f"a{number}", CENT)
        here.run(here.store.settle(hold, bill(hold, CENT)))
    past = NOW - 3600 * SECOND
    admit(here, "bob", CENT, past, BOB)
    admit(here, "bob again", CENT, past, BOB)
    assert refused(here, "b", CENT, past + 58 * SECOND).reason == "rate_limited"
    for second in (59, 60, 61, 62):
        admit(here, f"bob{second}", CENT, past + second * SECOND, BOB)
    admit(here, "c", CENT, past + 63 * SECOND)
    assert same(here)


def test_a_clock_that_was_set_back_and_right_again_forgives_nothing(here: Place) -> None:
    for number in range(20):
        hold = admit(here, f"a{number}", CENT)
        here.run(here.store.settle(hold, bill(hold, CENT)))
    for now in (NOW - 3600 * SECOND, NOW - 3590 * SECOND, NOW + 30 * SECOND):
        assert refused(here, "b", CENT, now).reason == "rate_limited"
    admit(here, "c", CENT, NOW + 61 * SECOND)


def test_a_clock_that_is_put_right_does_not_carry_the_store_away(folder: Path) -> None:
    """A machine boots in 1970 and then asks for the time, while the store is some seconds ahead of that."""
    with place("sqlite-blocking", folder, RULES) as here:
        admit(here, "a", 0, NOW + 5 * SECOND)
        admit(here, "b", 0, 0)
        assert admit(here, "c", 0, NOW).admitted_at < NOW + DAY


def test_a_wrong_clock_seen_by_one_process_is_forgotten_by_it(folder: Path) -> None:
    """Its next call meets the time of another process, which is a few microseconds ahead as it always may be."""
    with place("sqlite-blocking", folder, RULES) as here:
        other = here.open()
        for number in range(20):
            hold = admit(here, f"a{number}", CENT)
            here.run(here.store.settle(hold, bill(hold, CENT)))
        assert refused(here, "b", CENT, NOW - 3600 * SECOND).reason == "rate_limited"
        assert isinstance(here.run(other.admit(ask("bob", CENT, caller=BOB), NOW + 10 * SECOND + 5)), Hold)
        assert refused(here, "c", CENT, NOW + 10 * SECOND).reason == "rate_limited"


def test_a_clock_that_jumps_back_forgives_nothing(here: Place) -> None:
    for number in range(20):
        hold = admit(here, f"a{number}", CENT)
        here.run(here.store.settle(hold, bill(hold, CENT)))
    assert refused(here, "b", now=NOW - DAY).reason == "rate_limited"
    assert refused(here, "c", 31 * CENT, now=NOW - 40 * DAY).reason == "budget_spent"


def test_a_refusal_at_a_wrong_time_forgives_nothing(here: Place) -> None:
    """A clock that is a day ahead asks once, is refused for another reason, and is put right."""
    holds = [admit(here, f"a{number}", CENT) for number in range(10)]
    for number, hold in enumerate(holds):
        here.run(here.store.settle(hold, bill(hold, CENT)))
        admit(here, f"b{number}", CENT)
    for _ in range(2):
        assert refused(here, "c", CENT, now=NOW + DAY).reason == "too_many_concurrent"
    assert refused(here, "d", CENT, now=NOW + SECOND).reason == "rate_limited"
    assert same(here)


@pytest.mark.parametrize("reopened", [False, True])
def test_a_clock_that_jumps_ahead_and_back_while_nobody_asks_forgives_nothing(here: Place, reopened: bool) -> None:
    """The sweep runs every second whether anybody asks or not, so it is what meets a wrong clock first."""
    for number in range(20):
        hold = admit(here, f"a{number}", 2 * CENT)
        here.run(here.store.settle(hold, bill(hold, 2 * CENT)))
    for _ in range(4):
        here.run(here.store.sweep(NOW + 400 * DAY))
    if reopened:
        here.reopen()
    assert refused(here, "b", 11 * CENT, now=NOW + SECOND).reason == "budget_spent"
    assert refused(here, "c", now=NOW + SECOND).reason == "rate_limited"


# -- memory


def test_what_is_over_is_forgotten(here: Place) -> None:
    """Users come and go: neither the file nor memory keeps a state for each of them for ever."""
    for day in range(4):
        for user in range(5):
            who = Caller("chat", f"user{day}-{user}", "default")
            hold = admit(here, f"{day}-{user}", CENT, NOW + day * 10 * DAY, who)
            here.run(here.store.settle(hold, bill(hold, CENT)))
        for _ in range(8):
            here.run(here.store.sweep(NOW + day * 10 * DAY + SECOND))
    here.reopen()
    tallies = here.tallies()
    assert not [key for key in tallies if "user0" in key or "user1" in key]
    assert [key for key in tallies if "user3" in key]
    assert sum(settled for key, (settled, _) in tallies.items() if "|total|" in key) == 20 * CENT, "but no money"
    assert states_kept(here) < 30


def states_kept(here: Place) -> int:
    """How many states the place keeps, in memory or in its file."""
    state: object = here.store
    live = getattr(state, "live", None)
    if live is not None:
        return len(live.states.tally.__self__) + len(live.states.window.__self__)
    return sum(here.store_rows(f"SELECT COUNT(*) FROM {table}")[0][0] for table in ("tallies", "windows"))
