"""An answer of our own in the exact shape of a message, for routes whose last resort is a sentence."""

from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode

Headers = list[tuple[bytes, bytes]]

_NO_TOKENS = {
    "input_tokens": 0,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 0,
}


def static_reply(text: str, *, model: str, call_id: str, stream: bool) -> tuple[Headers, bytes]:
    """Headers and body of a message that says `text`, as JSON or as a whole event stream; it has cost nothing."""
    kind = b"text/event-stream; charset=utf-8" if stream else b"application/json"
    headers = [(b"content-type", kind), (b"request-id", f"req_{call_id}".encode())]
    return headers, _events(text, model, call_id) if stream else _encode(_message(text, model, call_id))


def _message(text: str | None, model: str, call_id: str) -> dict[str, Any]:
    return {
        "id": f"msg_{call_id}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [] if text is None else [{"type": "text", "text": text}],
        "stop_reason": None if text is None else "end_turn",
        "stop_sequence": None,
        "usage": {
            **_NO_TOKENS,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "service_tier": "standard",
        },
    }


def _events(text: str, model: str, call_id: str) -> bytes:
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": _message(None, model, call_id)},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": _NO_TOKENS,
        },
        {"type": "message_stop"},
    ]
    return b"".join(b"event: %b\ndata: %b\n\n" % (event["type"].encode(), _encode(event)) for event in events)
