"""The requests that every way of calling the SDK is tried with: one of each kind of content and option."""

from collections.abc import Callable
from typing import Any, Literal

import pydantic

from e2e.sdk.documents import Documents
from e2e.sdk.stage import HAIKU, HELLO, OPUS, SONNET

Order = dict[str, Any]
"""The arguments of `messages.create`."""

WEATHER: Order = {
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
LONG = "The sea is wide, and the tide comes twice a day; the harbour master writes it down. " * 120


class Tide(pydantic.BaseModel):
    """What `.parse` makes of an answer."""

    harbour: str
    metres: float
    state: Literal["rising", "falling"]
    warnings: list[str]


def order(model: str = SONNET, *blocks: Order, **more: Any) -> Order:
    """Arguments with these blocks behind a question."""
    turns: Any = HELLO
    if blocks:
        turns = [{"role": "user", "content": [*blocks, {"type": "text", "text": "What is this?"}]}]
    return {"model": model, "max_tokens": 300, "messages": turns, **more}


def _document(source: Order, **more: Any) -> Order:
    return {"type": "document", "source": source, **more}


def cached(ttl: str) -> Order:
    """A prompt that is written to the cache for `5m` or `1h`."""
    mark = {"type": "ephemeral", "ttl": ttl}
    return order(SONNET, system=[{"type": "text", "text": LONG, "cache_control": mark}])


PLAIN: dict[str, Order] = {
    "hello": order(HAIKU),
    "system": order(HAIKU, system="Be brief."),
    "system blocks": order(HAIKU, system=[{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]),
    "turns": order(
        HAIKU, messages=[*HELLO, {"role": "assistant", "content": "High."}, {"role": "user", "content": "How high?"}]
    ),
    "max_tokens of 1": order(HAIKU, max_tokens=1),
    "stop sequences": order(HAIKU, stop_sequences=["the", "tide"]),
    "unicode": order(HAIKU, messages=[{"role": "user", "content": 'Ebbe 🌊 «Flut» \u2028 \x7f " \\ /'}]),
    "user in metadata": order(HAIKU, metadata={"user_id": "u-7"}),
    "service tier": order(HAIKU, service_tier="standard_only"),
    "place and speed": order(OPUS, inference_geo="us", speed="fast"),
    "effort": order(SONNET, output_config={"effort": "low"}),
    "a tool": order(SONNET, tools=[WEATHER]),
    "a tool by force": order(HAIKU, tools=[WEATHER], tool_choice={"type": "tool", "name": "get_weather"}),
    "a client tool of Anthropic": order(SONNET, tools=[{"type": "bash_20250124", "name": "bash"}]),
    "web search": order(OPUS, tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}]),
    "an image by URL": order(
        SONNET, {"type": "image", "source": {"type": "url", "url": "https://example.com/harbour.png"}}
    ),
    "an image by file id": order(SONNET, {"type": "image", "source": {"type": "file", "file_id": "file_011CNha8iC"}}),
    "a PDF by URL": order(SONNET, _document({"type": "url", "url": "https://example.com/tides.pdf"})),
    "a PDF by file id": order(SONNET, _document({"type": "file", "file_id": "file_011CNha8iC"})),
    "a text document": order(
        SONNET, _document({"type": "text", "media_type": "text/plain", "data": LONG}, title="Tides", context="A log")
    ),
    "adaptive thinking": order(SONNET, max_tokens=2_000, thinking={"type": "adaptive", "display": "summarized"}),
    "thinking left out": order("claude-opus-5-5", max_tokens=2_000),
    "thinking with a budget": order(HAIKU, max_tokens=2_000, thinking={"type": "enabled", "budget_tokens": 1_024}),
    "cache of 5 minutes": cached("5m"),
    "cache of an hour": cached("1h"),
    "structure": order(
        SONNET, output_config={"format": {"type": "json_schema", "schema": Tide.model_json_schema()}}, max_tokens=500
    ),
    "a refusal": order(SONNET, extra_headers={"x-fake-refuse": "after"}),
    "fields of the future": order(HAIKU, extra_body={"tidal_mode": {"deep": [1, 2.50, None]}, "x": "y"}),
    "an answer of the future": order(HAIKU, extra_headers={"x-fake-fault": "future"}),
}
"""By what is special about them."""

REAL: dict[str, Callable[[Documents], Order]] = {
    "a photograph": lambda found: order(SONNET, found.image()),
    "a PDF": lambda found: order(SONNET, found.document()),
    "a book": lambda found: order(SONNET, {"type": "text", "text": found.text()}),
    "a photograph, a PDF and a book": lambda found: order(
        SONNET, found.image(), found.document(), {"type": "text", "text": found.text()}
    ),
}
"""Orders over real documents."""
