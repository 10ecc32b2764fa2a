"""The Gate over fakes that write down what happens: the order of effects, and no hold lost whatever fails."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import pytest

from tidegate.core.gate import Gate
from tidegate.core.run_now import run_now
from tidegate.model.errors import Broken, NotSent, StoreDown
from tidegate.model.facts import AttemptSettled, CallFailed, CallRefused, CallSucceeded, HoldExceeded, LeaseExpired
from tidegate.model.refusal import Refusal
from tidegate.policy.rules import Retry, Route, Timeouts
from unit.core.world import (
    MODEL,
    Answer,
    Cancelled,
    Ended,
    World,
    ask,
    call,
    chores,
    drive,
    error,
    events,
    message,
    relayed,
    stream,
    well,
)

RESET = Broken("reset", "reset")
TIMEOUT = Broken("too slow", "timeout")
SIZED = Refusal(reason="budget_spent", scope="user", sized=True)
FULL = Refusal(reason="rate_limited", scope="user", retry_after=3.0)

WIRE = b"".join(events())

HAIKU_IN, HAIKU_OUT = 1_000, 5_000
"""Nano-dollars a token."""


def do(world: World, gate: Gate, asked: Any = None, **how: Any) -> tuple[int, bytes]:
    return run_now(relayed(gate, asked or call(world), **how))


# -- the order of effects


def test_an_answer() -> None:
    world = World([well()])
    assert do(world, world.gate()) == (200, message())
    assert world.journal == ["admit 1", "send: 200", "settle ok actual", "tell CallSucceeded"]
    (charge,) = world.charges.values()
    assert charge.cost == 10 * HAIKU_IN + 7 * HAIKU_OUT
    world.check_every_hold_ended_once()


def test_a_stream_is_settled_before_its_last_piece_goes_out() -> None:
    world = World([stream()])

    async def watched() -> None:
        exchange = await world.gate().open(call(world))
        seen = []
        while piece := await exchange.read():
            seen.append((piece.split(b"\n")[0], len(world.charges)))
        assert seen == [
            (b"event: message_start", 0),
            (b"event: content_block_delta", 0),
            (b"event: message_delta", 0),
            (b"event: message_stop", 1),
        ]
        await exchange.close()

    run_now(watched())
    assert world.journal == ["admit 1", "send: 200", "settle ok actual", "tell CallSucceeded"]
    world.check_every_hold_ended_once()


def test_each_attempt_has_its_own_hold_and_charge() -> None:
    world = World([error(529), RESET, Ended(pieces=(b"{",), end=TIMEOUT), well()])
    assert do(world, world.gate())[0] == 200
    assert world.journal == [
        "admit 1", "send: 529", "settle upstream_error actual", "sleep 1",
        "admit 2", "send: Broken reset", "settle cut assumed", "sleep 2",
        "admit 3", "send: 200", "settle timeout assumed", "sleep 4",
        "admit 4", "send: 200", "settle ok actual", "tell CallSucceeded",
    ]  # fmt: skip
    charges = list(world.charges.values())
    assert [charge.attempt for charge in charges] == [1, 2, 3, 4]
    assert [charge.cost for charge in charges][:3] == [0, charges[1].held, charges[2].held]
    assert len({charge.attempt_id for charge in charges}) == 4
    assert {charge.call_id for charge in charges} == {"call"}
    (told,) = world.calls_told()
    assert isinstance(told, CallSucceeded)
    assert told.cost == sum(charge.cost for charge in charges)
    world.check_every_hold_ended_once()


def test_what_was_not_sent_leaves_no_charge() -> None:
    world = World([NotSent("refused"), well()])
    assert do(world, world.gate())[0] == 200
    assert world.journal == [
        "admit 1", "send: NotSent", "release", "sleep 1",
        "admit 2", "send: 200", "settle ok actual", "tell CallSucceeded",
    ]  # fmt: skip
    assert len(world.charges) == 1
    world.check_every_hold_ended_once()


def test_the_last_failure_is_told_once() -> None:
    world = World([error(529)] * 9)
    status, body = do(world, world.gate())
    assert (status, msgspec.json.decode(body)["error"]["type"]) == (529, "overloaded_error")
    assert [entry for entry in world.journal if entry.startswith("sleep")] == ["sleep 1", "sleep 2", "sleep 4"]
    assert len(world.charges) == 4
    (told,) = world.calls_told()
    assert isinstance(told, CallFailed)
    assert (told.attempts, told.cost, told.error_type) == (4, 0, "overloaded_error")
    world.check_every_hold_ended_once()


@pytest.mark.parametrize("status", [400, 402, 403, 404, 413, 422])
def test_what_is_the_callers_own_is_not_repeated(status: int) -> None:
    world = World([error(status, "invalid_request_error")])
    do(world, world.gate())
    assert world.journal == ["admit 1", f"send: {status}", "settle upstream_error actual", "tell CallFailed"]
    assert [charge.cost for charge in world.charges.values()] == [0]


@pytest.mark.parametrize(
    "answer",
    [error(529, x_should_retry="false"), error(402, "billing_error"), error(529, retry_after="999")],
    ids=["told not to", "money ran out", "a hint beyond the deadline"],
)
def test_some_failures_are_final(answer: Ended) -> None:
    world = World([answer, well()])
    do(world, world.gate())
    assert len(world.sent) == 1


def test_a_refused_retry_ends_with_the_failure_before_it() -> None:
    world = World([error(529)], refusals=[None, SIZED])
    status, _ = do(world, world.gate())
    assert status == 529
    assert world.journal == [
        "admit 1", "send: 529", "settle upstream_error actual", "sleep 1", "admit 2 refused", "tell CallFailed",
    ]  # fmt: skip
    world.check_every_hold_ended_once()


# -- refusals


def test_a_refusal_sends_nothing() -> None:
    world = World(refusals=[FULL])
    status, body = do(world, world.gate())
    assert (status, msgspec.json.decode(body)["error"]["type"]) == (429, "rate_limit_error")
    assert world.journal == ["admit 1 refused", "tell CallRefused", "refused rate_limited"]
    assert not world.sent
    assert not world.admitted


REFUSED_BY_THE_PLAN: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "unknown model": ({}, {"model": "tidal-1"}, "unknown_model"),
    "unbounded": ({}, {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "unbounded_cost"),
    "too many tokens": (
        {"routes": {"default": Route(name="default", max_tokens=50, when_above="refuse")}}, {}, "max_tokens_too_large",
    ),
    "nobody": ({"require_user": True}, {}, "identity_required"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_BY_THE_PLAN)
def test_what_the_plan_refuses_never_reaches_the_store(name: str) -> None:
    rules, fields, reason = REFUSED_BY_THE_PLAN[name]
    world = World()
    caller = call(world).caller
    asked = call(world, ask(**fields), caller=msgspec.structs.replace(caller, user_id="anonymous"))
    do(world, world.gate(**rules), asked)
    assert world.journal == ["tell CallRefused", f"refused {reason}"]


def test_a_store_that_is_down_refuses() -> None:
    world = World([well()])
    world.fail_at, world.error = 1, StoreDown("locked")
    status, body = do(world, world.gate())
    assert (status, msgspec.json.decode(body)["error"]["type"]) == (503, "api_error")
    assert world.journal == ["admit 1: StoreDown", "tell CallRefused"], "nothing is written to what is down"


def test_a_ledger_that_is_down_does_not_stop_a_refusal() -> None:
    world = World(refusals=[FULL])
    world.fail_at, world.error = 2, StoreDown("locked")
    assert do(world, world.gate())[0] == 429


def test_a_settlement_that_the_store_cannot_take_is_paid_later() -> None:
    world = World([well()])
    world.fail_at, world.error = 5, StoreDown("locked")
    gate = world.gate()
    assert do(world, gate)[0] == 200
    assert world.journal == ["admit 1", "send: 200", "settle ok actual: StoreDown", "tell CallSucceeded"]
    assert (gate.books.owed, gate.books.open_holds) == (1, 0)
    world.heal()
    run_now(gate.keep())
    assert (gate.books.owed, len(world.charges)) == (0, 1)
    world.check_every_hold_ended_once()


# -- counted


def test_counted_asks_once_and_only_when_size_is_in_the_way() -> None:
    world = World([Ended(pieces=(b'{"input_tokens":40}',)), error(529), well()], refusals=[SIZED])
    gate = world.gate(bound="counted")
    assert do(world, gate)[0] == 200
    assert world.journal == [
        "admit 1 refused", "send /v1/messages/count_tokens: 200", "admit 1", "send: 529",
        "settle upstream_error actual", "sleep 1", "admit 2", "send: 200", "settle ok actual", "tell CallSucceeded",
    ]  # fmt: skip
    held = {hold.ask.bound.cost for hold in world.admitted.values()}
    assert held == {(40 + 2 + 64) * HAIKU_IN + 100 * HAIKU_OUT}, "the count and its margin, in every attempt"
    world.check_every_hold_ended_once()


def test_counted_is_refused_at_last() -> None:
    world = World([Ended(pieces=(b'{"input_tokens":40}',))], refusals=[SIZED, SIZED])
    do(world, world.gate(bound="counted"))
    assert world.journal == [
        "admit 1 refused", "send /v1/messages/count_tokens: 200", "admit 1 refused", "tell CallRefused",
        "refused budget_spent",
    ]  # fmt: skip


@pytest.mark.parametrize("refusal", [FULL, Refusal(reason="too_many_concurrent", scope="user")])
def test_counted_does_not_ask_for_other_reasons(refusal: Refusal) -> None:
    world = World(refusals=[refusal])
    do(world, world.gate(bound="counted"))
    assert not world.sent


def test_strict_never_asks() -> None:
    world = World(refusals=[SIZED])
    do(world, world.gate(bound="strict"))
    assert not world.sent


NO_COUNT: dict[str, Answer] = {
    "not sent": NotSent("refused"),
    "lost": RESET,
    "an error": error(500),
    "cut": Ended(pieces=(b"{",), end=RESET),
    "no JSON": Ended(pieces=(b"<html>",)),
    "no count": Ended(pieces=(b"{}",)),
    "less than nothing": Ended(pieces=(b'{"input_tokens":-5}',)),
    "no number": Ended(pieces=(b'{"input_tokens":"many"}',)),
}


@pytest.mark.parametrize("name", NO_COUNT)
def test_without_a_count_nobody_can_say_whether_it_fits(name: str) -> None:
    world = World([NO_COUNT[name]], refusals=[SIZED])
    status, _ = do(world, world.gate(bound="counted"))
    assert status == 529, "the upstream is in the way, not the caller's spending"
    assert not world.admitted
    assert len(world.refused_) == 1


def test_a_count_of_nothing_holds_the_margin() -> None:
    world = World([Ended(pieces=(b'{"input_tokens":0}',)), well()], refusals=[SIZED])
    assert do(world, world.gate(bound="counted"))[0] == 200
    (hold,) = world.admitted.values()
    assert hold.ask.bound.cost == 64 * HAIKU_IN + 100 * HAIKU_OUT


# -- free paths and transparent keys


def test_free_paths_hold_nothing_and_are_repeated() -> None:
    world = World([error(529), RESET, NotSent("refused"), Ended(pieces=(b'{"input_tokens":1}',))])
    asked = call(world, path="/v1/messages/count_tokens")
    assert do(world, world.gate(), asked) == (200, b'{"input_tokens":1}')
    assert [entry.split(":")[0] for entry in world.journal] == [
        "send /v1/messages/count_tokens", "sleep 1", "send /v1/messages/count_tokens", "sleep 2",
        "send /v1/messages/count_tokens", "sleep 4", "send /v1/messages/count_tokens",
    ]  # fmt: skip
    assert not world.admitted


def test_a_free_path_that_fails_is_told() -> None:
    world = World([error(404, "not_found_error")])
    assert do(world, world.gate(), call(world, path="/v1/models/x"))[0] == 404
    (told,) = world.calls_told()
    assert isinstance(told, CallFailed)
    assert (told.cost, told.attempts) == (0, 1)


@pytest.mark.parametrize("answer", [error(529), error(429), error(500), RESET, TIMEOUT, NotSent("refused")], ids=repr)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_transparent_keys_are_not_retried(answer: Any, path: str) -> None:
    world = World([answer, well()])
    do(world, world.gate(), call(world, path=path, transparent=True))
    assert not [entry for entry in world.journal if entry.startswith("sleep")]
    assert len(world.answers) == 1, "it was sent once"
    assert len(world.calls_told()) == 1
    if path == "/v1/messages":
        world.check_every_hold_ended_once()


# -- what goes upstream and into the hold


def test_a_clamped_call_is_sent_and_held_with_its_new_max_tokens() -> None:
    world = World([well()])
    do(world, world.gate(routes={"default": Route(name="default", max_tokens=16)}))
    (sent,) = world.sent
    assert msgspec.json.decode(sent.body)["max_tokens"] == 16
    (hold,) = world.admitted.values()
    assert hold.ask.max_tokens == 16
    assert hold.ask.bound.output_tokens == 16


def test_the_ledger_keeps_the_label_of_a_model_not_its_text() -> None:
    world = World([Ended(pieces=(b"garbage",))])
    asked = call(world, ask(model="whatever it says"), model="hash:0123")
    do(world, world.gate(unknown_model="dearest"), asked)
    (charge,) = world.charges.values()
    assert (charge.model_requested, charge.model) == ("hash:0123", "hash:0123")
    refused = World()
    do(refused, refused.gate(), call(refused, ask(model="whatever it says"), model="hash:0123"))
    (told,) = refused.calls_told()
    assert isinstance(told, CallRefused)
    assert told.model == "hash:0123"


def test_a_bill_above_its_hold_is_told() -> None:
    world = World([Ended(pieces=(message(output_tokens=100_000),))])
    do(world, world.gate())
    assert [fact for fact in world.facts if isinstance(fact, HoldExceeded)]
    (charge,) = world.charges.values()
    assert charge.cost == 10 * HAIKU_IN + 100_000 * HAIKU_OUT > charge.held


def test_a_garbage_answer_is_charged_whole_and_not_told_as_a_success() -> None:
    world = World([Ended(pieces=(b"<html>",))])
    status, body = do(world, world.gate())
    assert (status, b"html" in body, b'"api_error"' in body) == (502, False, True)
    (charge,) = world.charges.values()
    assert (charge.outcome, charge.exactness, charge.cost) == ("cut", "assumed", charge.held)
    (told,) = world.calls_told()
    assert isinstance(told, CallFailed)


# -- whatever fails, no hold is lost


class Scene(NamedTuple):
    """One way in which a call can go."""

    answers: tuple[Any, ...]
    rules: Mapping[str, Any] = MappingProxyType({})
    refusals: tuple[Refusal | None, ...] = ()
    leave_after: int | None = None

    def world(self) -> World:
        return World(self.answers, refusals=self.refusals)

    def run(self, world: World, gate: Gate) -> Any:
        return relayed(gate, call(world), leave_after=self.leave_after)


SCENES: dict[str, Scene] = {
    "answer": Scene((well(),)),
    "retries": Scene((error(529), RESET, NotSent("refused"), well())),
    "lost in the body": Scene((Ended(pieces=(b"{",), end=RESET), well())),
    "error lost in the body": Scene((Ended(500, pieces=(b"{",), end=RESET), well())),
    "final error": Scene((error(400, "invalid_request_error"),)),
    "stream": Scene((stream(),)),
    "stream in pieces": Scene((stream(*(WIRE[at : at + 50] for at in range(0, len(WIRE), 50))),)),
    "cut stream": Scene((stream(*events(stop=False)),)),
    "reset stream": Scene((stream(*events(stop=False), end=RESET),)),
    "stalled stream": Scene((stream(*events(stop=False), end=TIMEOUT),)),
    "empty stream": Scene((stream(b""),)),
    "the caller leaves": Scene((stream(),), leave_after=2),
    "the caller leaves a stream that is drained": Scene((stream(),), {"on_cut": "drain"}, leave_after=1),
    "drained and cut": Scene((stream(*events(stop=False), end=RESET),), {"on_cut": "drain"}, leave_after=1),
    "estimated": Scene((stream(*events(stop=False)),), {"on_cut": "estimate"}),
    "counted": Scene(
        (Ended(pieces=(b'{"input_tokens":40}',)), error(529), well()), {"bound": "counted"}, refusals=(SIZED,)
    ),
    "refused": Scene((), refusals=(FULL,)),
    "refused retry": Scene((error(529),), refusals=(None, FULL)),
}

ERRORS: dict[str, Callable[[], BaseException]] = {
    "StoreDown": lambda: StoreDown("locked"),
    "cancelled": Cancelled,
    "Broken": lambda: Broken("reset", "reset"),
    "time-out": lambda: Broken("slow", "timeout"),
    "NotSent": lambda: NotSent("refused"),
    "a bug": lambda: RuntimeError("a bug"),
}


def swallow(run: Callable[[], Any]) -> BaseException | None:
    try:
        run()
    except (Cancelled, StoreDown, Broken, NotSent, RuntimeError) as error:
        return error
    return None


def numbers(scene: Scene, *, suspends: bool) -> Iterator[int]:
    """1 to the number of effects, or of suspensions, of an undisturbed run."""
    world = scene.world()
    world.suspends = suspends
    coro = scene.run(world, world.gate(**scene.rules))
    if not suspends:
        run_now(coro)
        yield from range(1, world.effects + 1)
        return
    count = 0
    try:
        while True:
            coro.send(None)
            count += 1
    except StopIteration:
        pass
    yield from range(1, count + 1)


@pytest.mark.parametrize("failing", ERRORS)
@pytest.mark.parametrize("name", SCENES)
def test_no_failure_at_any_effect_loses_a_hold(name: str, failing: str) -> None:
    """Ports that fail as they may: charged or given back at once, or owed.  Ports that break their promise: swept."""
    scene = SCENES[name]
    for at in numbers(scene, suspends=False):
        world = scene.world()
        world.fail_at, world.error = at, ERRORS[failing]()
        gate = world.gate(**scene.rules)
        swallow(lambda world=world, gate=gate: run_now(scene.run(world, gate)))  # type: ignore[misc]  # bound per turn
        assert gate.books.open_holds == 0, (at, world.journal)
        assert len(world.open) <= gate.books.owed + (failing not in ("StoreDown", "cancelled")), (at, world.journal)
        chores(world, gate)
        if failing in ("StoreDown", "cancelled"):
            assert not world.open, (at, world.journal)
        chores(world, gate, after=10_000.0)
        world.check_every_hold_ended_once()
        assert len(world.calls_told()) == 1, (at, world.journal)


@pytest.mark.parametrize("name", SCENES)
def test_cancelled_at_any_await_a_hold_is_never_lost(name: str) -> None:
    """Once, and then once more while it cleans up; the door closes the exchange as it always does."""
    scene = SCENES[name]
    for first in numbers(scene, suspends=True):
        for second in (0, first + 1, first + 2, first + 3):
            world = scene.world()
            world.suspends = True
            gate = world.gate(**scene.rules)
            found = swallow(
                lambda world=world, gate=gate, at=(first, second): drive(scene.run(world, gate), at)  # type: ignore[misc]
            )
            assert isinstance(found, Cancelled) or found is None
            assert gate.books.open_holds == 0, (first, second, world.journal)
            chores(world, gate)
            assert not world.open, (first, second, world.journal)
            world.check_every_hold_ended_once()
            assert len(world.calls_told()) == 1, (first, second, world.journal)


@pytest.mark.parametrize("name", SCENES)
def test_cancelled_while_the_store_is_down_a_hold_is_owed_or_swept(name: str) -> None:
    """The caller leaves and the store fails from then on: late, but never lost."""
    scene = SCENES[name]
    for at in numbers(scene, suspends=False):
        world = scene.world()
        gate = world.gate(**scene.rules)
        world.fail_at, world.error = at, Cancelled()
        world.store_dies_after = at
        swallow(lambda world=world, gate=gate: run_now(scene.run(world, gate)))  # type: ignore[misc]  # bound per turn
        assert len(world.open) <= gate.books.owed, (at, world.journal)
        chores(world, gate)
        world.check_every_hold_ended_once()


@pytest.mark.parametrize("name", SCENES)
def test_an_observer_that_raises_loses_no_hold(name: str) -> None:
    scene = SCENES[name]
    world = scene.world()
    world.observe_fails = True
    gate = world.gate(**scene.rules)
    swallow(lambda: run_now(scene.run(world, gate)))
    assert gate.books.open_holds == 0
    chores(world, gate)
    world.check_every_hold_ended_once()


@pytest.mark.parametrize("answer", [well(), stream(), stream(*events(stop=False)), error(529), RESET], ids=repr)
def test_a_bug_in_pricing_leaves_the_hold_to_the_sweep(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hold that cannot be settled must not be renewed for ever: its lease ends, and it is charged whole."""
    world = World([answer])
    gate = world.gate(retry=Retry(attempts=1))

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("tidegate.core.attempt.bill_of", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        do(world, gate)
    assert (gate.books.open_holds, len(world.open)) == (0, 1)
    chores(world, gate, after=1_000.0)
    (charge,) = world.charges.values()
    assert (charge.outcome, charge.cost) == ("crashed", charge.held)
    assert [fact for fact in world.facts if isinstance(fact, LeaseExpired)]
    world.check_every_hold_ended_once()


def test_a_live_stream_keeps_its_lease() -> None:
    """It lives longer than one lease; the chores of every second renew it, and the sweep leaves it alone."""
    world = World([stream()])
    gate = world.gate(timeouts=Timeouts(total=10.0))

    async def slow() -> None:
        exchange = await gate.open(call(world))
        while await exchange.read():
            for _ in range(8):
                world.advance(1.0)
                await gate.keep()
        await exchange.close()

    run_now(slow())
    (charge,) = world.charges.values()
    assert (charge.outcome, charge.exactness) == ("ok", "actual")
    world.check_every_hold_ended_once()


def test_every_settlement_is_told() -> None:
    world = World([error(529), RESET, well()])
    do(world, world.gate())
    told = [fact.charge for fact in world.facts if isinstance(fact, AttemptSettled)]
    assert told == list(world.charges.values())
    assert [charge.model for charge in told] == [MODEL] * 3
