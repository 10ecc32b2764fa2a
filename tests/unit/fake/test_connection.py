import re
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate.fake.connection import Connection
from tidegate.fake.settings import Settings

BODY = msgspec.json.encode(
    {"model": "claude-sonnet-5", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]}
)


class Loop:
    """A loop that does things when it is told to, and knows how long it was asked to wait."""

    def __init__(self) -> None:
        self.due: list[tuple[float, Callable[[], None]]] = []

    def call_soon(self, call: Callable[[], None]) -> "Handle":
        return self.call_later(0.0, call)

    def call_later(self, wait: float, call: Callable[[], None]) -> "Handle":
        self.due.append((wait, call))
        return Handle(self, (wait, call))

    def run(self) -> None:
        while self.due:
            self.due.pop(0)[1]()


class Handle:
    def __init__(self, loop: Loop, entry: Any) -> None:
        self._loop, self._entry = loop, entry

    def cancel(self) -> None:
        if self._entry in self._loop.due:
            self._loop.due.remove(self._entry)


class Wire:
    """A transport that only remembers."""

    def __init__(self) -> None:
        self.sent = b""
        self.journal: list[str] = []

    def write(self, data: bytes) -> None:
        self.sent += data

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, _: str) -> None:
        return None

    def close(self) -> None:
        self.journal.append("close")

    def abort(self) -> None:
        self.journal.append("abort")


class Meeting:
    """A connection between a client's bytes and a world."""

    def __init__(self, world: Any) -> None:
        self.loop, self.wire = Loop(), Wire()
        self.connection = Connection(world, cast("Any", self.loop))
        self.connection.connection_made(cast("Any", self.wire))

    def send(self, *pieces: bytes) -> bytes:
        for piece in pieces:
            self.connection.data_received(piece)
        self.loop.run()
        return self.wire.sent


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
def test_any_chunking_gives_the_same_reply(asker: Callable[..., Any], cuts: list[int]) -> None:
    sent = post() + post(x_fake_say="second")
    places = sorted({min(cut, len(sent)) for cut in cuts})
    pieces = [sent[start:end] for start, end in zip([0, *places], [*places, len(sent)], strict=True) if start < end]
    assert steady(Meeting(asker().world).send(*pieces)) == steady(Meeting(asker().world).send(sent))


def test_keep_alive_and_close(ask: Any) -> None:
    meeting = Meeting(ask.world)
    assert meeting.send(post()).startswith(b"HTTP/1.1 200 OK")
    assert meeting.wire.journal == []
    assert b"connection: close" in meeting.send(post(connection="close"))
    assert meeting.wire.journal == ["close"]


def test_nonsense_is_refused(ask: Any) -> None:
    meeting = Meeting(ask.world)
    assert meeting.send(b"HELLO THERE\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert meeting.wire.journal == ["close"]
    assert ask.world.books.totals().requests == 0


def test_bodies_that_are_too_large_are_not_kept(asker: Callable[..., Any]) -> None:
    ask = asker(Settings(max_body=1_000))
    meeting = Meeting(ask.world)
    assert meeting.send(post(b"x" * 600 + b"y" * 401)).startswith(b"HTTP/1.1 413")
    assert ask.world.books.rows[-1].request_bytes == 1_001


def test_a_client_that_leaves_ends_the_attempt(ask: Any) -> None:
    meeting = Meeting(ask.world)
    meeting.connection.data_received(post(x_fake_delay="60"))
    assert ask.world.books.totals().open == 1
    meeting.connection.connection_lost(None)
    assert ask.world.books.totals().endings == {"disconnected": 1}
    assert meeting.loop.due == []


def test_waits_are_those_that_were_ordered(ask: Any) -> None:
    meeting = Meeting(ask.world)
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


def test_a_slow_reader_holds_the_stream_up(ask: Any) -> None:
    meeting = Meeting(ask.world)
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
def test_endings(ask: Any, fault: str, journal: list[str]) -> None:
    meeting = Meeting(ask.world)
    body = msgspec.json.encode({**msgspec.json.decode(BODY), "stream": True})
    meeting.send(post(body, x_fake_fault=fault))
    assert meeting.wire.journal == journal


def control(path: str, body: bytes = b"", method: str = "GET") -> bytes:
    return f"{method} /_fake/{path} HTTP/1.1\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def told(sent: bytes) -> Any:
    return msgspec.json.decode(sent.rpartition(b"\r\n\r\n")[2])


def test_a_wait_ends_when_its_condition_holds(ask: Any) -> None:
    waiting, working = Meeting(ask.world), Meeting(ask.world)
    waiting.connection.data_received(control("wait?attempts=2&open=0&timeout=9"))
    assert [wait for wait, _ in waiting.loop.due] == [9.0]
    working.send(post())
    assert waiting.wire.sent == b""
    working.send(post())
    assert told(waiting.wire.sent)["attempts"] == 2
    assert waiting.loop.due == []
    assert ask.world.books.watchers == []


def test_a_wait_gives_up_and_is_forgotten_when_its_client_leaves(ask: Any) -> None:
    late, gone = Meeting(ask.world), Meeting(ask.world)
    assert late.send(control("wait?attempts=1")).startswith(b"HTTP/1.1 504")
    gone.connection.data_received(control("wait?attempts=1"))
    gone.connection.connection_lost(None)
    assert ask.world.books.watchers == []


def test_control(ask: Any) -> None:
    def say(path: str, body: bytes = b"", method: str = "GET") -> Any:
        meeting = Meeting(ask.world)
        return told(meeting.send(control(path, body, method)))

    Meeting(ask.world).send(post() + post())
    assert [row["seq"] for row in say("books")["rows"]] == [1, 2]
    assert [row["seq"] for row in say("books?since=1")["rows"]] == [2]
    assert say("totals")["attempts"] == 2
    assert say("script", b'{"rules": [{"do": {"status": 500}}]}', "POST") == {"rules": 1}
    Meeting(ask.world).send(post())
    assert say("state")["rules"] == [{"met": 1, "struck": 1}]
    assert "error" in say("script", b"{", "POST")
    assert "unknown condition tide" in say("wait?tide=1")["error"]
    assert "error" in say("nothing")
    assert say("reset", b"", "POST")["attempts"] == 0
    assert say("state")["rules"] == []
