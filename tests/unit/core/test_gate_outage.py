"""After an outage: where a call goes on, what it costs there, and what its caller is told."""

import msgspec
import pytest

from tidegate.core.ports import Upstream
from tidegate.core.run_now import run_now
from tidegate.model.facts import CallFailed, CallRefused, CallSucceeded
from tidegate.model.refusal import Refusal
from tidegate.policy.rules import Retry
from unit.core.outage import (
    FULL,
    NOBODY,
    ONCE,
    OPEN,
    RESET,
    SAYING,
    SIZED,
    SONNET,
    SPENT,
    TIMEOUT,
    Got,
    called,
    do,
    models,
    route,
)
from unit.core.world import (
    MODEL,
    PRICES,
    TEXTS,
    Answer,
    Elsewhere,
    Ended,
    World,
    ask,
    call,
    error,
    events,
    message,
    stream,
    well,
)

# -- another upstream


OUTAGES: dict[str, Answer] = {
    "overloaded": error(529),
    "a limit of the account": error(429, "rate_limit_error"),
    "an error of the server": error(500, "api_error"),
    "a request time-out": error(408, "timeout_error"),
    "nobody there": NOBODY,
    "a reset": RESET,
    "a time-out": TIMEOUT,
    "cut in the body": Ended(pieces=(b"{",), end=RESET),
    "must not be repeated there": error(529, x_should_retry="false"),
}


@pytest.mark.parametrize("name", OUTAGES)
def test_another_upstream_answers(name: str) -> None:
    world = World([OUTAGES[name]])
    got = do(world, world.gate(Elsewhere(world, "two", [well()]), retry=ONCE))
    assert (got.status, got.body, got.degraded) == (200, message(), "upstream:two")
    assert world.journal[-3:] == ["send to two: 200", "settle ok actual", "tell CallSucceeded"]
    (told,) = world.calls_told()
    assert isinstance(told, CallSucceeded)
    assert told.degraded == "upstream:two"
    assert [asked.upstream for asked in world.asks] == ["fake", "two"]
    assert [asked.circuit for asked in world.asks] == ["fake/haiku", "two/haiku"]
    assert told.cost == sum(charge.cost for charge in world.charges.values())
    assert world.sent[-1].body == ask(), "byte for byte"


def test_an_open_breaker_asks_the_other_one_at_once() -> None:
    world = World(refusals=[OPEN])
    got = do(world, world.gate(Elsewhere(world, "two", [well()])))
    assert (got.status, got.degraded) == (200, "upstream:two")
    assert world.journal == [
        "admit 1 refused", "admit 1", "send to two: 200", "settle ok actual", "tell CallSucceeded",
    ]  # fmt: skip


def test_each_step_is_a_new_hold() -> None:
    world = World([error(529), RESET])
    do(world, world.gate(Elsewhere(world, "two", [well()]), retry=Retry(attempts=2, base=1.0)))
    assert world.journal == [
        "admit 1", "send: 529", "settle upstream_error actual", "sleep 1",
        "admit 2", "send: Broken reset", "settle cut assumed",
        "admit 3", "send to two: 200", "settle ok actual", "tell CallSucceeded",
    ]  # fmt: skip
    assert [charge.upstream for charge in world.charges.values()] == ["fake", "fake", "two"]


def test_by_priority_one_after_the_other() -> None:
    world = World([error(529)])
    others = [Elsewhere(world, "two", [NOBODY]), Elsewhere(world, "three", [well()])]
    assert do(world, world.gate(*others, retry=ONCE)).degraded == "upstream:three"


def test_a_list_leaves_out_what_it_does_not_name() -> None:
    world = World([error(529)])
    two, three = Elsewhere(world, "two", [well()]), Elsewhere(world, "three", [well()])
    assert do(world, world.gate(two, three, retry=ONCE, **route("upstream:three"))).degraded == "upstream:three"
    assert len(two.answers) == 1


