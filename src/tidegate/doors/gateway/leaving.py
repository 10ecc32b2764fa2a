"""Noticing that the client has left while we work for it."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self

from tidegate.doors.gateway.body import Receive

CONNECTION = "tidegate.connection"
"""Under this name our own protocol is in the ASGI scope; under any other server there is nothing."""


class Leaving:
    """A block during which the client may leave; `left` is then True, and the block is cancelled unless it drains.

    Under our own protocol a callback on the connection does it for nothing; under any other ASGI server a second
    task waits for `http.disconnect`.
    """

    def __init__(self, connection: "Connection | None", receive: Receive, *, drain: bool = False) -> None:
        self.left = False
        self._drain = drain
        self._receive = receive
        self._connection = connection
        self._watch: asyncio.Task[Any] | None = None
        self._task: asyncio.Task[Any] | None = None

    def __enter__(self) -> Self:
        """Begin to watch; the current task is the one that is cancelled."""
        self._task = asyncio.current_task()
        if self._connection is not None:
            self._connection.on_lost = self._leave
            # Behind a body of more than 64 KB uvicorn does not read, and so would not notice.
            self._connection.flow.resume_reading()
            if self._connection.transport.is_closing():
                self._leave()
        else:
            self._watch = asyncio.ensure_future(_disconnect(self._receive))
            self._watch.add_done_callback(self._received)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Stop watching; the cancellation that we caused ends here."""
        self.done()
        if self._watch is not None:
            self._watch.cancel()
        if self.left and kind is asyncio.CancelledError:
            assert self._task is not None
            self._task.uncancel()
            return True
        return False

    def done(self) -> None:
        """The reply is complete: the connection may close now."""
        if self._connection is not None:
            self._connection.on_lost = None
        if self._watch is not None:
            self._watch.remove_done_callback(self._received)

    def _received(self, watch: "asyncio.Future[Any]") -> None:
        if not watch.cancelled():
            self._leave()

    def _leave(self) -> None:
        assert self._task is not None
        self.left = True
        if not self._drain:
            self._task.cancel()


class Connection(Protocol):
    """Our own protocol: it tells when its connection is lost.  Of pipelined requests only one runs at a time."""

    on_lost: Callable[[], None] | None
    transport: asyncio.Transport

    def reply(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
        """Send a whole reply at once; False when it must go through ASGI."""

    flow: "Flow"


class Flow(Protocol):
    """Whether the connection is read."""

    def resume_reading(self) -> None:
        """Read on."""


async def _disconnect(receive: Receive) -> None:
    """The client's leaving; a server may say first, once more, that the request is whole."""
    while (await receive())["type"] != "http.disconnect":
        pass
