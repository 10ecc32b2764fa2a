"""Whole replies that their client does not read: they do not keep their memory, nor their connection, for ever."""

import asyncio
import socket
from asyncio import TimerHandle, Transport
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from tidegate.doors.gateway import protocol
from tidegate.doors.gateway.protocol import PACE, Patient, make_protocol
from tidegate.doors.gateway.request import Request
from tidegate.policy.replies import refusal_reply

LARGE = b"x" * 20_000_000
PATIENCE = 0.1
KEEP_ALIVE = 1
ASK = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"


class App:
    """Answers everything with the same."""

    async def answer(self, request: Request) -> None:
        await request.reply(200, [(b"content-type", b"text/plain")], LARGE)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("our own protocol needs no ASGI")


def _config() -> uvicorn.Config:
    made = make_protocol(PATIENCE, lambda refusal: refusal_reply(refusal, "req_1", {}))
    return uvicorn.Config(
        App(),
        http=made,
        ws="none",
        lifespan="off",
        log_config=None,
        proxy_headers=False,  # its middleware would stand before the application
        timeout_keep_alive=KEEP_ALIVE,
    )


async def _served(sent: bytes) -> None:
    """Ends when the server has let go of a client that sends this, and never reads."""
    config, state, lost = _config(), ServerState(), asyncio.Event()
    config.load()

    class Seen(config.http_protocol_class):  # type: ignore[name-defined,misc]  # made at run time
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set()

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Seen(config, state, {}), "127.0.0.1", 0)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.setblocking(False)
    with client:
        await loop.sock_connect(client, server.sockets[0].getsockname())
        await loop.sock_sendall(client, sent)
        async with asyncio.timeout(60):
            await lost.wait()
            while state.tasks:
                await asyncio.wait(state.tasks)
    server.close()


SENT = {
    "one that could go on": ASK,
    "its last": LAST,
    "HTTP/1.0": OLD,
    "a second one behind it": ASK * 2,
    "many behind it": ASK * 50,
    "its last behind it": ASK + LAST,
    "garbage behind it": ASK + b"tide\r\n\r\n",
    "garbage behind a second": ASK * 2 + b"tide\r\n\r\n",
    "half a head behind a second": ASK * 2 + b"GET /",
}


@pytest.mark.parametrize("name", SENT)
def test_who_does_not_read_is_cut_off(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "PACE", 100_000_000)
    uvloop.run(_served(SENT[name]))


class _Loop:
    """Time by hand: its timers ring when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[Callable[[], None]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, ring: Callable[[], None]) -> TimerHandle:
        self.due = [ring]
        self.now = at
        return TimerHandle(at, ring, (), self)  # type: ignore[arg-type]  # only cancelled

    def _timer_handle_cancelled(self, _: TimerHandle) -> None:
        pass

    def get_debug(self) -> bool:
        return False


class _Pipe(Transport):
    """A connection that has this much to send."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left
        self.ends: list[str] = []

    def get_write_buffer_size(self) -> int:
        return self.left

    def is_closing(self) -> bool:
        return bool(self.ends)

    def close(self) -> None:
        self.ends.append("close")

    def abort(self) -> None:
        self.ends.append("abort")


@pytest.mark.parametrize("left", [0, PACE, 240 * PACE])
def test_who_reads_slowly_has_its_time(left: int) -> None:
    config, loop, pipe = _config(), _Loop(), _Pipe(left)
    config.load()
    patient = config.http_protocol_class(config, ServerState(), {}, loop)  # type: ignore[call-arg]  # a class
    assert isinstance(patient, Patient)
    patient.connection_made(pipe)
    loop.due.pop()()
    assert pipe.ends == ["close"]
    closed_at = PATIENCE
    loop.due.pop()()
    assert pipe.ends == ["close", "abort"]
    assert loop.now - closed_at == pytest.approx(PATIENCE + left / PACE)