def test_a_stream_that_goes_on_elsewhere() -> None:
    world = World([error(529)])
    two = Elsewhere(world, "two", [stream()])
    got = do(world, world.gate(two, retry=ONCE), call(world, ask(stream=True)))
    assert (got.status, got.degraded, got.body) == (200, "upstream:two", b"".join(events()))
    (told,) = world.calls_told()
    assert isinstance(told, CallSucceeded)
    assert told.degraded == "upstream:two"


def test_after_its_first_byte_a_stream_goes_nowhere() -> None:
    world = World([stream(*events(stop=False), end=RESET)])
    two = Elsewhere(world, "two", [stream()])
    got = do(world, world.gate(two, retry=ONCE), call(world, ask(stream=True)))
    assert got.degraded is None
    assert b"event: error" in got.body
    assert len(two.answers) == 1


FINAL: dict[str, Answer] = {
    "the caller's fault": error(400, "invalid_request_error"),
    "not allowed": error(403, "permission_error"),
    "not found": error(404, "not_found_error"),
    "money ran out": error(402, "billing_error"),
    "a rejected key": error(401, "authentication_error"),
}


@pytest.mark.parametrize("name", FINAL)
def test_what_is_no_outage_goes_nowhere(name: str) -> None:
    world = World([FINAL[name]])
    two = Elsewhere(world, "two", [well()])
    got = do(world, world.gate(two, **route("upstream:two", f"model:{SONNET}", "static:Later.")))
    assert got.status >= 400
    assert got.degraded is None
    assert len(world.sent) == len(world.charges) == 1


@pytest.mark.parametrize("refusal", [FULL, SPENT, Refusal(reason="store_down")])
def test_a_limit_or_a_budget_goes_nowhere(refusal: Refusal) -> None:
    world = World(refusals=[refusal])
    two = Elsewhere(world, "two", [well()])
    got = do(world, world.gate(two, **route("upstream:two", "static:Later.")))
    assert got.headers["x-tidegate-reason"] == refusal.reason
    assert not world.sent


def test_a_budget_holds_on_every_step() -> None:
    world = World([error(529)], refusals=[None, SPENT, SPENT])
    two = Elsewhere(world, "two", [well()])
    got = do(world, world.gate(two, retry=ONCE, **route("upstream:two", f"model:{SONNET}")))
    assert (got.status, got.degraded) == (529, None)
    assert len(world.sent) == 1
    assert world.journal.count("admit 2 refused") == 2


def test_where_tokens_cannot_be_counted_another_upstream_counts_them() -> None:
    world = World([NOBODY], refusals=[SIZED, SIZED])
    two = Elsewhere(world, "two", [Ended(pieces=(b'{"input_tokens":40}',)), well()])
    assert do(world, world.gate(two, bound="counted")).degraded == "upstream:two"


@pytest.mark.parametrize("answer", [error(529), RESET, NOBODY], ids=repr)
@pytest.mark.parametrize("refusals", [[], [OPEN]])
def test_transparent_keys_get_none(answer: Answer, refusals: list[Refusal]) -> None:
    world = World([answer], refusals=refusals)
    two = Elsewhere(world, "two", [well()])
    gate = world.gate(two, **route("upstream:two", f"model:{SONNET}", "static:Later."))
    got = do(world, gate, call(world, transparent=True))
    assert got.status == 529
    assert got.degraded is None
    assert len(two.answers) == 1


FOUR = Retry(attempts=4, base=1.0, deadline=60.0)
LATE = ("upstream:two", f"model:{SONNET}", f"static:{SAYING}")


def late(world: World, *others: Upstream, fallback: tuple[str, ...] = LATE) -> Got:
    """What a call gets whose first upstream hangs for longer than the deadline."""
    asked = call(world)
    world.advance(61)
    return do(world, world.gate(*others, retry=FOUR, **route(*fallback)), asked)


