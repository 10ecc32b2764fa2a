"""The official SDK cannot tell the fake from the API: all that it parses, sync and async, against a real process."""

import asyncio
import base64
import struct
import zlib
from collections.abc import Iterator
from typing import Any, Literal

import anthropic
import pydantic
import pytest

from tidegate.testing import FakeClaude

HAIKU, SONNET, OPUS = "claude-haiku-4-5", "claude-sonnet-5", "claude-opus-5"
HELLO: list[Any] = [{"role": "user", "content": "Hello, how high is the tide today?"}]
WEATHER: Any = {
    "name": "get_weather",
    "description": "The weather at a place",
    "input_schema": {
        "type": "object",
        "properties": {
            "place": {"type": "string"},
            "unit": {"type": "string", "enum": ["C", "F"]},
            "days": {"type": "integer", "minimum": 1, "maximum": 7},
        },
        "required": ["place", "unit", "days"],
    },
}


@pytest.fixture
def client(fake_claude: FakeClaude) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=fake_claude.url, api_key=fake_claude.key, max_retries=0) as client:
        yield client


def run_async(fake: FakeClaude, ask: Any) -> Any:
    async def main() -> Any:
        async with anthropic.AsyncAnthropic(base_url=fake.url, api_key=fake.key, max_retries=0) as client:
            return await ask(client)

    return asyncio.run(main())


def png(width: int, height: int) -> str:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(header)) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk).decode()


def test_create(client: anthropic.Anthropic, fake_claude: FakeClaude) -> None:
    message = client.messages.create(model=HAIKU, max_tokens=100, messages=HELLO)
    assert message.stop_reason == "end_turn"
    assert message.content[0].type == "text"
    assert message._request_id is not None
    assert message._request_id.startswith("req_")
    row = fake_claude.books()[-1]
    assert (row.ending, row.status, row.model, row.credential_header) == ("ok", 200, HAIKU, "authorization")
    assert row.request_id == message._request_id
    assert (row.input_tokens, row.output_tokens) == (message.usage.input_tokens, message.usage.output_tokens)
    assert row.cost == message.usage.input_tokens * 1_000 + message.usage.output_tokens * 5_000


def test_create_async(fake_claude: FakeClaude, client: anthropic.Anthropic) -> None:
    again = run_async(fake_claude, lambda c: c.messages.create(model=HAIKU, max_tokens=100, messages=HELLO))
    assert again.content == client.messages.create(model=HAIKU, max_tokens=100, messages=HELLO).content


def test_stream_and_create_say_the_same(client: anthropic.Anthropic, fake_claude: FakeClaude) -> None:
    headers = {"x-fake-say": "the tide is high", "x-fake-output-tokens": "40"}
    with client.messages.stream(model=SONNET, max_tokens=100, messages=HELLO, extra_headers=headers) as stream:
        text = "".join(stream.text_stream)
        streamed = stream.get_final_message()
    whole = client.messages.create(model=SONNET, max_tokens=100, messages=HELLO, extra_headers=headers)
    assert text == "the tide is high"
    assert streamed.usage.output_tokens == whole.usage.output_tokens == 40
    assert streamed.content[0].to_dict() == whole.content[0].to_dict()
    assert {row.cost for row in fake_claude.books()} == {whole.usage.input_tokens * 2_000 + 40 * 10_000}


def test_event_order(client: anthropic.Anthropic) -> None:
    events = list(client.messages.create(model=SONNET, max_tokens=100, messages=HELLO, stream=True))
    kinds = [event.type for event in events]
    assert kinds[0] == "message_start"
    assert kinds[1] == "content_block_start"
    assert set(kinds[2:-3]) == {"content_block_delta"}
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]


def test_stream_async(fake_claude: FakeClaude) -> None:
    async def ask(client: anthropic.AsyncAnthropic) -> Any:
        async with client.messages.stream(model=SONNET, max_tokens=60, messages=HELLO) as stream:
            text = "".join([piece async for piece in stream.text_stream])
            return text, await stream.get_final_message()

    text, message = run_async(fake_claude, ask)
    assert message.content[0].text == text
    assert message.stop_reason in ("end_turn", "max_tokens")


