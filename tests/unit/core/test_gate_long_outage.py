"""A minute without an upstream under 200 requests a second: what callers, upstream and books see of it.

In simulated time, through the real Gate and a real store; `e2e/outage/test_long_outage.py` does it in real time.
"""

from bisect import bisect_left, bisect_right
from functools import cache
from itertools import pairwise

import pytest

from tidegate.model.money import USD
from tidegate.policy.retry import ALWAYS_ALLOWED
from tidegate.policy.rules import Breaker, Budget, Retry, Rules, Timeouts
from unit.core.simulated import COST, GAP, LATENCY, Coast, Done, Health

PACE = 200
"""Calls a second."""
DOWN_AT, DOWN_FOR, AFTER = 10.0, 60.0, 30.0
BACK_AT = DOWN_AT + DOWN_FOR
PROBE = Breaker().probe_after
DEADLINE = Retry().deadline
FIRST_BYTE = 20.0
BUDGET = 10_000 * USD
RULES = Rules(
    bound="strict",
    budgets=(Budget(per=("organization",), amount=BUDGET, every="month"),),
    timeouts=Timeouts(first_byte=FIRST_BYTE, total=FIRST_BYTE),
)

KINDS: list[Health] = ["refusing", "hanging", "overloaded", "silent"]
FAILS_AFTER = {"refusing": 0.001, "hanging": Timeouts().connect, "overloaded": LATENCY, "silent": FIRST_BYTE}
"""Seconds after which the first attempt has failed; nobody can know of a time-out before it is over."""


@cache
def outage(kind: Health) -> Coast:
    """The same hour for all questions about it."""
    coast = Coast(RULES, lambda at: kind if DOWN_AT <= at < BACK_AT else "well")
    coast.run(a_second=PACE, seconds=BACK_AT + AFTER)
    return coast


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Health:
    return request.param  # type: ignore[no-any-return]  # one of them


@pytest.fixture
def coast(kind: Health) -> Coast:
    return outage(kind)


def during(coast: Coast, start: float, end: float) -> list[Done]:
    return [one for one in coast.done if start <= one.started < end]


def opened(coast: Coast) -> float:
    """When the breaker was first found open."""
    return min(one.started for one in coast.done if one.was_open)


def recovered(coast: Coast, back: float = BACK_AT) -> float:
    """When a probe found the upstream well."""
    return min(at for at, _, probe in coast.store.admitted if probe and at >= back)


def test_everybody_gets_an_answer_within_the_deadline(coast: Coast) -> None:
    assert len(coast.done) == PACE * (BACK_AT + AFTER)
    assert max(one.took for one in coast.done) <= DEADLINE
    assert {one.status for one in coast.done} <= {200, 504, 529}


def test_before_it_everybody_is_served(coast: Coast) -> None:
    assert {one.status for one in during(coast, 0, DOWN_AT - 1)} == {200}


def test_it_opens_when_the_failures_are_most_of_its_window(coast: Coast, kind: Health) -> None:
    """Half a window after the first of them, when there was as much to do before."""
    assert opened(coast) <= DOWN_AT + FAILS_AFTER[kind] + Breaker().window / 2 + 0.1


def test_once_it_is_open_nobody_waits(coast: Coast) -> None:
    """But for the probes: one in each interval."""
    known = during(coast, opened(coast), BACK_AT)
    assert len(known) > PACE * 35
    refused = [one for one in known if one.was_open]
    assert {(one.took, one.status, one.reason) for one in refused} == {(0.0, 529, "breaker_open")}
    assert len(known) - len(refused) <= DOWN_FOR / PROBE + 1


def test_one_probe_in_each_interval(coast: Coast) -> None:
    probes = [at for at, _, probe in coast.store.admitted if probe]
    gaps = [later - earlier for earlier, later in pairwise(probes)]
    assert min(gaps) >= PROBE - 1e-6
    assert max(gaps) <= PROBE + 0.1
    assert len([at for at in probes if at < BACK_AT]) == pytest.approx((BACK_AT - opened(coast)) / PROBE, abs=1)


