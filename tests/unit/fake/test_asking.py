from typing import Any

import pytest

from tidegate.fake.asking import Asking, parse_body, read_asking
from tidegate.fake.errors import Problem

HI = [{"role": "user", "content": "Hi"}]
OLD, NEW = "2023-06-01", "2026-10-21"


def read(version: str = OLD, betas: str = "", *, counting: bool = False, strict: bool = False, **body: Any) -> Any:
    whole = {"model": "claude-sonnet-5", "max_tokens": 3_000, "messages": HI, **body}
    bare = {name: value for name, value in whole.items() if value is not ...}
    return read_asking(bare, version=version, betas=betas, counting=counting, strict_fields=strict)


def test_a_plain_request_passes() -> None:
    asking = read()
    assert isinstance(asking, Asking)
    assert asking.model.id == "claude-sonnet-5"
    assert isinstance(read(max_tokens=..., counting=True), Asking)


FORCED: dict[str, Any] = {"tools": [{"name": "t", "input_schema": {}}], "tool_choice": {"type": "any"}}
BUDGET = {"type": "enabled", "budget_tokens": 2_000}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"model": ...}, "model: Field required"),
    ({"model": 5}, "model: Input should be a valid string"),
    ({"max_tokens": ...}, "max_tokens: Field required"),
    ({"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": True}, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": -1}, "greater than or equal to 0"),
    ({"max_tokens": 128_001}, "128001 > 128000"),
    ({"messages": ...}, "messages: Field required"),
    ({"messages": {}}, "valid list"),
    ({"messages": []}, "at least one message is required"),
    ({"messages": ["Hi"]}, "messages.0: "),
    ({"messages": [{"role": "owner", "content": "Hi"}]}, "messages.0.role"),
    ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content: Input should be"),
    ({"messages": [{"role": "user", "content": ""}]}, "non-empty content"),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, "must be non-empty"),
    ({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}, "messages.0.content.0.type"),
    ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "image.source: Field required"),
    ({"messages": [{"role": "assistant", "content": "Hi"}, *HI]}, 'first message must use the "user" role'),
    ({"messages": [*HI, {"role": "assistant", "content": "So"}]}, "does not support assistant message prefill"),
    ({"temperature": 1, "version": NEW}, "temperature: "),
    ({"top_k": 1}, "top_k: "),
    ({"thinking": BUDGET}, "is not supported for this model"),
    ({"thinking": {"type": "deep"}}, "thinking.type"),
    ({"thinking": {"type": "disabled"}, "model": "claude-opus-5-5"}, '"disabled" is not supported'),
    ({"thinking": {"type": "adaptive"}, "model": "claude-haiku-4-5"}, "adaptive thinking is not supported"),
    ({"thinking": {**BUDGET, "budget_tokens": 3_000}, "model": "claude-haiku-4-5"}, "must be greater than"),
    ({"thinking": {**BUDGET, "budget_tokens": 9}, "model": "claude-haiku-4-5"}, "or equal to 1024"),
    ({"thinking": {"type": "enabled"}, "model": "claude-haiku-4-5"}, "budget_tokens: Field required"),
    ({"tools": {}}, "tools: "),
    ({"tools": [{"name": 5}]}, "tools[0].name: "),
    ({"stop_sequences": [None]}, "stop_sequences[0]: "),
    ({"stream": "yes"}, "stream: "),
    ({"tools": [{"name": "t"}]}, "input_schema: Field required"),
    ({"tools": FORCED["tools"] * 2}, "Tool names must be unique"),
    ({**FORCED, "model": "claude-sonnet-5-5"}, 'type "tool" and "any" are not supported'),
    ({"tool_choice": {"type": "tool", "name": "t"}}, "not found in tools"),
    ({"tool_choice": {"type": "maybe"}}, "expected tags"),
    ({"inference_geo": "us", "model": "claude-haiku-4-5"}, "inference_geo is not supported"),
    ({"inference_geo": "moon"}, "inference_geo: "),
    ({"speed": "fast"}, "'fast' is not supported"),
    ({"speed": "warp"}, "speed: "),
    ({"service_tier": "gold"}, "service_tier: "),
    ({"mcp_servers": []}, "mcp_servers: Extra inputs are not permitted"),
    ({"tide": 1, "strict": True}, "tide: Extra inputs are not permitted"),
]


@pytest.mark.parametrize(("body", "message"), REFUSED)
def test_refused(body: dict[str, Any], message: str) -> None:
    found = read(**body)
    assert isinstance(found, Problem)
    assert (found.status, found.type) == (400, "invalid_request_error")
    assert message in found.message


@pytest.mark.parametrize(
    "body",
    [
        {"temperature": 1, "model": "claude-haiku-4-5"},
        {"messages": [*HI, {"role": "assistant", "content": "So"}], "model": "claude-haiku-4-5"},
        {"thinking": BUDGET, "model": "claude-haiku-4-5"},
        {"thinking": BUDGET, "model": "claude-sonnet-4-6"},
        {"speed": "fast", "model": "claude-opus-5-5", "inference_geo": "us"},
        {"mcp_servers": [], "betas": "mcp-client-2026-09-15"},
        {"tide": 1},
        FORCED,
        {"model": "claude-haiku-4-5-20251001"},
        {"max_tokens": 0},
    ],
)
def test_allowed(body: dict[str, Any]) -> None:
    assert isinstance(read(**body), Asking)


@pytest.mark.parametrize("model", ["claude-9", "claude-opus-4-1", "gpt-5"])
def test_unknown_and_retired_models(model: str) -> None:
    found = read(model=model)
    assert isinstance(found, Problem)
    assert (found.status, found.type, found.message) == (404, "not_found_error", f"model: {model}")


def test_what_the_new_version_forbids() -> None:
    document = {"type": "document", "source": {"type": "text", "data": "x"}}
    turns: list[Any] = [*HI, {"role": "assistant", "content": [document]}, *HI]
    assert isinstance(read(messages=turns), Asking)
    assert isinstance(read(NEW, messages=turns), Problem)
    cited: list[Any] = [{"role": "user", "content": [{"type": "text", "text": "x", "citations": []}]}]
    assert isinstance(read(messages=cited), Asking)
    assert isinstance(read(NEW, messages=cited), Problem)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"null", b"5"])
def test_bodies_that_are_no_object(body: bytes) -> None:
    assert isinstance(parse_body(body), Problem)
    assert parse_body(b'{"a": 1}') == {"a": 1}
