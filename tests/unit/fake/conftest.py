"""A fake Claude without sockets: requests go straight to its `World`."""

from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest

from tidegate.fake.attempt import Attempt
from tidegate.fake.connection import Connection
from tidegate.fake.request import Request
from tidegate.fake.script import Script, read_script
from tidegate.fake.settings import Settings
from tidegate.fake.world import World

HEADERS = {b"x-api-key": b"sk-ant-api03-x", b"anthropic-version": b"2023-06-01"}


class Asker:
    """Asks a world, plays the reply to its end, and gives back what a client would have got."""

    def __init__(self, settings: Settings | None = None, script: dict[str, Any] | None = None) -> None:
        self.world = World(settings or Settings(), read_script(script) if script else Script())

    def begin(self, body: Any = None, *, method: str = "POST", path: str = "/v1/messages", **headers: str) -> Attempt:
        given = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        path, _, query = path.partition("?")
        return self.world.answer(Request(method, path, query, {**HEADERS, **given}, raw, len(raw)), 1)

    def __call__(self, body: Any = None, **how: Any) -> tuple[int, Any, Attempt]:
        """Status, decoded body (bytes for a stream), and the attempt."""
        attempt = self.begin(body, **how)
        payload = b""
        for step in attempt.reply.steps:
            payload += step.payload
            attempt.sent(step.payload, step)
        attempt.done()
        status = attempt.row.status
        assert status is not None
        told = payload if attempt.row.stream and status == 200 else msgspec.json.decode(payload) if payload else None
        return status, told, attempt


@pytest.fixture
def asker() -> Callable[..., Asker]:
    return Asker


@pytest.fixture
def ask() -> Asker:
    return Asker()


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


@pytest.fixture
def meet() -> type[Meeting]:
    return Meeting
