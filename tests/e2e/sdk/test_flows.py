"""What takes several calls, or other paths than Messages: the same through the gateway as directly."""

import asyncio
from collections.abc import Callable
from typing import Any

import anthropic
import pytest

from e2e.sdk.compare import plain
from e2e.sdk.documents import Documents
from e2e.sdk.shapes import REAL, WEATHER, Tide, cached, order
from e2e.sdk.stage import HAIKU, HELLO, SONNET, Stage
from e2e.sdk.ways import lenient

TOOLS: Any = [WEATHER]


@anthropic.beta_tool
def get_weather(place: str, days: int) -> str:
    """The weather at a place.

    Args:
        place: where.
        days: how many days ahead.
    """
    return f"18 degrees in {place}, for {days} days"


@anthropic.beta_async_tool
async def get_weather_later(place: str, days: int) -> str:
    """The weather at a place.

    Args:
        place: where.
        days: how many days ahead.
    """
    return f"18 degrees in {place}, for {days} days"


def tool_loop(client: anthropic.Anthropic) -> Any:
    turns: list[Any] = list(HELLO)
    asked = client.messages.create(**order(messages=turns, tools=[WEATHER]))
    use = asked.content[-1]
    assert use.type == "tool_use"
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "18 degrees"}
    turns += [asked.to_param(), {"role": "user", "content": [result]}]
    told = client.messages.create(**order(messages=turns, tools=[WEATHER]))
    assert told.stop_reason == "end_turn"
    return [asked, told]


def tool_runner(client: anthropic.Anthropic) -> Any:
    runner = client.beta.messages.tool_runner(model=SONNET, max_tokens=500, messages=HELLO, tools=[get_weather])
    found = list(runner)
    assert [message.stop_reason for message in found] == ["tool_use", "end_turn"]
    return found


def streaming_tool_runner(client: anthropic.Anthropic) -> Any:
    runner = client.beta.messages.tool_runner(
        model=SONNET, max_tokens=500, messages=HELLO, tools=[get_weather], stream=True
    )
    found = [[list(running), running.get_final_message()] for running in runner]
    assert len(found) == 2
    return found


def thinking_turns(client: anthropic.Anthropic) -> Any:
    """A thinking block comes back signed: it is refused when a byte of the conversation before it has changed."""
    how: Any = {"model": "claude-sonnet-5-5", "max_tokens": 2_000, "thinking": {"type": "adaptive"}}
    first = client.messages.create(messages=HELLO, **how)
    turns: list[Any] = [*HELLO, first.to_param(), {"role": "user", "content": "And tomorrow?"}]
    second = client.messages.create(messages=turns, **how)
    assert second.stop_reason == "end_turn"
    return [first, second]


def structured(client: anthropic.Anthropic) -> Any:
    parsed = client.messages.parse(model=SONNET, max_tokens=500, messages=HELLO, output_format=Tide)
    assert isinstance(parsed.parsed_output, Tide)
    return [parsed, parsed.parsed_output]


def structured_beta(client: anthropic.Anthropic) -> Any:
    parsed = client.beta.messages.parse(model=SONNET, max_tokens=500, messages=HELLO, output_format=Tide)
    return [parsed, parsed.parsed_output]


def models(client: anthropic.Anthropic) -> Any:
    pages = list(client.models.list(limit=4).iter_pages())
    assert len(pages) > 2
    return [pages, list(client.models.list(limit=1000)), client.models.retrieve(HAIKU), client.beta.models.list()]


def count(client: anthropic.Anthropic) -> Any:
    return [
        client.messages.count_tokens(model=SONNET, messages=HELLO),
        client.messages.count_tokens(model=SONNET, messages=HELLO, system="Be brief.", tools=TOOLS),
        client.beta.messages.count_tokens(model=SONNET, messages=HELLO, betas=["tide-2026-11-22"]),
    ]


