"""A request from any ASGI server; our own protocol needs none of this."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

from tidegate.core.stream import by_name
from tidegate.doors.gateway.request import Pairs

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class AsgiRequest:
    """The Request over one call of an ASGI application."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path = scope["raw_path"].decode("latin-1")
        self.query: bytes = scope["query_string"]
        self.headers: Pairs = scope["headers"]
        self.said = by_name(self.headers)
        client = scope.get("client")
        self.address: str = client[0] if client else ""
        self.receive = receive
        self._send = send
        self._begun = False

    def whole(self) -> bytes | None:
        """Nobody knows without asking."""
        return None

    def leaving(self, *, drain: Callable[[], bool]) -> "Watch":
        """A second task waits for `http.disconnect`."""
        return Watch(self.receive, drain=drain)

    async def reply(self, status: int, headers: Pairs, body: bytes) -> None:
        """A reply in two messages."""
        headers = [*headers, (b"content-length", b"%d" % len(body))]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": b"" if self.method == "HEAD" else body})

    async def send(self, message: dict[str, Any]) -> None:
        """A message of ASGI."""
        self._begun = True
        await self._send(message)

    def begun(self) -> bool:
        """Whether anything was sent."""
        return self._begun

    def abort(self) -> None:
        """Nothing: a server ends the connection of an application that leaves its reply unfinished."""

    def forget(self) -> None:
        """Let go of the headers."""
        self.headers.clear()
        self.said.clear()


class Watch:
    """The Leaving over `receive`."""

    def __init__(self, receive: Receive, *, drain: Callable[[], bool]) -> None:
        self.left = False
        self._receive = receive
        self._drain = drain
        self._task: asyncio.Task[Any] | None = None
        self._watch: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        """Begin to watch; the current task is the one that is cancelled."""
        self._task = asyncio.current_task()
        self._watch = asyncio.ensure_future(_disconnect(self._receive))
        self._watch.add_done_callback(self._received)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Stop watching; the cancellation that we caused ends here."""
        assert self._task is not None
        assert self._watch is not None
        self.done()
        self._watch.cancel()
        if self.left and kind is asyncio.CancelledError:
            self._task.uncancel()
            return True
        return False

    def done(self) -> None:
        """The reply is complete: the connection may close now."""
        if self._watch is not None:
            self._watch.remove_done_callback(self._received)

    def _received(self, watch: "asyncio.Task[None]") -> None:
        if watch.cancelled():
            return
        self.left = True
        if not self._drain() and self._task is not None:
            self._task.cancel()


async def _disconnect(receive: Receive) -> None:
    """The client's leaving; a server may say first, once more, that the request is whole."""
    while (await receive())["type"] != "http.disconnect":
        pass
