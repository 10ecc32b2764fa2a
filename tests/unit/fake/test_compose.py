from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.fake.asking import Asking, read_asking
from tidegate.fake.cache import Split
from tidegate.fake.command import Command, build
from tidegate.fake.compose import Message, compose

HI = [{"role": "user", "content": "canary canary"}]
TOOL = {"name": "t", "input_schema": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}


def said(command: Command | None = None, seed: int = 12_345, *, worst: bool = False, **body: Any) -> Message:
    whole = {"model": "claude-sonnet-5", "max_tokens": 1_000, "messages": HI, **body}
    asking = read_asking(whole, version="2026-10-21")
    assert isinstance(asking, Asking), asking
    return compose(asking, Split(100), command or Command(), seed, worst=worst)


def kinds(message: Message) -> list[str]:
    return [each.block["type"] for each in message.said]


ORDERS = st.fixed_dictionaries(
    {},
    optional={
        "output_tokens": st.just("max") | st.integers(1, 3_000),
        "say": st.text(max_size=50),
        "thinking_tokens": st.integers(0, 500),
        "web_searches": st.integers(0, 3),
        "refuse": st.sampled_from(["before", "after"]),
        "tool": st.sampled_from([True, False, "t"]),
    },
)
BODIES = st.fixed_dictionaries(
    {"max_tokens": st.integers(0, 2_000)},
    optional={
        "tools": st.sampled_from([[TOOL], [SEARCH], [TOOL, SEARCH]]),
        "thinking": st.just({"type": "adaptive"}),
        "stop_sequences": st.just(["the", "a"]),
        "output_config": st.just({"format": {"type": "json_schema", "schema": TOOL["input_schema"]}}),
        "model": st.sampled_from(["claude-opus-5-5", "claude-opus-4-6", "claude-fable-5-2"]),
    },
)


@settings(deadline=None, max_examples=200)
@given(BODIES, ORDERS, st.integers(0, 2**96), st.booleans())
def test_output_keeps_within_max_tokens_and_adds_up(
    body: dict[str, Any], orders: dict[str, Any], seed: int, worst: bool
) -> None:
    message = said(build(orders), seed, worst=worst, **body)
    tokens = message.usage.output_tokens
    assert 0 <= tokens <= max(body["max_tokens"], 2 if message.free else 0)
    if not message.free:
        assert tokens == sum(each.tokens for each in message.said)
    assert message.usage.thinking_tokens <= tokens
    assert message == said(build(orders), seed, worst=worst, **body)
    assert "canary" not in repr(message.said)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 4_000), st.integers(0, 2**96))
def test_max_is_max(most: int, seed: int) -> None:
    message = said(build({"output_tokens": "max"}), seed, max_tokens=most)
    assert (message.usage.output_tokens, message.stop_reason) == (most, "max_tokens")
    assert said(worst=True, max_tokens=most).usage.output_tokens == most


def test_a_number_of_tokens_is_kept() -> None:
    for body in ({}, {"thinking": {"type": "adaptive"}}, {"tools": [TOOL]}):
        message = said(build({"output_tokens": 400}), **body)
        assert message.usage.output_tokens == 400
        assert message.stop_reason == ("tool_use" if body.get("tools") else "end_turn")


def test_usual_answers_are_short_and_differ() -> None:
    lengths = {said(seed=seed).usage.output_tokens for seed in range(200)}
    assert min(lengths) >= 8
    assert max(lengths) < 60
    assert len(lengths) > 40


def test_tools() -> None:
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": "y"}]}
    asked = [*HI, {"role": "assistant", "content": [{"type": "tool_use", "id": "x", "name": "t", "input": {}}]}, result]
    assert kinds(said(tools=[TOOL])) == ["tool_use"]
    assert kinds(said(tools=[TOOL], tool_choice={"type": "none"})) == ["text"]
    assert kinds(said(tools=[TOOL], messages=asked)) == ["text"]
    assert kinds(said(tools=[TOOL], messages=asked, tool_choice={"type": "any"})) == ["tool_use"]
    assert kinds(said(build({"tool": False}), tools=[TOOL])) == ["text"]
    assert kinds(said(tools=[TOOL], max_tokens=3)) == ["text"]
    assert kinds(said(tools=[SEARCH])) == ["server_tool_use", "web_search_tool_result", "text"]
    assert said(tools=[SEARCH, TOOL]).stop_reason == "tool_use"


def test_searches_raise_the_input_between_start_and_end() -> None:
    message = said(build({"web_searches": 3}), tools=[{**SEARCH, "max_uses": 2}])
    assert message.usage.web_searches == 2
    assert message.first.input_tokens == 100
    assert message.usage.input_tokens > 300


@pytest.mark.parametrize(("model", "shown"), [("claude-opus-5-5", False), ("claude-opus-4-6", True)])
def test_thinking_is_hidden_by_default_on_new_models(model: str, *, shown: bool) -> None:
    thought = said(model=model, thinking={"type": "adaptive"}).said[0].block
    assert thought["type"] == "thinking"
    assert bool(thought["thinking"]) is shown


def test_models_that_always_think() -> None:
    assert kinds(said(model="claude-opus-5-5")) == ["thinking", "text"]
    assert kinds(said(model="claude-opus-5")) == ["text"]
    assert kinds(said(model="claude-opus-5", thinking={"type": "disabled"})) == ["text"]


def test_other_models_in_iterations() -> None:
    fallback = said(build({"iterations": "fallback"}))
    assert fallback.model == "claude-opus-5"
    assert [each.model for each in fallback.usage.iterations] == ["claude-sonnet-5", "claude-opus-5"]
    advisor = said(build({"iterations": "advisor"}))
    assert advisor.model == "claude-sonnet-5"
    assert advisor.usage.iterations[-1].model == "claude-opus-5"


def test_orders_on_what_is_told() -> None:
    message = said(
        build({"say": "low water", "stop_reason": "pause_turn", "input_tokens": 7, "model": "claude-opus-5"})
    )
    assert message.said[0].block["text"] == "low water"
    assert (message.stop_reason, message.usage.input_tokens, message.model) == ("pause_turn", 7, "claude-opus-5")
