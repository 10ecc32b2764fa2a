"""More clients than there is room for: who keeps us waiting goes first, who is being answered stays."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from tidegate.doors.gateway import crowd
from tidegate.doors.gateway.crowd import Counted, TurnedAway, make_counted, most_clients
from tidegate.doors.gateway.protocol import make_protocol
from tidegate.doors.gateway.request import Request
from tidegate.policy.replies import refusal_reply

MOST = 3
ASK = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("files", "upstreams", "clients"),
    [(None, 1, None), (1024, 1, 480), (1024, 2, 320), (20_000, 1, 9_968), (64, 1, 1), (0, 1, 1), (66, 1, 1)],
)
def test_their_share_of_the_files(files: int | None, upstreams: int, clients: int | None) -> None:
    assert most_clients(files, upstreams) == clients


class App:
    """Answers when it may."""

    def __init__(self) -> None:
        self.may = asyncio.Event()

    async def answer(self, request: Request) -> None:
        await self.may.wait()
        await request.reply(200, [(b"content-type", b"text/plain")], b"tide")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("our own protocol needs no ASGI")


class Client:
    """One connection from outside."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    async def send(self, sent: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.sock, sent)

    async def reply(self) -> bytes:
        """What comes at once, `b""` for the end."""
        async with asyncio.timeout(20):
            return await asyncio.get_running_loop().sock_recv(self.sock, 4096)


class Place:
    """A server with room for `MOST`, and the clock by which it judges who waits."""

    def __init__(self, app: App, state: ServerState, address: Any) -> None:
        self.app = app
        self.state = state
        self.seen = 0
        """Clients that the server has met."""
        self.turned_away = 0
        self.clients: list[Client] = []
        self._address = address

    async def come(self) -> Client:
        """One more client; the server has seen it then."""
        sock = socket.socket()
        sock.setblocking(False)
        client = Client(sock)
        self.clients.append(client)
        await asyncio.get_running_loop().sock_connect(sock, self._address)
        await self.until(lambda: self.seen == len(self.clients))
        await self.later()
        return client

    async def later(self) -> None:
        """Until the loop's clock, of milliseconds in uvloop, has gone on."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        await self.until(lambda: loop.time() > now)

    async def until(self, true: Callable[[], object]) -> None:
        while not true():  # noqa: ASYNC110 - what it waits for is told by no event
            await asyncio.sleep(0)

    @property
    def running(self) -> int:
        """Clients that are being answered."""
        return sum(isinstance(one, Counted) and one._running is not None for one in self.state.connections)


@asynccontextmanager
async def serving(patience: float = 20.0) -> AsyncIterator[Place]:
    def told() -> None:
        place.turned_away += 1

    refusing = make_protocol(patience, lambda refusal: refusal_reply(refusal, "req_1", {"queue_full": "Come back."}))
    app, state = App(), ServerState()
    made = make_counted(refusing, MOST, told)
    config = uvicorn.Config(
        app, http=made, ws="none", lifespan="off", log_config=None, proxy_headers=False, timeout_keep_alive=75
    )
    config.load()

    class Seen(made):  # type: ignore[misc,valid-type]  # made at run time
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            place.seen += 1

    server = await asyncio.get_running_loop().create_server(lambda: Seen(config, state, {}), "127.0.0.1", 0)
    place = Place(app, state, server.sockets[0].getsockname())
    try:
        yield place
    finally:
        for client in place.clients:
            client.sock.close()
        app.may.set()
        await place.until(lambda: not state.connections and not state.tasks)
        server.close()


Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    return asyncio.run if request.param == "asyncio" else uvloop.run


def test_a_newcomer_is_told_to_come_back(run: Run) -> None:
    """Those who have just come are no reason to think that they will not ask."""

    async def test() -> None:
        async with serving() as place:
            place.app.may.set()
            inside = [await place.come() for _ in range(MOST)]
            outside = await place.come()
            reply = await outside.reply()
            assert reply.startswith(b"HTTP/1.1 429 ")
            assert b"x-tidegate-reason: queue_full\r\n" in reply
            assert b"retry-after: 1\r\n" in reply
            assert b"connection: close\r\n" in reply
            assert reply.endswith(b"}")
            assert await outside.reply() == b""
            assert place.turned_away == 1
            for client in inside:
                await client.send(ASK)
                assert (await client.reply()).endswith(b"tide")

    run(test())


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nhost:"], ids=["nothing", "half a head"])
def test_who_keeps_us_waiting_makes_room(run: Run, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    async def test() -> None:
        async with serving() as place:
            place.app.may.set()
            resting = [await place.come() for _ in range(MOST - 1)]
            for client in resting:
                await client.send(ASK)
                assert (await client.reply()).endswith(b"tide")
            silent = await place.come()
            await silent.send(sent)
            monkeypatch.setattr(crowd, "_GRACE", 0.0)
            newcomer = await place.come()
            await newcomer.send(ASK)
            assert (await newcomer.reply()).endswith(b"tide")
            assert await silent.reply() == b""
            for client in resting:  # their own time-out is longer
                await client.send(ASK)
                assert (await client.reply()).endswith(b"tide")
            assert place.turned_away == 0
            assert len(place.state.connections) == MOST

    run(test())


def test_who_rests_makes_room_when_nobody_else_can(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with serving() as place:
            place.app.may.set()
            for _ in range(MOST):
                client = await place.come()
                await client.send(ASK)
                await client.reply()
                await place.later()
            assert not place.running
            monkeypatch.setattr(crowd, "_GRACE", 0.0)
            newcomer = await place.come()
            await newcomer.send(ASK)
            assert (await newcomer.reply()).endswith(b"tide")
            assert await place.clients[0].reply() == b""

    run(test())


def test_who_is_being_answered_stays(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with serving() as place:
            inside = [await place.come() for _ in range(MOST)]
            for client in inside:
                await client.send(ASK)
            await place.until(lambda: place.running == MOST)
            monkeypatch.setattr(crowd, "_GRACE", 0.0)
            outside = await place.come()
            assert b"queue_full" in await outside.reply()
            place.app.may.set()
            for client in inside:
                assert (await client.reply()).endswith(b"tide")

    run(test())


def test_a_flood_does_not_buy_a_look_at_all_with_each_connection(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Counted] = []

    def waited(self: Counted, _: float) -> float:
        looked.append(self)
        return 0.0

    async def test() -> None:
        async with serving() as place:
            monkeypatch.setattr(crowd, "_PAUSE", 1_000.0)
            monkeypatch.setattr(Counted, "waited", waited)
            for _ in range(MOST + 5):
                await place.come()
            assert place.turned_away == 5
            assert len(looked) == MOST

    run(test())


def test_who_was_turned_away_is_told_once_a_minute() -> None:
    told: list[int] = []
    now = 7.0
    turned_away = TurnedAway(told.append, lambda: now)
    for _ in range(5):
        turned_away()
    assert told == [1]
    now += 60
    turned_away()
    turned_away()
    assert told == [1, 5]
