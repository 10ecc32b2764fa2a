"""What an upstream says about itself: a key that it rejects, a probe that begins, nobody there."""

from collections import deque
from collections.abc import Callable

import pytest

from tidegate.core.ports import Outgoing
from tidegate.core.run_now import run_now
from tidegate.model.errors import Crowded, StoreDown
from tidegate.model.facts import KeyRejected
from tidegate.policy.breaker import went
from tidegate.policy.rules import Breaker, Timeouts
from unit.core.outage import NOBODY, ONCE, REJECTED, SIZED, Got, called, do
from unit.core.test_gate import swallow
from unit.core.world import (
    Answer,
    Elsewhere,
    Ended,
    FakeReply,
    World,
    ask,
    call,
    chores,
    drive,
    error,
    stream,
    well,
)

# -- a rejected key


def test_a_key_that_was_changed_is_read_and_tried_once() -> None:
    world = World([REJECTED, well()])
    world.new_key = True
    assert do(world, world.gate()).status == 200
    assert world.journal == [
        "admit 1", "send: 401", "settle upstream_error actual", "renew key",
        "admit 2", "send: 200", "settle ok actual", "tell CallSucceeded",
    ]  # fmt: skip


def test_a_key_that_is_rejected_again_is_not_tried_again() -> None:
    world = World([REJECTED, REJECTED, well()])
    world.new_key = True
    got = do(world, world.gate())
    assert (got.status, got.headers["x-tidegate-reason"]) == (502, "upstream_key_rejected")
    assert len(world.sent) == 2
    assert world.journal.count("renew key") == 1


def test_a_key_that_was_not_changed_is_not_tried_again() -> None:
    world = World([REJECTED, well()])
    assert do(world, world.gate()).status == 502
    assert len(world.sent) == 1


def test_all_who_were_sent_with_the_old_key_are_repeated() -> None:
    """The first of them reads the new one; to the others it is then the same, and yet not theirs."""
    world = World([REJECTED, REJECTED, REJECTED, well(), well(), well()])
    world.new_key = world.suspends = True
    gate = world.gate()
    calls = [called(gate, call(world, call_id=f"call{number}")) for number in range(3)]
    results: list[Got] = []
    while calls:
        for one in list(calls):
            try:
                one.send(None)
            except StopIteration as done:
                results.append(done.value)
                calls.remove(one)
    assert [got.status for got in results] == [200, 200, 200]
    world.check_every_hold_ended_once()


def test_free_paths_read_a_changed_key_as_well() -> None:
    world = World([REJECTED, Ended(pieces=(b'{"input_tokens":1}',))])
    world.new_key = True
    asked = call(world, path="/v1/messages/count_tokens")
    assert run_now(called(world.gate(), asked)).status == 200
    world = World([REJECTED, well()])
    assert run_now(called(world.gate(), asked)).status == 502


def rejections(world: World) -> list[str]:
    """The upstreams whose keys were told as rejected."""
    return [fact.upstream for fact in world.facts if isinstance(fact, KeyRejected)]


def test_a_rejected_key_is_told_once_for_each_key() -> None:
    world = World([REJECTED] * 5)
    gate = world.gate()
    do(world, gate)
    run_now(called(gate, call(world)))
    assert rejections(world) == ["fake"]
    world.new_key = True
    run_now(called(gate, call(world)))
    assert rejections(world) == ["fake", "fake"], "the new one is rejected, too"
    assert len(world.sent) == 4


def test_a_key_that_was_changed_in_time_is_not_told() -> None:
    world = World([REJECTED, well()])
    world.new_key = True
    do(world, world.gate())
    assert rejections(world) == []


def test_a_rejected_key_of_another_upstream_is_told_although_its_caller_hears_of_the_first() -> None:
    world = World([error(529)])
    got = do(world, world.gate(Elsewhere(world, "two", [REJECTED]), retry=ONCE))
    assert got.status == 529
    assert rejections(world) == ["two"]
    world = World([NOBODY])
    asked = call(world, path="/v1/messages/count_tokens")
    gate = world.gate(Elsewhere(world, "two", [REJECTED]), Elsewhere(world, "three", [well()]), retry=ONCE)
    assert run_now(called(gate, asked)).degraded == "upstream:three"
    assert rejections(world) == ["two"]


# -- probes


def test_a_probe_that_is_a_stream_says_at_its_beginning_that_it_goes_well() -> None:
    world = World([stream()])
    world.probing = True
    do(world, world.gate(), call(world, ask(stream=True)))
    assert world.journal == ["admit 1", "send: 200", "probed", "settle ok actual", "tell CallSucceeded"]


