from typing import Any

import msgspec
import pytest

from tidegate.fake.asking import Asking, read_asking
from tidegate.fake.cache import Split
from tidegate.fake.command import build
from tidegate.fake.compose import Message, compose
from tidegate.fake.events import PING, Event, events_of, message_json

TOOL = {"name": "t", "input_schema": {"type": "object", "required": ["a", "b"]}}
BODY = {"model": "claude-sonnet-5", "max_tokens": 900, "messages": [{"role": "user", "content": "Hi"}], "tools": [TOOL]}
THINK = {"thinking": {"type": "adaptive", "display": "summarized"}}


def message(orders: dict[str, Any] | None = None, **body: Any) -> Message:
    asking = read_asking({**BODY, **body}, version="2023-06-01")
    assert isinstance(asking, Asking)
    return compose(asking, Split(50), build(orders or {}), 987_654_321)


def parsed(event: Event) -> dict[str, Any]:
    name, data, *rest = event.payload.decode().split("\n")
    found = msgspec.json.decode(data.removeprefix("data: "))
    assert isinstance(found, dict)
    assert rest == ["", ""]
    assert name == f"event: {found['type']}"
    return found


def accumulated(events: list[Event]) -> list[dict[str, Any]]:
    """The content that a client builds from the events."""
    blocks: list[dict[str, Any]] = []
    partial: dict[int, str] = {}
    for event in map(parsed, events):
        if event["type"] == "content_block_start":
            blocks.append(event["content_block"])
        if event["type"] == "content_block_delta":
            delta, index = event["delta"], event["index"]
            if delta["type"] == "input_json_delta":
                partial[index] = partial.get(index, "") + delta["partial_json"]
                blocks[index]["input"] = partial[index]
            else:
                (field,) = delta.keys() - {"type"}
                blocks[index][field] += delta[field]
    for index, text in partial.items():
        blocks[index]["input"] = msgspec.json.decode(text)
    return blocks


@pytest.mark.parametrize(
    "body", [{}, THINK, {"tools": []}, {"tools": [{"type": "web_search_20250305", "name": "web_search"}], **THINK}]
)
@pytest.mark.parametrize("orders", [{}, {"output_tokens": 700}, {"tokens_per_event": 1}])
def test_events_and_document_tell_the_same(body: dict[str, Any], orders: dict[str, Any]) -> None:
    whole = message(orders, **body)
    events = events_of(whole, build(orders))
    document = msgspec.json.decode(message_json(whole, build(orders)))
    assert accumulated(events) == document["content"]
    last = parsed(events[-2])
    assert last["delta"]["stop_reason"] == document["stop_reason"]
    assert last["usage"]["output_tokens"] == document["usage"]["output_tokens"]
    assert events[1].payload == PING


def test_tokens_grow_to_the_whole_output() -> None:
    whole = message({"output_tokens": 500}, tools=[])
    tokens = [event.tokens for event in events_of(whole, build({}))]
    assert tokens == sorted(tokens)
    assert (tokens[0], tokens[-1]) == (0, 500)
    assert parsed(events_of(whole, build({}))[0])["message"]["usage"]["output_tokens"] == 1


def test_long_answers_have_a_bounded_number_of_events() -> None:
    assert len(events_of(message({"output_tokens": "max"}, max_tokens=128_000, tools=[]), build({}))) < 600


def test_progressive_usage_is_cumulative() -> None:
    orders = {"progressive": True, "output_tokens": 300}
    whole = message(orders, **THINK)
    deltas = [each for each in map(parsed, events_of(whole, build(orders))) if each["type"] == "message_delta"]
    counts = [each["usage"]["output_tokens"] for each in deltas]
    assert counts == sorted(counts)
    assert counts[-1] == 300
    assert [each["delta"]["stop_reason"] for each in deltas] == [None, None, "tool_use"]


def test_usage_can_be_missing() -> None:
    whole = message()
    assert "usage" not in msgspec.json.decode(message_json(whole, build({"no_usage": True})))
    events = [parsed(event) for event in events_of(whole, build({"no_usage": True}))]
    assert "usage" not in events[0]["message"]
    assert "usage" not in events[-2]


def test_disturbances() -> None:
    whole = message({"output_tokens": 300}, tools=[])
    plain = events_of(whole, build({}))
    stormy = events_of(whole, build({"pings": 5}))
    assert sum(event.payload.count(PING) for event in stormy) == 1 + 5 * len(plain)
    future = events_of(whole, build({"future": True}))
    assert len(future) == 2 * len(plain) - 1
    assert len(max(event.payload for event in events_of(whole, build({"huge": True})))) > 0
    assert max(len(event.payload) for event in events_of(whole, build({"huge": True}))) > 5_000_000
    assert len(message_json(whole, build({"huge": 1_000}))) > len(message_json(whole, build({}))) + 1_000
    broken = [event for event in events_of(whole, build({"malformed": True})) if b'"index":0,\n\n' in event.payload]
    assert len(broken) == 1
