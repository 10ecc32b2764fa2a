"""How often and how patiently a call is repeated: waits of 1, 2, 4, 8, 16 seconds at most, with full jitter."""

from random import Random

import pytest

from tidegate.core.run_now import run_now
from tidegate.model.errors import Broken, NotSent
from tidegate.policy.retry import LOST, decide
from tidegate.policy.rules import Retry
from unit.core.world import Answer, World, call, error, relayed, well

BOUNDS = [1.0, 2.0, 4.0, 8.0, 16.0]
SIX = Retry(attempts=6)
"""As many attempts as show all bounds; five, the default, have four waits."""
DRAWS = 4_000


def waits(world: World) -> list[float]:
    return [float(entry.removeprefix("sleep ")) for entry in world.journal if entry.startswith("sleep ")]


@pytest.mark.parametrize("answer", [error(529), error(500), error(408), error(409), error(429), NotSent("refused")])
def test_the_longest_waits(answer: Answer) -> None:
    world = World([answer] * 6)
    run_now(relayed(world.gate(retry=SIX), call(world)))
    assert waits(world) == BOUNDS
    assert sum(entry.startswith("send") for entry in world.journal) == 6


def test_the_default_has_four_waits() -> None:
    world = World([error(529)] * 9)
    run_now(relayed(world.gate(retry=Retry()), call(world)))
    assert waits(world) == BOUNDS[:4]


def drawn(attempt: int) -> list[float]:
    luck = Random(attempt)
    found = [decide(SIX, attempt, 0.0, LOST, luck.random) for _ in range(DRAWS)]
    return sorted(wait for wait in found if wait is not None)


@pytest.mark.parametrize(("attempt", "bound"), list(enumerate(BOUNDS, 1)))
def test_waits_are_spread_evenly_from_nothing_to_the_bound(attempt: int, bound: float) -> None:
    """Kolmogorov and Smirnov: at one in a thousand the greatest distance from even is 1.95 / sqrt(n)."""
    found = drawn(attempt)
    assert len(found) == DRAWS
    distance = max(max((at + 1) / DRAWS - wait / bound, wait / bound - at / DRAWS) for at, wait in enumerate(found))
    assert distance < 1.95 / DRAWS**0.5
    assert 0 <= found[0] < 0.01 * bound
    assert 0.99 * bound < found[-1] <= bound


def test_callers_who_fail_together_do_not_come_back_together() -> None:
    """Of a thousand who failed at once, no tenth of the time until the last bound has more than an eighth."""
    found = drawn(3)[::4]
    tenths = [sum(1 for wait in found if tenth * 0.4 <= wait < (tenth + 1) * 0.4) for tenth in range(10)]
    assert max(tenths) < len(found) / 8


ONCE = sorted(set(range(400, 500)) - {401, 408, 409, 429})


@pytest.mark.parametrize("status", ONCE)
def test_what_is_the_callers_own_has_exactly_one_attempt(status: int) -> None:
    world = World([error(status, "invalid_request_error"), well()])
    world.new_key = True
    run_now(relayed(world.gate(retry=SIX), call(world)))
    assert len(world.sent) == len(world.charges) == 1
    assert waits(world) == []


@pytest.mark.parametrize(("changed", "attempts"), [(True, 2), (False, 1)])
def test_a_rejected_key_has_two_attempts_when_it_was_changed(changed: bool, attempts: int) -> None:
    world = World([error(401, "authentication_error")] * 3)
    world.new_key = changed
    run_now(relayed(world.gate(retry=SIX), call(world)))
    assert len(world.sent) == attempts
    assert waits(world) == [], "a new key needs no wait"


def test_after_a_new_key_the_retries_go_on() -> None:
    world = World([error(401, "authentication_error"), error(529), Broken("reset", "reset"), well()])
    world.new_key = True
    status, _ = run_now(relayed(world.gate(retry=SIX), call(world)))
    assert status == 200
    assert waits(world) == [2.0, 4.0]


@pytest.mark.parametrize("hint", ["0.5", "30"])
def test_a_hint_is_the_floor_of_the_wait(hint: str) -> None:
    world = World([error(529, retry_after=hint), well()])
    run_now(relayed(world.gate(retry=SIX), call(world)))
    assert waits(world) == [max(1.0, float(hint))]
