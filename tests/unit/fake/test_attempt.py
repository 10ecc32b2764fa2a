from collections.abc import Callable
from typing import Any

import pytest

from tidegate.fake.attempt import Attempt
from tidegate.fake.settings import Settings

BODY: dict[str, Any] = {"model": "claude-sonnet-5", "max_tokens": 500, "messages": [{"role": "user", "content": "Hi"}]}
STREAM = {**BODY, "stream": True}


def cost_of(attempt: Attempt, output: int | None = None) -> int:
    row = attempt.row
    return row.input_tokens * 2_000 + (row.output_tokens if output is None else output) * 10_000


def play(attempt: Attempt, steps: int) -> None:
    for step in attempt.reply.steps[:steps]:
        attempt.sent(step.payload, step)


def test_a_finished_message_costs_its_usage(ask: Any) -> None:
    for body in (BODY, STREAM):
        _, _, attempt = ask(body, x_fake_output_tokens="200")
        assert attempt.row.output_tokens == 200
        assert attempt.row.cost == cost_of(attempt)
        assert attempt.row.ending == "ok"
    totals = ask.world.books.totals()
    assert totals.cost_settled == totals.cost_now == 2 * attempt.row.cost
    assert totals.endings == {"ok": 2}


def test_an_open_stream_accrues_what_was_generated(ask: Any) -> None:
    attempt = ask.begin(STREAM, x_fake_fault="output_tokens=400; linger=10")
    before = ask.world.books.totals().cost_now
    assert before % 2_000 == 0
    assert 0 < before < 100 * 2_000
    costs = []
    for step in attempt.reply.steps[:30]:
        attempt.sent(step.payload, step)
        costs.append(ask.world.books.totals().cost_now)
    assert costs == sorted(costs)
    assert costs[-1] == before + attempt.reply.steps[29].tokens * 10_000
    attempt.left()
    assert attempt.row.ending == "disconnected"
    assert attempt.row.output_tokens == attempt.reply.steps[29].tokens + 10
    assert ask.world.books.totals().cost_settled == attempt.row.cost == cost_of(attempt)


@pytest.mark.parametrize(("order", "output"), [("none", None), ("input", 0), ("full", 400), ("so_far", 0)])
def test_the_bill_can_be_ordered(ask: Any, order: str, output: int | None) -> None:
    attempt = ask.begin(STREAM, x_fake_fault=f"output_tokens=400; linger=0; bill={order}")
    play(attempt, 3)
    attempt.left()
    assert attempt.row.cost == (0 if output is None else cost_of(attempt, output))
    assert attempt.row.output_tokens == (output or 0)


def test_linger_is_drawn_from_the_request_and_bounded(asker: Callable[..., Any]) -> None:
    drawn = set()
    for number in range(60):
        ask = asker()
        attempt = ask.begin({**STREAM, "metadata": {"user_id": str(number)}}, x_fake_output_tokens="400")
        play(attempt, 3)
        attempt.left()
        drawn.add(attempt.row.output_tokens)
    assert min(drawn) >= 0
    assert max(drawn) <= 50
    assert len(drawn) > 20


def test_the_server_wide_linger(asker: Callable[..., Any]) -> None:
    attempt = asker(Settings(linger=33)).begin(STREAM, x_fake_output_tokens="400")
    play(attempt, 3)
    attempt.left()
    assert attempt.row.output_tokens == 33


@pytest.mark.parametrize("orders", ["status=529", "refuse=before", "spend=credit", "html"])
def test_what_costs_nothing(ask: Any, orders: str) -> None:
    for body in (BODY, STREAM):
        attempt = ask.begin(body, x_fake_fault=orders)
        assert attempt.accrued() == 0
        play(attempt, 1)
        attempt.left()
        assert (attempt.row.cost, attempt.row.output_tokens, attempt.row.input_tokens) == (0, 0, 0)


@pytest.mark.parametrize("orders", ["cut=3", "reset=3", "cut_chunked=3", "error_event=3"])
def test_streams_that_break_cost_what_was_generated_and_a_little(ask: Any, orders: str) -> None:
    _, _, attempt = ask(STREAM, x_fake_fault=f"{orders}; output_tokens=400; linger=20")
    assert attempt.row.output_tokens == 20
    assert attempt.row.cost == cost_of(attempt)


@pytest.mark.parametrize(
    "orders", ["reset=before", "reset=headers", "reset=1", "cut=1", "malformed", "empty", "no_usage"]
)
def test_json_replies_that_break_cost_everything(ask: Any, orders: str) -> None:
    attempt = ask.begin(BODY, x_fake_fault=f"{orders}; output_tokens=400")
    play(attempt, 9)
    attempt.done()
    assert (attempt.row.output_tokens, attempt.row.cost) == (400, cost_of(attempt, 400))


def test_searches_are_billed_once_they_ran(ask: Any) -> None:
    body = {**STREAM, "tools": [{"type": "web_search_20250305", "name": "web_search"}]}
    attempt = ask.begin(body, x_fake_linger="0")
    play(attempt, 3)
    early = attempt.accrued()
    play(attempt, 99)
    late = attempt.accrued()
    assert late - early > 10_000_000
    attempt.left()
    assert attempt.row.web_searches == 1
    assert attempt.row.cost == late


def test_the_worst_biller(asker: Callable[..., Any]) -> None:
    text = "plain words " * 100
    body = {**BODY, "messages": [{"role": "user", "content": text}]}
    _, told, attempt = asker(Settings(bill="worst"))(body)
    assert attempt.row.output_tokens == 500
    assert attempt.row.input_tokens == 3 + 4 + len(text) * 2_330 // 1_000
    assert told["usage"]["input_tokens"] == attempt.row.input_tokens
    _, counted, _ = asker(Settings(bill="worst"))({**body, "max_tokens": 1}, path="/v1/messages/count_tokens")
    assert abs(counted["input_tokens"] - attempt.row.input_tokens) <= attempt.row.input_tokens // 100 + 3
