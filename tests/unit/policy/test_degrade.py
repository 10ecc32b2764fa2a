"""Degradation: which steps there are, in which order, and what counts as an outage."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.model.refusal import SHAPES, Reason, Refusal
from tidegate.policy.degrade import Step, has_thinking, is_outage, steps
from tidegate.policy.error_json import ErrorInfo, read_error
from tidegate.policy.final import Failed
from tidegate.policy.retry import SPEND_CODES, Failure
from tidegate.policy.rules import Route

FIRST = Step(upstream="one")


def route(*fallback: str, **fields: Any) -> Route:
    return Route(name="chat", fallback=fallback, **fields)


# -- the steps


def test_without_a_list_the_other_upstreams_follow_by_priority() -> None:
    assert steps(route(), ("one", "two", "three")) == (
        FIRST,
        Step(upstream="two", name="upstream:two"),
        Step(upstream="three", name="upstream:three"),
    )
    assert steps(route(), ("one",)) == (FIRST,)


def test_a_list_is_followed_in_its_order_and_nothing_else_is_tried() -> None:
    listed = route("model:claude-haiku-4-5", "upstream:two", "static:Sorry: in a minute.")
    assert steps(listed, ("one", "two", "three")) == (
        FIRST,
        Step(upstream="one", model="claude-haiku-4-5", name="model:claude-haiku-4-5"),
        Step(upstream="two", name="upstream:two"),
        Step(static="Sorry: in a minute.", name="static"),
    )


def test_the_first_upstream_is_no_fallback_of_itself() -> None:
    assert steps(route("upstream:one", "upstream:two"), ("one", "two")) == (
        FIRST,
        Step(upstream="two", name="upstream:two"),
    )


def test_a_door_with_one_upstream_leaves_out_those_that_it_cannot_reach() -> None:
    """The guard has its client's own; what is configured beside it is the gateway's."""
    assert steps(route("upstream:two", "static:Later."), ("anthropic",)) == (
        Step(upstream="anthropic"),
        Step(static="Later.", name="static"),
    )


# -- outages

OUTAGES = {408, 409, 429, *range(500, 600)}


def replied(status: int, **fields: Any) -> Failed:
    return Failed(failure=Failure(status=status, **fields))


def test_statuses() -> None:
    assert {status for status in range(200, 600) if is_outage(replied(status))} == OUTAGES


@pytest.mark.parametrize("loss", ["not_sent", "timeout", "cut"])
def test_a_lost_connection_is_one(loss: Any) -> None:
    assert is_outage(Failed(loss=loss))


@pytest.mark.parametrize("status", sorted(OUTAGES & {408, 429, 500, 503, 529}))
@pytest.mark.parametrize("should_retry", [True, False])
def test_what_must_not_be_repeated_here_may_go_elsewhere(status: int, should_retry: bool) -> None:
    """`x-should-retry: false` stands on every final reply of another tidegate, too."""
    assert is_outage(replied(status, should_retry=should_retry))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_an_upstream_that_asks_for_it_does_not_make_one_of_the_callers_fault(status: int) -> None:
    assert not is_outage(replied(status, should_retry=True))


@pytest.mark.parametrize("code", sorted(SPEND_CODES))
def test_money_that_ran_out_is_none(code: str) -> None:
    assert not is_outage(replied(429, error=ErrorInfo(type="rate_limit_error", code=code)))
    assert not is_outage(replied(429, error=ErrorInfo(type="rate_limit_error", code=code), should_retry=True))


def test_spent_money_at_another_tidegate_is_none() -> None:
    said = json.dumps({"type": "error", "error": {"type": "billing_error", "message": "It is used up."}}).encode()
    assert not is_outage(replied(429, error=read_error(said, 429), should_retry=False))


OF_THE_UPSTREAM: set[Reason] = {"breaker_open", "upstream_down"}
"""An open breaker; tokens that could not be counted because nobody answered."""


@pytest.mark.parametrize("reason", SHAPES)
def test_refusals(reason: Reason) -> None:
    assert is_outage(Refusal(reason=reason)) is (reason in OF_THE_UPSTREAM)


# -- thinking


def body(*blocks: Any, **fields: Any) -> bytes:
    messages = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": list(blocks)}]
    return json.dumps({"model": "m", "messages": messages, **fields}).encode()


THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
HIDDEN = {"type": "redacted_thinking", "data": "x"}


@pytest.mark.parametrize("block", [THOUGHT, HIDDEN, {"signature": "s", "thinking": "Hm.", "type": "thinking"}])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\n", "\t:\r\n ")])
def test_thinking_in_earlier_turns_is_found(block: dict[str, Any], separators: tuple[str, str]) -> None:
    sent = json.dumps(json.loads(body({"type": "text", "text": "So."}, block)), separators=separators).encode()
    assert has_thinking(sent)


@pytest.mark.parametrize(
    "fields",
    [
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"thinking": {"type": "adaptive"}},
        {"system": 'Blocks look like {"type":"thinking"} or {"type": "redacted_thinking"}.'},
        {"stop_sequences": ["thinking", "redacted_thinking"]},
        {"tools": [{"name": "thinking", "input_schema": {"type": "object"}}]},
    ],
)
def test_to_ask_for_thinking_or_to_talk_about_it_is_none(fields: dict[str, Any]) -> None:
    assert not has_thinking(body({"type": "text", "text": "I was thinking."}, **fields))


@given(st.text())
def test_no_quotation_of_it_is_mistaken_for_it(text: str) -> None:
    quoted = json.dumps(THOUGHT) + text
    assert not has_thinking(body({"type": "text", "text": quoted}))
    assert not has_thinking(json.dumps(quoted).encode())
