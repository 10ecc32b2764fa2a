"""A request read as the model would: a row of segments (tools, system, messages) with their tokens and cache marks."""

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import msgspec

from tidegate.fake.media import image_tokens, pdf_tokens
from tidegate.fake.models import Model
from tidegate.fake.tokens import MESSAGE_FRAME, PROMPT_FRAME, count, count_bytes

Ttl = Literal["", "5m", "1h"]

_encode = msgspec.json.Encoder().encode


class Segment(NamedTuple):
    """A piece of the prompt that a cache mark may end."""

    tokens: int
    content: Any
    ttl: Ttl = ""


TYPED_TOOLS = {
    "bash_": (325, 244),
    "text_editor_": (700, 700),
    "computer_": (4_500, 4_500),
    "browser_": (6_600, 6_600),
}
"""Tokens that Anthropic's own client tools add: on 4.7 and newer, and before."""


def read_prompt(body: dict[str, Any], model: Model, *, worst: bool = False) -> list[Segment]:
    """The segments of a valid request, in the order in which prefixes are cached."""
    segments = [
        *_tools(body, model, worst=worst),
        *_system(body.get("system"), model, worst=worst),
        *_messages(body["messages"], model, worst=worst),
    ]
    mark = _ttl(body)
    if mark and segments and not segments[-1].ttl:
        segments[-1] = segments[-1]._replace(ttl=mark)
    return segments


def prompt_tokens(segments: list[Segment]) -> int:
    """All input tokens of the prompt, however they will be served."""
    return PROMPT_FRAME + sum(each.tokens for each in segments)


def _ttl(block: dict[str, Any]) -> Ttl:
    control = block.get("cache_control")
    if not isinstance(control, dict):
        return ""
    return "1h" if control.get("ttl") == "1h" else "5m"


def _tools(body: dict[str, Any], model: Model, *, worst: bool) -> Iterator[Segment]:
    tools = body.get("tools")
    if not tools:
        return
    choice = body.get("tool_choice") or {}
    forced = choice.get("type") in ("any", "tool")
    extra = model.tools_forced if forced else model.tools_auto
    for tool in tools:
        extra += _typed_tool(str(tool.get("type", "")), model)
        bare = {name: value for name, value in tool.items() if name != "cache_control"}
        yield Segment(extra + count_bytes(_encode(bare), worst=worst), bare, _ttl(tool))
        extra = 0


def _typed_tool(kind: str, model: Model) -> int:
    for prefix, (fine, coarse) in TYPED_TOOLS.items():
        if kind.startswith(prefix):
            return fine if model.fine_images else coarse
    return 0


def _system(system: Any, model: Model, *, worst: bool) -> Iterator[Segment]:
    if isinstance(system, str):
        yield Segment(MESSAGE_FRAME + count(system, worst=worst), system)
    elif system:
        for block in filter(_is_block, system):
            yield Segment(_block_tokens(block, model, worst=worst), block, _ttl(block))


def _messages(messages: list[Any], model: Model, *, worst: bool) -> Iterator[Segment]:
    for message in messages:
        content = message["content"]
        if isinstance(content, str):
            yield Segment(MESSAGE_FRAME + count(content, worst=worst), (message["role"], content))
            continue
        frame = MESSAGE_FRAME
        for block in content:
            tokens = frame + _block_tokens(block, model, worst=worst)
            yield Segment(tokens, (message["role"], block), _ttl(block))
            frame = 0


def _block_tokens(block: dict[str, Any], model: Model, *, worst: bool) -> int:
    kind = block["type"]
    if kind == "text":
        return count(str(block.get("text", "")), worst=worst)
    reader = READERS.get(kind)
    if reader:
        return reader(block, model, worst)
    bare = {name: value for name, value in block.items() if name != "cache_control"}
    return count_bytes(_encode(bare), worst=worst)


def _image(block: dict[str, Any], model: Model, worst: bool) -> int:
    return image_tokens(_mapping(block.get("source")), model, worst=worst)


def _tool_result(block: dict[str, Any], model: Model, worst: bool) -> int:
    return MESSAGE_FRAME + _content(block.get("content"), model, worst=worst)


def _search_result(block: dict[str, Any], model: Model, worst: bool) -> int:
    head = count(f"{block.get('title', '')} {block.get('source', '')}", worst=worst)
    return head + _content(block.get("content"), model, worst=worst)


def _thinking(block: dict[str, Any], _: Model, worst: bool) -> int:
    """The text alone: a signature is no prompt."""
    return count(str(block.get("thinking", "")), worst=worst)


def _document(block: dict[str, Any], model: Model, worst: bool) -> int:
    source = _mapping(block.get("source"))
    head = count(f"{block.get('title') or ''}{block.get('context') or ''}", worst=worst)
    kind = source.get("type")
    if kind == "text":
        return head + count(str(source.get("data", "")), worst=worst)
    if kind == "content":
        return head + _content(source.get("content"), model, worst=worst)
    return head + pdf_tokens(source, model, worst=worst)


READERS: dict[str, Callable[[dict[str, Any], Model, bool], int]] = {
    "image": _image,
    "document": _document,
    "tool_result": _tool_result,
    "search_result": _search_result,
    "thinking": _thinking,
}
"""How each kind of block is counted; any other counts as the JSON it is."""


def _content(content: Any, model: Model, *, worst: bool) -> int:
    if isinstance(content, str):
        return count(content, worst=worst)
    if not isinstance(content, list):
        return count_bytes(_encode(content), worst=worst) if content else 0
    return sum(_block_tokens(each, model, worst=worst) for each in content if _is_block(each))


def _is_block(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("type"), str)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