def test_retries_keep_to_their_budget(coast: Coast) -> None:
    """In any window of 10 seconds; a retry belongs to the moment at which it was decided, up to 16 s before."""
    attempts = [at for at, _, _ in coast.store.admitted]
    retries = [at for at, attempt, _ in coast.store.admitted if attempt > 1]
    for start in range(int(DOWN_AT), int(BACK_AT + AFTER)):
        counted = bisect_left(retries, start + 10) - bisect_left(retries, start)
        most = max(
            bisect_right(attempts, end) - bisect_left(attempts, end - 10) for end in range(start - 16, start + 11)
        )
        assert counted <= 2 * max(ALWAYS_ALLOWED, 0.2 * most)


def test_an_upstream_that_is_down_is_left_alone(coast: Coast) -> None:
    """Without a breaker it would be 200 calls a second, each sent five times."""
    asked = coast.sea.asked
    known = opened(coast)
    assert bisect_left(asked, BACK_AT) - bisect_left(asked, known) <= DOWN_FOR / PROBE + 1
    calls = PACE * (known - DOWN_AT)
    window = bisect_left(asked, known) - bisect_left(asked, known - Breaker().window)
    assert bisect_left(asked, known) - bisect_left(asked, DOWN_AT) <= calls + Retry().budget * window + ALWAYS_ALLOWED


def test_its_return_is_found_within_two_intervals(coast: Coast) -> None:
    back = recovered(coast) + LATENCY + GAP
    assert back <= BACK_AT + 2 * PROBE
    # A probe that is a whole answer takes as long as that.
    assert {one.status for one in during(coast, back + 0.1, BACK_AT + AFTER)} == {200}


def test_the_first_second_after_its_return_is_no_storm(coast: Coast) -> None:
    asked = coast.sea.asked
    first = bisect_left(asked, recovered(coast) + LATENCY)
    busiest = max(
        bisect_left(asked, start + 1) - bisect_left(asked, start) for start in asked[first : first + 5 * PACE : 10]
    )
    assert PACE * 0.9 <= busiest < 2 * PACE


def test_the_ledger_is_what_the_upstream_saw(coast: Coast, kind: Health) -> None:
    charges = coast.ledger.charges.values()
    assert len(charges) == coast.sea.taken
    actual = [charge for charge in charges if charge.exactness == "actual"]
    assert sum(charge.cost for charge in actual) == coast.sea.billed
    assumed = [charge for charge in charges if charge.exactness != "actual"]
    assert all(charge.cost == charge.held for charge in assumed)
    assert (len(assumed) > 0) == (kind == "silent"), "only who never answered may have worked for nothing"
    assert len([charge for charge in charges if charge.outcome == "ok"]) * COST == coast.sea.billed
    assert len({charge.attempt_id for charge in charges}) == len(charges)


def test_nothing_is_held_and_the_budgets_are_the_ledger(coast: Coast) -> None:
    assert set(coast.store.money().values()) == {(coast.ledger.total, 0)}
    assert coast.ledger.total <= BUDGET
    assert not coast.store.live.holds
    assert coast.gate.books.owed == 0


def test_a_budget_that_runs_dry_in_the_middle_of_it_is_never_exceeded() -> None:
    """Time-outs are charged whole: a silent upstream is the dearest of all."""
    amount = 3 * USD
    rules = Rules(
        bound="strict",
        budgets=(Budget(per=("organization",), amount=amount, every="month"),),
        timeouts=RULES.timeouts,
        breaker=Breaker(open_above=1.0),
    )
    coast = Coast(rules, lambda at: "silent" if 2.0 <= at < 30.0 else "well")
    coast.run(a_second=PACE, seconds=40.0)
    assert {"budget_spent", "budget_held"} & {one.reason for one in coast.done}
    (money,) = coast.store.money().values()
    assert money == (coast.ledger.total, 0)
    assert amount * 0.9 < coast.ledger.total <= amount
    assert len(coast.ledger.charges) == coast.sea.taken


def test_what_still_hangs_from_before_does_not_open_it_again() -> None:
    """The upstream falls silent for a little longer than a time-out.  When it is back, thousands still wait in vain."""
    back = 10.0 + FIRST_BYTE + 2.0
    coast = Coast(RULES, lambda at: "silent" if 10.0 <= at < back else "well")
    coast.run(a_second=PACE, seconds=back + 2 * FIRST_BYTE)
    well = recovered(coast, back) + LATENCY + GAP
    assert {one.status for one in during(coast, well + 0.1, back + 2 * FIRST_BYTE)} == {200}
