"""Running the gateway: uvicorn with our protocol, the chores of every second, a socket."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any

import uvicorn

from tidegate.doors.gateway.app import Gateway
from tidegate.doors.gateway.crowd import make_counted
from tidegate.doors.gateway.drain import Server
from tidegate.doors.gateway.protocol import Refuse, make_protocol
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
                self._tell("error", "store_down", error_message=str(down))
            self.store_up = False
        except Exception as error:  # noqa: BLE001 - the chores must go on: leases, debts and the sweep depend on them
            self._tell("error", "chores_failed", error_type=type(error).__name__)  # no text, no traceback
            self.store_up = False
        else:
            if not self.store_up:
                self._tell("info", "store_up")
            self.store_up = True

    def _tell(self, level: str, event: str, **fields: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # a log that cannot be written must not end the chores
            getattr(self._logger, level)(event, **fields)

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


def make_server(
    app: Gateway,
    *,
    header_timeout: float,
    drain: float,
    refuse: Refuse,
    closing: Callable[[], Collection[asyncio.Future[Any]]] = tuple,
    waits_for: Callable[[int], None] = lambda _: None,
    most: int | None = None,
    full: Callable[[], None] = lambda: None,
) -> Server:
    """A server for the gateway; `closing` and `waits_for` as in drain.py, `most` and `full` as in crowd.py."""
    protocol = make_protocol(header_timeout, refuse)
    config = uvicorn.Config(
        app,
        http=protocol if most is None else make_counted(protocol, most, full),
        ws="none",
        interface="asgi3",  # otherwise it looks at the application, and puts another one before what is not ASGI alone
        lifespan="off",
        loop="uvloop",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
    )
    return Server(config, drain=drain, closing=closing, waits_for=waits_for)


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