def untyped(client: anthropic.Anthropic) -> Any:
    """The SDK's way around its own types."""
    body = {"model": HAIKU, "max_tokens": 20, "messages": HELLO}
    return [
        client.post("/v1/messages", cast_to=dict[str, Any], body=body),
        client.get("/v1/models/" + HAIKU, cast_to=dict[str, Any]),
    ]


FLOWS: list[Callable[[anthropic.Anthropic], Any]] = [
    tool_loop, tool_runner, streaming_tool_runner, thinking_turns, structured, structured_beta, models, count, untyped,
]  # fmt: skip


@pytest.mark.parametrize("flow", FLOWS, ids=[flow.__name__ for flow in FLOWS])
def test_flow(
    direct: anthropic.Anthropic, through: anthropic.Anthropic, flow: Callable[[anthropic.Anthropic], Any]
) -> None:
    with lenient():
        assert plain(flow(through)) == plain(flow(direct))


async def all_async(client: anthropic.AsyncAnthropic) -> Any:
    runner = client.beta.messages.tool_runner(model=SONNET, max_tokens=500, messages=HELLO, tools=[get_weather_later])
    told = [message async for message in runner]
    parsed = await client.messages.parse(model=SONNET, max_tokens=500, messages=HELLO, output_format=Tide)
    counted = await client.messages.count_tokens(model=SONNET, messages=HELLO)
    listed = [model async for model in client.models.list(limit=4)]
    return [told, parsed, counted, listed, await client.models.retrieve(HAIKU)]


def test_async_flows(stage: Stage) -> None:
    async def main() -> list[Any]:
        found = []
        for options in (stage.direct_options(), stage.through_options()):
            async with anthropic.AsyncAnthropic(**options) as client:
                found.append(plain(await all_async(client)))
        return found

    with lenient():
        direct, through = asyncio.run(main())
    assert through == direct


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_cache_is_written_then_read(
    stage: Stage, direct: anthropic.Anthropic, through: anthropic.Anthropic, ttl: str, *, stream: bool
) -> None:
    def twice(client: anthropic.Anthropic) -> list[Any]:
        if not stream:
            return [client.messages.create(**cached(ttl)) for _ in range(2)]
        return [client.messages.stream(**cached(ttl)).__enter__().get_final_message() for _ in range(2)]

    with lenient():
        there, here = plain(twice(direct)), plain(twice(through))
    assert here == there
    write, read = (message["usage"] for message in here)
    assert write["cache_creation"][f"ephemeral_{ttl}_input_tokens"] == read["cache_read_input_tokens"] > 1_000
    charges = stage.site.charges()[-2:]
    assert [charge[f"cache_write_{ttl}_tokens"] for charge in charges] == [read["cache_read_input_tokens"], 0]
    assert [charge["cache_read_tokens"] for charge in charges] == [0, read["cache_read_input_tokens"]]
    assert [charge["cost"] for charge in charges] == [row.cost for row in stage.seen()[-2:]]


def test_a_book_is_read_from_the_cache(stage: Stage, through: anthropic.Anthropic, documents: Documents) -> None:
    blocks = [{"type": "text", "text": documents.text(), "cache_control": {"type": "ephemeral"}}]
    write, read = (through.messages.create(**order(SONNET, *blocks)).usage for _ in range(2))
    assert write.cache_creation_input_tokens == read.cache_read_input_tokens
    assert (read.cache_read_input_tokens or 0) > 100_000
    assert [charge["cost"] for charge in stage.site.charges()[-2:]] == [row.cost for row in stage.seen()]


def test_counting_real_documents(
    direct: anthropic.Anthropic, through: anthropic.Anthropic, documents: Documents
) -> None:
    for shape in REAL.values():
        asked = {name: value for name, value in shape(documents).items() if name != "max_tokens"}
        assert plain(through.messages.count_tokens(**asked)) == plain(direct.messages.count_tokens(**asked))