def test_behind_the_deadline_one_more_step_is_asked() -> None:
    """A time-out may be longer than the deadline, and another upstream is what the operator wants then."""
    world = World([TIMEOUT])
    assert late(world, Elsewhere(world, "two", [well()])).degraded == "upstream:two"
    assert len(world.sent) == 2


def test_behind_the_deadline_nothing_is_repeated_and_then_only_a_sentence_is_left() -> None:
    world = World([TIMEOUT, well()])
    two = Elsewhere(world, "two", [error(529), well()])
    assert late(world, two).degraded == "static"
    assert len(world.sent) == 2
    assert not [entry for entry in world.journal if entry.startswith("sleep")]


def test_behind_the_deadline_a_step_that_cannot_be_sent_takes_nobodys_turn() -> None:
    world = World([TIMEOUT], refusals=[None, OPEN])
    two, three = Elsewhere(world, "two", [well()]), Elsewhere(world, "three", [well()])
    got = late(world, two, three, fallback=("upstream:two", "model:tidal-1", "upstream:three"))
    assert got.degraded == "upstream:three"
    assert len(two.answers) == 1


def test_where_nobody_can_say_a_sentence_it_ends_after_one_more_step() -> None:
    world = World([TIMEOUT])
    others = [Elsewhere(world, "two", [error(529)]), Elsewhere(world, "three", [well()])]
    assert late(world, *others, fallback=()).status == 504
    assert len(others[1].answers) == 1


def test_each_attempt_knows_the_models_before_it() -> None:
    world = World([error(529), error(529), well()], refusals=[None, None, None, OPEN])
    two = Elsewhere(world, "two", [error(400)])
    gate = world.gate(two, retry=Retry(attempts=2, base=1.0, deadline=60.0), **route(f"model:{SONNET}"))
    assert do(world, gate).degraded == f"model:{SONNET}"
    assert [asked.before for asked in world.asks] == [(), (MODEL,), (MODEL,)]
    world = World([well()], refusals=[OPEN])
    assert do(world, world.gate(**route(f"model:{SONNET}"))).degraded == f"model:{SONNET}"
    assert [(asked.attempt, asked.before) for asked in world.asks] == [(1, ()), (1, ())], "nothing was sent before"


@pytest.mark.parametrize(
    "body",
    [b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}', b'{"type":"error"}', b'{"id":"1"}'],
)
@pytest.mark.parametrize("status", [200, 201])
def test_a_success_that_is_no_message_is_none(status: int, body: bytes) -> None:
    world = World([Ended(status, pieces=(body,)), well()])
    got = do(world, world.gate())
    assert (got.status, got.kind, got.headers["x-should-retry"]) == (502, "api_error", "false")
    assert [charge.outcome for charge in world.charges.values()] == ["cut"]
    (told,) = world.calls_told()
    assert isinstance(told, CallFailed)


def test_free_paths_go_on_at_the_other_upstream() -> None:
    world = World([NOBODY])
    two = Elsewhere(world, "two", [Ended(pieces=(b'{"input_tokens":1}',))])
    asked = call(world, path="/v1/messages/count_tokens")
    got = run_now(called(world.gate(two, retry=ONCE), asked))
    assert (got.body, got.degraded) == (b'{"input_tokens":1}', "upstream:two")
    asked = call(world, path="/v1/messages/count_tokens")
    world.answers.append(Ended(pieces=(b'{"input_tokens":2}',)))
    got = run_now(called(world.gate(two, retry=ONCE), asked))
    assert (got.body, got.degraded) == (b'{"input_tokens":2}', None)


# -- another model


