"""A raw upstream that plays a script on a real socket, and the shortest way to ask it."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tidegate.core.ports import Outgoing, Reply
from tidegate.policy.rules import Timeouts
from tidegate.upstreams.anthropic import Anthropic
from tidegate.upstreams.connection import Connection

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
QUICK = Timeouts(connect=5, first_byte=5, idle=5, total=10)


class Peer:
    """One connection as the upstream sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def head(self) -> bytes:
        """The head of a request; IncompleteReadError when the client hangs up."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def request(self) -> tuple[bytes, bytes]:
        """Head and body of a request."""
        head = await self.head()
        size = next((int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"content-length: ")), 0)
        return head, await self.reader.readexactly(size)

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """End it the rude way."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def gone(self) -> None:
        """Until the client has ended the connection."""
        with suppress(OSError):
            while await self.reader.read(65_536):
                pass


Script = Callable[[Peer], Awaitable[None]]


class Server:
    """Plays one script per connection."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.accepted = 0
        self.failures: list[BaseException] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def serving(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """The n-th connection gets the n-th script, later ones the last.  What a script raises fails the test."""
    tasks: set[asyncio.Task[None]] = set()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = scripts[min(server.accepted, len(scripts) - 1)]
        server.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await script(Peer(reader, writer))
        except (asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone, or the test is over
        except Exception as error:  # noqa: BLE001 - handed to the test
            server.failures.append(error)
        finally:
            writer.transport.abort()

    listening = await asyncio.start_server(play, ["127.0.0.1"] if tls is None else "0.0.0.0", 0, ssl=tls, limit=1 << 20)
    server = Server(listening.sockets[0].getsockname()[1])
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
    assert not server.failures, server.failures


@asynccontextmanager
async def asking(url: str, **options: object) -> AsyncIterator[Anthropic]:
    """An upstream that is closed at the end and has then no connection left."""
    upstream = Anthropic(url=url, key=lambda: "sk-test", **options)  # type: ignore[arg-type]  # options of the test
    try:
        yield upstream
    finally:
        await upstream.aclose()
        assert (upstream.pool.open, upstream.pool.opening, upstream.pool.idle) == (0, 0, 0)


def outgoing(body: bytes = b"{}", method: str = "POST", target: str = "/v1/messages") -> Outgoing:
    return Outgoing(method, target, [(b"content-type", b"application/json")], body)


class Sent:
    """Counts how often it was told that something is sent now."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


async def ask(upstream: Anthropic, timeouts: Timeouts = QUICK, request: Outgoing | None = None) -> Reply:
    return await upstream.send(request or outgoing(), timeouts, Sent())


def the_connection(upstream: Anthropic) -> Connection:
    (connection,) = upstream.pool._alive
    assert isinstance(connection, Connection)
    return connection


def patient(**changes: float) -> Timeouts:
    return Timeouts(**{"connect": 5, "first_byte": 10, "idle": 10, "total": 15, **changes})


async def whole(reply: Reply) -> bytes:
    pieces = []
    while piece := await reply.read():
        pieces.append(piece)
    return b"".join(pieces)


async def until(true: Callable[[], bool]) -> None:
    """Let the loop turn until it is true."""
    while not true():  # noqa: ASYNC110 - what it waits for is told by no event
        await asyncio.sleep(0)


def serve(reply: bytes) -> Script:
    """The same reply to every request of a connection."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            peer.send(reply)

    return script


def open_sockets() -> int:
    """Sockets of this process."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the listing's own descriptor is closed by now
            count += str(entry.readlink()).startswith("socket:")
    return count
