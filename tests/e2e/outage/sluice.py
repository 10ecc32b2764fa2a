"""A gate in the water before the fake Claude: open, closed (nobody is there), or blocked (connections hang)."""

import asyncio
import contextlib
import socket
from typing import Self


class Sluice:
    """Listens on a port of its own and passes bytes on; `lost` counts the connections that it tore apart."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream = upstream_port
        self._server: asyncio.Server | None = None
        self._plug: list[socket.socket] = []
        self._open: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()
        self.lost = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
        for sock in self._plug:
            sock.close()

    @property
    def url(self) -> str:
        """Where a gateway finds it."""
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Let everything through."""
        while self._plug:
            self._plug.pop().close()
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Nobody listens any more, and what was open is torn apart."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._open:
            self.lost += 1
            writer.transport.abort()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def block(self) -> None:
        """Connections are neither taken nor refused: somebody listens whose queue is full."""
        await self.close()
        plug = socket.socket()
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        plug.bind(("127.0.0.1", self.port))
        plug.listen(0)
        self._plug.append(plug)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(("127.0.0.1", self.port))
            self._plug.append(filler)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        self._open.add(writer)
        try:
            await asyncio.gather(_copy(reader, up_writer), _copy(up_reader, writer))
        finally:
            self._open.discard(writer)
            self._passing.discard(task)
            for one in (writer, up_writer):
                one.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.transport.abort()