def test_another_model_answers_at_its_own_price() -> None:
    answered = message(model=SONNET)
    world = World([error(529), Ended(pieces=(answered,))])
    got = do(world, world.gate(retry=ONCE, **route(f"model:{SONNET}")))
    assert (got.status, got.body, got.degraded) == (200, answered, f"model:{SONNET}")
    sonnet = PRICES.find(SONNET)
    assert sonnet is not None
    first, second = world.charges.values()
    assert (first.model, second.model) == (MODEL, SONNET)
    assert second.cost == (10 * 3_000 + 7 * 15_000), "3 and 15 USD a million"
    assert second.held > first.held
    assert [asked.circuit for asked in world.asks] == ["fake/haiku", "fake/sonnet"]
    assert [asked.scope_model for asked in world.asks] == [MODEL, sonnet.model]


def test_only_the_models_bytes_differ() -> None:
    body = b'{ "max_tokens": 1e2,"messages":[{"role":"user","content":"\\u00e9"}] , "model" : "%b" }' % MODEL.encode()
    world = World([error(529), well()])
    do(world, world.gate(retry=ONCE, **route(f"model:{SONNET}")), call(world, body))
    assert [one.body for one in world.sent] == [body, body.replace(MODEL.encode(), SONNET.encode())]


def test_it_gets_no_more_tokens_than_it_can_write() -> None:
    small = "claude-3-haiku-20240307"
    price = PRICES.find(small)
    assert price is not None
    world = World([error(529), well()])
    asked = call(world, ask(max_tokens=50_000))
    do(world, world.gate(retry=ONCE, **route(f"model:{small}")), asked)
    assert msgspec.json.decode(world.sent[1].body)["max_tokens"] == price.max_output < 50_000
    assert world.asks[1].max_tokens == price.max_output
    assert world.asks[1].bound.output_tokens == price.max_output


@pytest.mark.parametrize("given", [{}, {"max_tokens": 60_000}])
def test_the_routes_own_number_is_lowered_as_well(given: dict[str, int]) -> None:
    small = "claude-3-haiku-20240307"
    price = PRICES.find(small)
    assert price is not None
    body = msgspec.json.encode({"model": MODEL, "messages": [{"role": "user", "content": "How high?"}], **given})
    world = World([error(529), well()])
    do(world, world.gate(retry=ONCE, **route(f"model:{small}", max_tokens=60_000)), call(world, body))
    assert [msgspec.json.decode(one.body)["max_tokens"] for one in world.sent] == [60_000, price.max_output]


def test_the_keys_list_of_models_counts_the_routes_does_not() -> None:
    world = World([error(529), well()])
    rules = route(f"model:{SONNET}", models=(MODEL,))
    assert do(world, world.gate(retry=ONCE, **rules), call(world, models=(MODEL, SONNET))).status == 200
    world = World([error(529), well()])
    got = do(world, world.gate(retry=ONCE, **rules), call(world, models=(MODEL,)))
    assert (got.status, got.degraded) == (529, None)
    assert models(world) == [MODEL]


@pytest.mark.parametrize("own", [MODEL, "claude-haiku-4-5-20251001"])
def test_the_same_model_is_no_other_one(own: str) -> None:
    """It would be one more retry, past the number of attempts and past the retry budget."""
    world = World([error(529), well()])
    got = do(world, world.gate(retry=ONCE, **route(f"model:{own}")))
    assert got.status == 529
    assert len(world.sent) == 1


def test_a_model_without_a_price_is_passed_over() -> None:
    world = World([error(529)])
    got = do(world, world.gate(retry=ONCE, **route("model:tidal-1", f"static:{SAYING}")))
    assert got.degraded == "static"


THOUGHT = [
    {"role": "user", "content": "Why?"},
    {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]},
    {"role": "user", "content": "And now?"},
]


@pytest.mark.parametrize("lose", [False, True])
def test_thinking_stays_with_its_model_unless_the_route_gives_it_up(lose: bool) -> None:
    world = World([error(529), well()])
    gate = world.gate(retry=ONCE, **route(f"model:{SONNET}", lose_thinking=lose))
    got = do(world, gate, call(world, ask(messages=THOUGHT)))
    assert got.status == (200 if lose else 529)
    assert models(world) == [MODEL, SONNET][: 1 + lose]