def test_tool_loop(client: anthropic.Anthropic) -> None:
    messages = list(HELLO)
    asked = client.messages.create(model=SONNET, max_tokens=300, messages=messages, tools=[WEATHER])
    assert asked.stop_reason == "tool_use"
    use = asked.content[-1]
    assert use.type == "tool_use"
    given: Any = use.input
    assert use.name == "get_weather"
    assert isinstance(given["place"], str)
    assert given["unit"] in ("C", "F")
    assert 1 <= given["days"] <= 7
    result: Any = {"type": "tool_result", "tool_use_id": use.id, "content": "18 degrees"}
    messages += [asked.to_param(), {"role": "user", "content": [result]}]
    told = client.messages.create(model=SONNET, max_tokens=300, messages=messages, tools=[WEATHER])
    assert told.stop_reason == "end_turn"
    assert told.content[-1].type == "text"


def test_tool_use_streams(client: anthropic.Anthropic) -> None:
    with client.messages.stream(
        model=HAIKU, max_tokens=300, messages=HELLO, tools=[WEATHER], tool_choice={"type": "any"}
    ) as stream:
        message = stream.get_final_message()
    use = message.content[-1]
    assert use.type == "tool_use"
    assert {"place", "unit", "days"} <= set(use.input)


@pytest.mark.parametrize("stream", [False, True])
def test_thinking(client: anthropic.Anthropic, *, stream: bool) -> None:
    order: Any = {"model": SONNET, "max_tokens": 2_000, "thinking": {"type": "adaptive", "display": "summarized"}}
    if stream:
        with client.messages.stream(messages=HELLO, **order) as events:
            message = events.get_final_message()
    else:
        message = client.messages.create(messages=HELLO, **order)
    thought, said = message.content
    assert thought.type == "thinking"
    assert thought.thinking
    assert len(thought.signature) > 100
    assert said.type == "text"
    assert message.usage.output_tokens_details is not None
    assert 0 < message.usage.output_tokens_details.thinking_tokens < message.usage.output_tokens
    turns: list[Any] = [*HELLO, message.to_param(), {"role": "user", "content": "And tomorrow?"}]
    assert client.messages.create(messages=turns, **order).stop_reason == "end_turn"


def test_thinking_is_bound_to_its_conversation(client: anthropic.Anthropic) -> None:
    order: Any = {"model": "claude-sonnet-5-5", "max_tokens": 2_000, "thinking": {"type": "adaptive"}}
    message = client.messages.create(messages=HELLO, **order)
    changed: list[Any] = [{"role": "user", "content": "Something else"}, message.to_param(), *HELLO]
    with pytest.raises(anthropic.BadRequestError, match="bound to a different conversation"):
        client.messages.create(messages=changed, **order)
    same: list[Any] = [*HELLO, message.to_param(), *HELLO]
    assert client.messages.create(messages=same, **order).stop_reason == "end_turn"


def test_cache_write_then_read(client: anthropic.Anthropic, fake_claude: FakeClaude) -> None:
    system: Any = [
        {"type": "text", "text": "The sea is wide. " * 400, "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": "Be brief. " * 400, "cache_control": {"type": "ephemeral"}},
    ]
    first, second = (
        client.messages.create(model=SONNET, max_tokens=20, system=system, messages=HELLO).usage for _ in range(2)
    )
    assert first.cache_creation is not None
    assert first.cache_creation.ephemeral_1h_input_tokens > 1_024
    assert first.cache_creation.ephemeral_5m_input_tokens > 0
    assert first.cache_read_input_tokens == 0
    assert second.cache_read_input_tokens == first.cache_creation_input_tokens
    assert second.cache_creation_input_tokens == 0
    assert second.input_tokens == first.input_tokens
    write, read = fake_claude.books()
    assert write.cost == (
        write.input_tokens * 2_000
        + write.cache_write_5m_tokens * 2_500
        + write.cache_write_1h_tokens * 4_000
        + write.output_tokens * 10_000
    )
    assert read.cost == read.input_tokens * 2_000 + read.cache_read_tokens * 200 + read.output_tokens * 10_000


def test_web_search_reads_more_than_message_start_said(client: anthropic.Anthropic, fake_claude: FakeClaude) -> None:
    tool: Any = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
    events = client.messages.create(model=OPUS, max_tokens=500, messages=HELLO, tools=[tool], stream=True)
    first, last = 0, 0
    for event in events:
        if event.type == "message_start":
            first = event.message.usage.input_tokens
        if event.type == "message_delta":
            last = event.usage.input_tokens or 0
            assert event.usage.server_tool_use is not None
            assert event.usage.server_tool_use.web_search_requests == 1
    assert last > first > 0
    row = fake_claude.books()[-1]
    assert row.cost == last * 5_000 + row.output_tokens * 25_000 + 10_000_000
    message = client.messages.create(model=OPUS, max_tokens=500, messages=HELLO, tools=[tool])
    assert [block.type for block in message.content] == ["server_tool_use", "web_search_tool_result", "text"]


