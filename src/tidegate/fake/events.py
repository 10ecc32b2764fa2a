"""An answer as it goes over the wire: one JSON document, or server-sent events in the API's order."""

from typing import Any, NamedTuple

import msgspec

from tidegate.fake.command import Command
from tidegate.fake.compose import REFUSAL, Message, Said
from tidegate.fake.usage import delta_usage_json, usage_json

_encode = msgspec.json.Encoder().encode
HUGE = 5_000_000
"""Bytes of the huge event where the order names no size."""

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
UNKNOWN = b'event: tide_turned\ndata: {"type":"tide_turned","level":{"metres":2}}\n\n'


class Event(NamedTuple):
    """One event, and what had been generated when it was sent."""

    payload: bytes
    tokens: int
    grown: bool = False
    """Whether server tools had run by then: the input is the final one."""


def sse(name: str, data: Any) -> bytes:
    """One server-sent event."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode(data))


def message_json(message: Message, command: Command) -> bytes:
    """The answer as one document."""
    shown = _envelope(message, command)
    shown["content"] = [each.block for each in message.said]
    shown["stop_reason"] = message.stop_reason
    shown["stop_sequence"] = message.stop_sequence
    shown["usage"] = _dressed(usage_json(message.usage), command)
    if message.stop_reason == "refusal":
        shown["stop_details"] = REFUSAL
    if command.huge and shown["content"]:
        shown["content"] = [*shown["content"], {"type": "text", "text": "x" * _huge(command)}]
    if command.no_usage:
        del shown["usage"]
    return _encode(shown)


def events_of(message: Message, command: Command) -> list[Event]:
    """The answer as events; `tokens` grows from 0 to the whole output."""
    events = [Event(_start(message, command), 0), Event(PING, 0)]
    step = command.tokens_per_event or max(4, message.usage.output_tokens // 500)
    done, grown = 0, False
    for index, each in enumerate(message.said):
        grown = grown or each.block["type"] == "web_search_tool_result"
        events += _block_events(index, each, done, grown, step)
        done += each.tokens
        if command.progressive:
            events.append(Event(_delta(message, command, done), done, grown))
    events.append(Event(_delta(message, command), message.usage.output_tokens, grown=True))
    events.append(Event(sse("message_stop", {"type": "message_stop"}), message.usage.output_tokens, grown=True))
    return _disturbed(events, command)


def _envelope(message: Message, command: Command) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": message.id,
        "type": "message",
        "role": "assistant",
        "model": message.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {},
    }
    if command.future:
        shown["tide"] = {"level": "rising"}
    return shown


def _dressed(usage: dict[str, Any], command: Command) -> dict[str, Any]:
    if command.future:
        usage["tidal_tokens"] = 7
    return usage


def _start(message: Message, command: Command) -> bytes:
    shown = _envelope(message, command)
    shown["usage"] = _dressed(usage_json(message.first, min(1, message.usage.output_tokens)), command)
    if command.no_usage:
        del shown["usage"]
    return sse("message_start", {"type": "message_start", "message": shown})


def _delta(message: Message, command: Command, output_tokens: int | None = None) -> bytes:
    """The closing message_delta, or with `output_tokens` one on the way."""
    last = output_tokens is None
    delta: dict[str, Any] = {"stop_reason": None, "stop_sequence": None}
    if last:
        delta = {"stop_reason": message.stop_reason, "stop_sequence": message.stop_sequence}
        if message.stop_reason == "refusal":
            delta["stop_details"] = REFUSAL
    shown: dict[str, Any] = {"type": "message_delta", "delta": delta}
    if not command.no_usage:
        usage = message.usage if last else message.first
        shown["usage"] = _dressed(delta_usage_json(usage, output_tokens), command)
    return sse("message_delta", shown)


def _block_events(index: int, said: Said, done: int, grown: bool, step: int) -> list[Event]:
    opening, deltas = _opened(said.block)
    start = {"type": "content_block_start", "index": index, "content_block": opening}
    events = [Event(sse("content_block_start", start), done, grown)]
    tail = b"}}\n\n"
    head = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"' % index
    for kind, field, text in deltas:
        parts = max(1, min(len(text), said.tokens // step)) if kind != "signature_delta" else 1
        opened = b'%b%b","%b":' % (head, kind.encode(), field.encode())
        for part in range(parts):
            piece = text[len(text) * part // parts : len(text) * (part + 1) // parts]
            tokens = said.tokens if kind == "signature_delta" else said.tokens * (part + 1) // parts
            events.append(Event(opened + _encode(piece) + tail, done + tokens, grown))
    stop = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n' % index
    events.append(Event(stop, done + said.tokens, grown))
    return events


def _opened(block: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    """A block as content_block_start shows it, and the (delta type, field, text) that follow."""
    kind = block["type"]
    if kind == "text":
        return {"type": "text", "text": ""}, [("text_delta", "text", block["text"])]
    if kind == "thinking":
        deltas = [("thinking_delta", "thinking", block["thinking"])] if block["thinking"] else []
        opening = {"type": "thinking", "thinking": "", "signature": ""}
        return opening, [*deltas, ("signature_delta", "signature", block["signature"])]
    if kind in ("tool_use", "server_tool_use"):
        return {**block, "input": {}}, [("input_json_delta", "partial_json", _encode(block["input"]).decode())]
    return block, []


def _huge(command: Command) -> int:
    return HUGE if command.huge is True else int(command.huge or 0)


def _disturbed(events: list[Event], command: Command) -> list[Event]:
    """The events with what was ordered among them; the order of the real ones stays."""
    if command.huge and len(events) > 4:
        at = events[3]
        delta = {"type": "text_delta", "text": "x" * _huge(command)}
        if b"text_delta" in at.payload:
            huge = sse("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta})
            events.insert(4, Event(huge, at.tokens, at.grown))
    if command.future:
        events = [each for event in events for each in (event, event._replace(payload=UNKNOWN))][:-1]
    if command.pings:
        storm = PING * command.pings
        events = [event._replace(payload=event.payload + storm) for event in events]
    if command.malformed:
        middle = len(events) // 2
        broken = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,\n\n'
        events[middle] = events[middle]._replace(payload=broken)
    return events