def test_thinking_travels_to_another_upstream() -> None:
    world = World([error(529)])
    got = do(world, world.gate(Elsewhere(world, "two", [well()]), retry=ONCE), call(world, ask(messages=THOUGHT)))
    assert got.degraded == "upstream:two"


# -- a sentence, and a friendly refusal


@pytest.mark.parametrize("answer", [error(529), RESET, TIMEOUT, NOBODY], ids=repr)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_sentence_of_the_route(answer: Answer, streamed: bool) -> None:
    world = World([answer])
    asked = call(world, ask(stream=streamed))
    got = do(world, world.gate(retry=ONCE, **route(f"static:{SAYING}")), asked)
    assert (got.status, got.degraded, got.headers["request-id"]) == (200, "static", "req_call")
    assert SAYING.encode() in got.body
    assert got.headers["content-type"].startswith("text/event-stream" if streamed else "application/json")
    (told,) = world.calls_told()
    assert isinstance(told, CallFailed), "it was no answer of Claude"
    assert told.degraded == "static"


def test_a_sentence_while_the_breaker_is_open() -> None:
    """What went wrong is recorded as without it."""
    world = World(refusals=[OPEN])
    got = do(world, world.gate(**route(f"static:{SAYING}")))
    assert (got.status, got.degraded) == (200, "static")
    assert world.journal == ["admit 1 refused", "tell CallRefused", "refused breaker_open"]
    assert [fact.refusal for fact in world.refused_] == [OPEN]


def test_nothing_stands_behind_a_sentence() -> None:
    world = World([error(529)])
    two = Elsewhere(world, "two", [well()])
    assert do(world, world.gate(two, retry=ONCE, **route("static:Later.", "upstream:two"))).degraded == "static"


def test_a_friendly_refusal_says_when_to_come_back() -> None:
    world = World(refusals=[OPEN])
    got = do(world, world.gate())
    assert (got.status, got.kind) == (529, "overloaded_error")
    assert got.headers["retry-after"] == "4", "3.5 seconds, rounded up"
    assert got.headers["x-should-retry"] == "false"
    assert got.headers["x-tidegate-reason"] == "breaker_open"
    assert "4 seconds" in got.body.decode()
    (told,) = world.calls_told()
    assert isinstance(told, CallRefused)


def test_who_is_open_everywhere_is_told_of_the_first() -> None:
    world = World(refusals=[OPEN, msgspec.structs.replace(OPEN, retry_after=60.0)])
    got = do(world, world.gate(Elsewhere(world, "two")))
    assert got.headers["retry-after"] == "4"


def test_a_breaker_that_opens_between_two_attempts_ends_with_the_failure() -> None:
    world = World([error(529)], refusals=[None, OPEN])
    two = Elsewhere(world, "two", [well()])
    assert do(world, world.gate(two)).degraded == "upstream:two"
    world = World([error(529)], refusals=[None, OPEN])
    got = do(world, world.gate())
    assert got.status == 529
    assert "x-tidegate-reason" not in got.headers, "the upstream's own error"


# -- the end of a stream that cannot be waited for


def test_a_farewell_is_an_error_that_sdks_understand() -> None:
    world = World([stream()])
    gate = world.gate()

    async def half() -> bytes:
        exchange = await gate.open(call(world, ask(stream=True)))
        await exchange.read()
        await exchange.close()
        return gate.farewell(exchange)

    name, data, *rest = run_now(half()).decode().split("\n")
    assert (name, rest) == ("event: error", ["", ""])
    told = msgspec.json.decode(data.removeprefix("data: "))
    assert told == {
        "type": "error",
        "error": {"type": "api_error", "message": TEXTS["cut"]},
        "request_id": "req_up",
    }
