"""Running the gateway: uvicorn with our patience for slow clients, the chores of every second, a clean end."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tidegate.doors.gateway.app import Gateway
from tidegate.model.errors import StoreDown


class Chores:
    """Runs what must happen every second while the gateway serves."""

    def __init__(self, keep: Callable[[], Any], logger: Any) -> None:
        self._keep = keep
        self._logger = logger
        self.store_up = True

    async def once(self) -> None:
        """One round; a store that is down is told once, and again when it is back."""
        try:
            await self._keep()
        except StoreDown as down:
            if self.store_up:
                self._logger.error("store_down", error_message=str(down))
            self.store_up = False
        else:
            if not self.store_up:
                self._logger.info("store_up")
            self.store_up = True

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Rounds in the background until the block ends."""
        await self.once()
        task = asyncio.create_task(self._rounds())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _rounds(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            await self.once()


def make_protocol(header_timeout: float) -> type[HttpToolsProtocol]:
    """uvicorn's protocol for clients that may be slow or hostile."""

    class Patient(HttpToolsProtocol):
        """Closes a connection whose request head does not arrive in time, and tells when one is lost."""

        on_lost: Callable[[], None] | None = None
        """Set by leaving.py while a request runs."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._head = self.loop.call_later(header_timeout, self._too_slow)

        def connection_lost(self, exc: Exception | None) -> None:
            self._head.cancel()
            super().connection_lost(exc)
            if self.on_lost is not None:
                self.on_lost()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._head.cancel()
            self._head = self.loop.call_later(header_timeout, self._too_slow)

        def on_headers_complete(self) -> None:
            self._head.cancel()
            super().on_headers_complete()

        def _too_slow(self) -> None:
            if not self.transport.is_closing():
                self.transport.close()

    return Patient


def make_server(app: Gateway, *, header_timeout: float, drain: float) -> uvicorn.Server:
    """A uvicorn server for the gateway."""
    config = uvicorn.Config(
        app,
        http=make_protocol(header_timeout),
        ws="none",
        lifespan="off",
        loop="uvloop",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=max(1, round(drain)),
        h11_max_incomplete_event_size=64 * 1024,
    )
    return uvicorn.Server(config)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    sock.set_inheritable(True)
    return sock
