"""Signatures of thinking blocks: bound to the conversation before them, and checked when they come back."""

import base64
import hashlib
from typing import Any

import msgspec

from tidegate.fake.models import Model

_MARK = b"fake-claude-thinking-v1\0"
_encode = msgspec.json.Encoder().encode


def signature(body: dict[str, Any], turns: int | None = None) -> str:
    """The signature of a thinking block made after the first `turns` messages (None: all of them)."""
    digest = _digest(body, len(body["messages"]) if turns is None else turns)
    return base64.b64encode(_MARK + digest + hashlib.sha512(digest).digest() * 2).decode()


def checks_binding(model: Model) -> bool:
    """Whether the model refuses thinking blocks of other conversations."""
    return model.generation >= (5, 1)


def broken_binding(body: dict[str, Any]) -> str | None:
    """What the API says of the first of our thinking blocks whose conversation is not this one."""
    for turn, message in enumerate(body["messages"]):
        if message["role"] != "assistant" or not isinstance(message["content"], list):
            continue
        for index, block in enumerate(message["content"]):
            if block["type"] == "thinking" and _ours(block) and block["signature"] != signature(body, turn):
                return (
                    f"messages.{turn}.content.{index}: Invalid `signature` in `thinking` block. "
                    "The block is bound to a different conversation."
                )
    return None


def _ours(block: dict[str, Any]) -> bool:
    return str(block.get("signature", "")).startswith(base64.b64encode(_MARK)[:28].decode())


def _digest(body: dict[str, Any], turns: int) -> bytes:
    before = [body.get("system"), body.get("tools"), body["messages"][:turns]]
    return hashlib.sha256(_encode(_unmarked(before))).digest()


def _unmarked(value: Any) -> Any:
    """The value without cache marks, which may move from turn to turn."""
    if isinstance(value, dict):
        return {name: _unmarked(each) for name, each in value.items() if name != "cache_control"}
    if isinstance(value, list):
        return [_unmarked(each) for each in value]
    return value