class Slow(World):
    """Its upstream takes a minute to begin."""

    async def sent_to(
        self, name: str, answers: deque[Answer], request: Outgoing, on_sent: Callable[[], None]
    ) -> FakeReply:
        self.advance(60.0)
        return await super().sent_to(name, answers, request, on_sent)


def test_a_probe_whose_stream_begins_late_says_nothing_good() -> None:
    world = Slow([stream()])
    world.probing = True
    do(world, world.gate(breaker=Breaker(slow=60.0)), call(world, ask(stream=True)))
    assert "probed" not in world.journal
    (asked,) = world.asks
    assert asked.slow == 60_000


def test_a_store_that_cannot_hear_of_a_probe_does_not_end_its_stream() -> None:
    world = World([stream()])
    world.probing = True
    world.fail_at, world.error = 3, StoreDown("locked")
    assert do(world, world.gate(), call(world, ask(stream=True))).status == 200
    assert "probed: StoreDown" in world.journal


@pytest.mark.parametrize("at", range(1, 12))
def test_a_caller_who_leaves_a_probe_leaves_no_connection_behind(at: int) -> None:
    world = World([stream()])
    world.probing = world.suspends = True
    gate = world.gate()
    left = swallow(lambda: drive(called(gate, call(world, ask(stream=True))), [at]))
    chores(world, gate)
    world.check_every_hold_ended_once()
    if left is not None:
        assert all(reply.closed for reply in world.replies), world.journal


def test_the_breaker_hears_whom_nobody_could_reach() -> None:
    world = World([NOBODY, well()])
    do(world, world.gate())
    assert world.unreached == ["id1"]
    world = World([NOBODY])
    world.suspends = True
    gate = world.gate()
    swallow(lambda: drive(called(gate, call(world)), [1]))
    chores(world, gate)
    assert world.unreached == [], "who left before it was tried says nothing"
    world = World([Crowded("no connection became free"), well()])
    do(world, world.gate())
    assert world.unreached == [], "our own crowd says nothing about the upstream"


class Timed(World):
    """Notes the time-outs that its upstream is given."""

    async def send(self, request: Outgoing, timeouts: Timeouts, on_sent: Callable[[], None]) -> FakeReply:
        self.first_byte = timeouts.first_byte
        return await super().send(request, timeouts, on_sent)


@pytest.mark.parametrize("streamed", [False, True])
def test_whole_answers_are_never_late_and_have_their_time(streamed: bool) -> None:
    world = Timed([stream() if streamed else well()])
    do(world, world.gate(), call(world, ask(stream=streamed)))
    assert world.first_byte == (Timeouts().first_byte if streamed else Timeouts().total)
    assert [asked.slow for asked in world.asks] == [60_000 if streamed else 0]
    assert [asked.patience for asked in world.asks] == [57_000 if streamed else 116_671]


@pytest.mark.parametrize(
    ("max_tokens", "seconds"),
    [(0, 120.0), (1_000, 148.125), (12_800, 480.0), (17_066, 599.98125), (17_067, 600.0), (64_000, 600.0)],
)
def test_a_probe_that_wants_a_whole_answer_waits_as_long_as_it_may_take_to_write(
    max_tokens: int, seconds: float
) -> None:
    """The time for the first byte of a stream, and 3600 s for 128,000 tokens; never more than `total`."""
    world = Timed([well(), stream()])
    world.probing = True
    do(world, world.gate(), call(world, ask(max_tokens=max_tokens)))
    assert world.first_byte == pytest.approx(seconds)
    assert run_now(called(world.gate(), call(world, ask(max_tokens=max_tokens, stream=True)))).status == 200
    assert world.first_byte == 120.0, "a stream has what it always has"


def test_a_count_has_ten_seconds_at_most() -> None:
    """Who waits for it holds nothing, and the breaker cannot see it."""
    for given, most in ((Timeouts(), 10.0), (Timeouts(first_byte=3.0, total=6.0), 3.0)):
        world = Timed([Ended(500)], refusals=[SIZED])
        assert do(world, world.gate(bound="counted", timeouts=given)).status == 529
        assert world.first_byte == most


@pytest.mark.parametrize("streamed", [False, True])
def test_a_caller_who_waited_long_enough_for_nothing_speaks_against_the_upstream(streamed: bool) -> None:
    world = Slow([well()])
    world.suspends = True
    gate = world.gate(timeouts=Timeouts(first_byte=50.0))
    swallow(lambda: drive(called(gate, call(world, ask(stream=streamed))), [3]))
    (charge,), (asked,) = world.charges.values(), world.asks
    assert (charge.outcome, charge.first_byte_ms) == ("aborted", None)
    assert went(asked, charge) == -1
