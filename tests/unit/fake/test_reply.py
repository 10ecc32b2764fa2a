from typing import Any

import msgspec
import pytest

from tidegate.fake.command import build
from tidegate.fake.events import Event
from tidegate.fake.reply import Reply, streamed, whole

HEAD = b"HTTP/1.1 200 OK\r\n"
EVENTS = [Event(b"event %d\n" % number, number) for number in range(6)]


def wire(reply: Reply) -> bytes:
    return b"".join(step.wire for step in reply.steps)


def test_a_document() -> None:
    reply = whole(HEAD, b"body", build({"delay": 1.0, "first_byte": 0.5}), tokens=7, seconds=2.0)
    (step,) = reply.steps
    assert (step.wait, step.payload, step.tokens) == (3.5, b"body", 7)
    assert step.wire == HEAD + b"content-length: 4\r\n\r\nbody"
    assert (reply.after, reply.ending) == ("keep", "ok")


def test_no_body_is_no_empty_one() -> None:
    assert wire(whole(HEAD, b"", build({}))) == HEAD + b"content-length: 0\r\n\r\n"
    assert wire(whole(HEAD, None, build({}))) == HEAD + b"\r\n"
    assert wire(whole(HEAD, None, build({"reset": 1}))) == HEAD + b"\r\n"


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body(ask: Any, status: int) -> None:
    sent = wire(ask.begin({"model": "claude-haiku-4-5"}, x_fake_fault=f"status={status}").reply)
    assert sent.startswith(b"HTTP/1.1 %d " % status)
    assert sent.endswith(b"\r\n\r\n")
    assert b"content-length" not in sent


@pytest.mark.parametrize(
    ("orders", "sent", "after", "ending"),
    [
        ({"reset": "before"}, b"", "reset", "fault:reset"),
        ({"reset": "headers"}, b"\r\n\r\n", "reset", "fault:reset"),
        ({"reset": 1}, b"bo", "reset", "fault:reset"),
        ({"stall": "before"}, b"", "stall", "fault:stall"),
        ({"stall": 5}, b"bo", "stall", "fault:stall"),
        ({"cut": 1}, b"bo", "close", "cut"),
        ({"cut_chunked": 1}, b"bo", "close", "fault:cut_chunked"),
    ],
)
def test_broken_documents(orders: dict[str, Any], sent: bytes, after: str, ending: str) -> None:
    reply = whole(HEAD, b"body", build(orders))
    assert wire(reply).endswith(sent)
    assert bool(wire(reply)) is bool(sent)
    assert (reply.after, reply.ending) == (after, ending)


def test_a_stream() -> None:
    reply = streamed(HEAD, EVENTS, build({"delay": 1.0, "first_byte": 2.0, "gap": 3.0}))
    assert [step.wait for step in reply.steps] == [1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0, 0.0]
    assert wire(reply).startswith(HEAD + b"transfer-encoding: chunked\r\n\r\n8\r\nevent 0\n\r\n")
    assert wire(reply).endswith(b"8\r\nevent 5\n\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("orders", "events", "last", "after", "ending"),
    [
        ({"cut": 2}, 2, b"0\r\n\r\n", "keep", "cut"),
        ({"cut": 0}, 0, b"0\r\n\r\n", "keep", "cut"),
        ({"cut_chunked": 2}, 2, b"content_bl", "close", "fault:cut_chunked"),
        ({"cut_chunked": "headers"}, 0, b"content_bl", "close", "fault:cut_chunked"),
        ({"reset": 3}, 3, b"event 2\n\r\n", "reset", "fault:reset"),
        ({"reset": "headers"}, 0, b"\r\n\r\n", "reset", "fault:reset"),
        ({"stall": 1}, 1, b"event 0\n\r\n", "stall", "fault:stall"),
        ({"stall": "before"}, 0, b"", "stall", "fault:stall"),
        ({"reset": 99}, 6, b"event 5\n\r\n", "reset", "fault:reset"),
    ],
)
def test_broken_streams(orders: dict[str, Any], events: int, last: bytes, after: str, ending: str) -> None:
    reply = streamed(HEAD, EVENTS, build(orders))
    assert wire(reply).count(b"event ") == events
    assert wire(reply).endswith(last)
    assert (reply.after, reply.ending, reply.billing) == (after, ending, "so_far")


def test_an_error_event_ends_a_stream() -> None:
    reply = streamed(HEAD, EVENTS, build({"error_event": 2, "error_event_type": "api_error"}))
    last = reply.steps[-2]
    assert last.tokens == 1
    told = msgspec.json.decode(last.payload.partition(b"data: ")[2])
    assert (told["type"], told["error"]["type"]) == ("error", "api_error")
    assert (reply.ending, reply.after) == ("fault:error_event", "keep")
