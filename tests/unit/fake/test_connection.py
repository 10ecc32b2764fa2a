import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate.fake.settings import Settings

BODY = msgspec.json.encode(
    {"model": "claude-sonnet-5", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]}
)


def post(body: bytes = BODY, path: str = "/v1/messages", **headers: str) -> bytes:
    lines = {"x-api-key": "sk-ant-x", "anthropic-version": "2023-06-01", "content-length": str(len(body))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def steady(sent: bytes) -> bytes:
    """The reply without what differs from run to run."""
    return re.sub(rb"req_[0-9a-f]+|date: [^\r]+|-reset: [^\r]+", b"*", sent)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 400), max_size=12))
def test_any_chunking_gives_the_same_reply(meet: Any, asker: Callable[..., Any], cuts: list[int]) -> None:
    sent = post() + post(x_fake_say="second")
    places = sorted({min(cut, len(sent)) for cut in cuts})
    pieces = [sent[start:end] for start, end in zip([0, *places], [*places, len(sent)], strict=True) if start < end]
    assert steady(meet(asker().world).send(*pieces)) == steady(meet(asker().world).send(sent))


def test_keep_alive_and_close(meet: Any, ask: Any) -> None:
    meeting = meet(ask.world)
    assert meeting.send(post()).startswith(b"HTTP/1.1 200 OK")
    assert meeting.wire.journal == []
    assert b"connection: close" in meeting.send(post(connection="close"))
    assert meeting.wire.journal == ["close"]


def test_nonsense_is_refused(meet: Any, ask: Any) -> None:
    meeting = meet(ask.world)
    assert meeting.send(b"HELLO THERE\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert meeting.wire.journal == ["close"]
    assert ask.world.books.totals().requests == 0


def test_bodies_that_are_too_large_are_not_kept(meet: Any, asker: Callable[..., Any]) -> None:
    ask = asker(Settings(max_body=1_000))
    meeting = meet(ask.world)
    assert meeting.send(post(b"x" * 600 + b"y" * 401)).startswith(b"HTTP/1.1 413")
    assert ask.world.books.rows[-1].request_bytes == 1_001


def test_a_client_that_leaves_ends_the_attempt(meet: Any, ask: Any) -> None:
    meeting = meet(ask.world)
    meeting.connection.data_received(post(x_fake_delay="60"))
    assert ask.world.books.totals().open == 1
    meeting.connection.connection_lost(None)
    assert ask.world.books.totals().endings == {"disconnected": 1}
    assert meeting.loop.due == []


def test_waits_are_those_that_were_ordered(meet: Any, ask: Any) -> None:
    meeting = meet(ask.world)
    body = msgspec.json.encode({**msgspec.json.decode(BODY), "stream": True})
    meeting.connection.data_received(post(body, x_fake_fault="delay=2; first_byte=3; gap=4"))
    waits = []
    while meeting.loop.due:
        wait, call = meeting.loop.due.pop(0)
        waits.append(wait)
        call()
    assert waits[:3] == [2.0, 3.0, 4.0]
    assert set(waits[3:]) <= {4.0, 0.0}
    assert meeting.wire.sent.endswith(b"0\r\n\r\n")


def test_a_slow_reader_holds_the_stream_up(meet: Any, ask: Any) -> None:
    meeting = meet(ask.world)
    body = msgspec.json.encode({**msgspec.json.decode(BODY), "stream": True, "max_tokens": 64_000})
    meeting.connection.data_received(post(body, x_fake_fault="output_tokens=max; tokens_per_event=1"))
    meeting.connection.pause_writing()
    first = len(meeting.wire.sent)
    meeting.loop.run()
    assert len(meeting.wire.sent) == first
    assert ask.world.books.totals().open == 1
    meeting.connection.resume_writing()
    meeting.loop.run()
    assert len(meeting.wire.sent) > first
    assert ask.world.books.totals().endings == {"ok": 1}


@pytest.mark.parametrize(
    ("fault", "journal"), [("reset=before", ["abort"]), ("cut_chunked=2", ["close"]), ("stall=2", [])]
)
def test_endings(meet: Any, ask: Any, fault: str, journal: list[str]) -> None:
    meeting = meet(ask.world)
    body = msgspec.json.encode({**msgspec.json.decode(BODY), "stream": True})
    meeting.send(post(body, x_fake_fault=fault))
    assert meeting.wire.journal == journal
