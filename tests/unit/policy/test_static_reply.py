"""An answer of our own: in every shape the one that the official SDK reads from a real message."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.policy.meter import StreamMeter, read_message
from tidegate.policy.static_reply import static_reply

TEXT = "Sorry, the tide tables are not here at the moment. Please try again in a minute."
ASK: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "How high is the tide today?"}],
}
SAYINGS = ["Later.", TEXT, 'Say "later"\\ {"type":"error"}\nevent: error\n\ndata: x', "Später \u2028 \U0001f30a \x00"]


def answer(request: httpx2.Request, text: str) -> httpx2.Response:
    body = json.loads(request.content)
    headers, reply = static_reply(text, model=body["model"], call_id="0123", stream=bool(body.get("stream")))
    return httpx2.Response(200, headers=headers, content=reply)


def client(text: str) -> anthropic.Anthropic:
    transport = httpx2.MockTransport(lambda request: answer(request, text))
    return anthropic.Anthropic(
        api_key="tg_x",
        base_url="http://gate",
        max_retries=0,
        http_client=anthropic.DefaultHttpxClient(transport=transport),
    )


def expect_said(message: Message, text: str) -> None:
    (block,) = message.content
    assert block.type == "text"
    assert block.text == text
    assert (message.role, message.type, message.model) == ("assistant", "message", "claude-haiku-4-5")
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)
    assert message.id == "msg_0123"
    usage = message.usage
    assert (usage.input_tokens, usage.output_tokens) == (0, 0)
    assert (usage.cache_creation_input_tokens, usage.cache_read_input_tokens) == (0, 0)


@pytest.mark.parametrize("text", SAYINGS)
def test_the_sdk_reads_it_whole(text: str) -> None:
    with client(text) as sdk:
        message = sdk.messages.create(**ASK)
    expect_said(message, text)
    assert message._request_id == "req_0123"


@pytest.mark.parametrize("text", SAYINGS)
def test_the_sdk_reads_it_as_a_stream(text: str) -> None:
    with client(text) as sdk, sdk.messages.stream(**ASK) as stream:
        assert "".join(stream.text_stream) == text
        final = stream.get_final_message()
    expect_said(final, text)


def test_the_sdk_reads_its_events() -> None:
    with client(TEXT) as sdk:
        events = list(sdk.messages.create(**ASK, stream=True))
    assert [event.type for event in events] == [
        "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
        "message_stop",
    ]  # fmt: skip


# -- beside a real one

REAL: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "High."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 10,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 5,
        "service_tier": "standard",
    },
}
"""What the API sends with every message."""


def shape(value: Any) -> Any:
    """The names and kinds of a value, without what it says."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


def events_of(wire: bytes) -> Iterator[tuple[str, Any]]:
    for part in wire.decode().split("\n\n")[:-1]:
        name, data = part.split("\n")
        yield name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_it_has_the_shape_of_a_real_message() -> None:
    headers, body = static_reply(TEXT, model="claude-haiku-4-5", call_id="0123", stream=False)
    assert dict(headers)[b"content-type"] == b"application/json"
    assert shape(json.loads(body)) == shape(REAL)


def test_its_stream_has_the_shape_of_a_real_one() -> None:
    headers, body = static_reply(TEXT, model="claude-haiku-4-5", call_id="0123", stream=True)
    assert dict(headers)[b"content-type"] == b"text/event-stream; charset=utf-8"
    events = dict(events_of(body))
    assert all(event["type"] == name for name, event in events.items())
    start = events["message_start"]["message"]
    assert shape(start) == shape(REAL | {"content": [], "stop_reason": None})
    assert events["content_block_start"]["content_block"] == {"type": "text", "text": ""}
    assert events["message_delta"]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert events["message_delta"]["usage"].items() <= start["usage"].items()


@given(st.text(min_size=1))
@settings(deadline=None)
def test_the_meter_finds_it_whole_and_free(text: str) -> None:
    """As another tidegate would, for which this one is the upstream."""
    whole = read_message(static_reply(text, model="claude-haiku-4-5", call_id="0", stream=False)[1])
    meter = StreamMeter()
    meter.feed(static_reply(text, model="claude-haiku-4-5", call_id="0", stream=True)[1])
    assert meter.ended
    assert meter.at_boundary
    for metered in (whole, meter.metered()):
        assert metered is not None
        assert metered.usage is not None
        assert (metered.usage.prompt_tokens, metered.usage.output_tokens) == (0, 0)
        assert metered.stop_reason == "end_turn"