class Tide(pydantic.BaseModel):
    harbour: str
    metres: float
    state: Literal["rising", "falling"]
    warnings: list[str]


def test_structured_output(client: anthropic.Anthropic, fake_claude: FakeClaude) -> None:
    parsed = client.messages.parse(model=SONNET, max_tokens=500, messages=HELLO, output_format=Tide)
    assert isinstance(parsed.parsed_output, Tide)
    later = run_async(
        fake_claude, lambda c: c.messages.parse(model=SONNET, max_tokens=500, messages=HELLO, output_format=Tide)
    )
    assert later.parsed_output == parsed.parsed_output


def test_beta_messages(client: anthropic.Anthropic, fake_claude: FakeClaude) -> None:
    message = client.beta.messages.create(
        model=SONNET,
        max_tokens=100,
        messages=HELLO,
        betas=["compact-2026-09-04"],
        extra_headers={"x-fake-iterations": "compaction"},
    )
    assert message.usage.iterations is not None
    extra = next(each for each in message.usage.iterations if each.type == "compaction")
    own = message.usage
    row = fake_claude.books()[-1]
    assert row.anthropic_beta == "compact-2026-09-04"
    assert (
        row.cost == (own.input_tokens + extra.input_tokens) * 2_000 + (own.output_tokens + extra.output_tokens) * 10_000
    )


def test_images_and_pdfs(client: anthropic.Anthropic) -> None:
    def tokens(block: Any) -> int:
        content: Any = [{"type": "text", "text": "What is this?"}, block]
        turns: Any = [{"role": "user", "content": content}]
        return client.messages.create(model=SONNET, max_tokens=20, messages=turns).usage.input_tokens

    plain = tokens({"type": "text", "text": "?"}) - 1
    source = {"type": "base64", "media_type": "image/png", "data": png(280, 560)}
    assert tokens({"type": "image", "source": source}) - plain == 10 * 20
    huge = {**source, "data": png(8_000, 8_000)}
    assert tokens({"type": "image", "source": huge}) - plain == 4_784
    pdf = base64.b64encode(b"%PDF-1.7\n1 0 obj<</Type /Pages>>\n<</Type /Page>><</Type/Page>>").decode()
    document = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": pdf}}
    assert 2 * 1_500 < tokens(document) - plain <= 2 * (3_000 + 4_784)
    assert tokens({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}) > plain


def test_count_tokens_is_a_little_wrong(client: anthropic.Anthropic) -> None:
    off = []
    for size in range(1, 40):
        turns: Any = [{"role": "user", "content": "water " * size * 20}]
        counted = client.messages.count_tokens(model=SONNET, messages=turns).input_tokens
        billed = client.messages.create(model=SONNET, max_tokens=1, messages=turns).usage.input_tokens
        assert abs(counted - billed) <= billed / 100 + 4
        off.append(counted - billed)
    assert min(off) < 0 < max(off)


def test_models(client: anthropic.Anthropic) -> None:
    listed = list(client.models.list(limit=4))
    assert len({model.id for model in listed}) == len(listed) > 15
    assert listed[0].lifecycle == "active"
    model = client.models.retrieve(SONNET)
    assert (model.max_input_tokens, model.max_tokens) == (1_000_000, 128_000)
    assert model.capabilities is not None
    assert model.capabilities.thinking.types.adaptive.supported
    assert not model.capabilities.thinking.types.enabled.supported
    assert client.models.retrieve("claude-sonnet-4-5").lifecycle == "deprecated"
    assert [each.id for each in client.models.list(lifecycle=["retired"])] == ["claude-opus-4-1"]


def test_cache_prewarm_and_stop_reasons(client: anthropic.Anthropic) -> None:
    warm = client.messages.create(model=SONNET, max_tokens=0, messages=HELLO)
    assert (warm.content, warm.usage.output_tokens) == ([], 0)
    full = client.messages.create(
        model=SONNET, max_tokens=33, messages=HELLO, extra_headers={"x-fake-output-tokens": "max"}
    )
    assert (full.stop_reason, full.usage.output_tokens) == ("max_tokens", 33)
    said = {"x-fake-say": "low tide STOP high tide"}
    stop = client.messages.create(
        model=SONNET, max_tokens=99, messages=HELLO, stop_sequences=["STOP"], extra_headers=said
    )
    assert (stop.stop_reason, stop.stop_sequence) == ("stop_sequence", "STOP")
    assert stop.content[0].type == "text"
    assert stop.content[0].text == "low tide "
