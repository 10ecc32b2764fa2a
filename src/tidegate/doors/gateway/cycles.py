"""One request of a connection and its reply: uvicorn's, lighter, and as the rules 6 and 7 of protocol.py want it."""

from asyncio import CancelledError, Event, Task
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from tidegate.doors.gateway.request import Pairs

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent


class _OnlyMethod(dict[str, dict[str, str]]):
    def __missing__(self, method: str) -> dict[str, str]:
        self[method] = found = {"method": method}  # the parser knows a few dozen
        return found


_ONLY_METHOD = _OnlyMethod()
_NO_HEADERS: Pairs = []
"""uvicorn makes another list from it."""
_line = b": ".join


class Cycle(RequestResponseCycle):
    """A request of a connection that goes on: the application's Request.

    Nearly every request is here as a whole when its work begins, and is answered in one write: nobody waits for news
    of it, so the event for them is made when somebody asks.
    """

    task: Task[None]
    """What works on it, from its beginning on."""
    # What nearly every request begins with, and most end with.
    keep_alive = True
    access_log = False
    default_headers = _NO_HEADERS
    disconnected = False
    body: bytes | bytearray = b""  # type: ignore[assignment]  # of one piece nearly always
    more_body = True
    response_started = response_complete = False
    chunked_encoding: bool | None = None
    expected_content_length = 0
    left = False
    news: Event | None = None
    """Set when there is some; made when somebody asks."""
    _watched = False
    _drain: Callable[[], bool]

    def __init__(
        self,
        connection: HttpToolsProtocol,
        method: str,
        path: str,
        query: bytes,
        headers: Pairs,
        said: dict[bytes, bytes],
    ) -> None:
        self.connection = connection
        self.transport = connection.transport
        self.flow = connection.flow
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.said = said
        self.waiting_for_100_continue = b"expect" in said and said[b"expect"].lower() == b"100-continue"

    @property
    def address(self) -> str:
        """Of the client."""
        client = self.connection.client
        return client[0] if client else ""

    @property
    def scope(self) -> Any:  # type: ignore[override]  # an attribute in uvicorn
        """As much of it as uvicorn's `send` looks at: nobody else asks."""
        return _ONLY_METHOD[self.method]

    @property
    def on_response(self) -> Callable[[], None]:  # type: ignore[override]  # an attribute in uvicorn
        """What is to happen when the reply went out."""
        return self.connection.on_response_complete

    # News of the request.

    @property
    def message_event(self) -> Event:  # type: ignore[override]  # an attribute in uvicorn
        """Set when there is news; from the start, because what came before is news, too."""
        if self.news is None:
            self.news = Event()
            self.news.set()
        return self.news

    def tell(self) -> None:
        """Wake whoever waits for news."""
        if self.news is not None:
            self.news.set()

    def add(self, piece: bytes) -> None:
        """A further piece of the body."""
        if isinstance(self.body, bytes):
            self.body = bytearray(self.body)
        self.body += piece

    def whole(self) -> bytes | None:
        """The body, once, when all of it is here."""
        if self.more_body or self.disconnected:
            return None
        body = bytes(self.body)
        self.body = b""
        return body

    def forget(self) -> None:
        """Let go of the headers; of thousands of streams they are a good part."""
        self.headers.clear()
        self.said.clear()

    # The client's leaving.

    def leaving(self, *, drain: Callable[[], bool]) -> Self:
        """Watch for it: the connection tells, which costs nothing."""
        self._drain = drain
        return self

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._watched = True
        if self.flow.read_paused:  # behind a body of more than 64 KB uvicorn does not read, and so would not notice
            self.flow.resume_reading()
        if self.transport.is_closing():
            self.leave()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Stop watching; the cancellation that we caused ends here."""
        self._watched = False
        if self.left and kind is CancelledError:
            self.task.uncancel()
            return True
        return False

    def done(self) -> None:
        """The reply is complete: the client may leave now."""
        self._watched = False

    def leave(self) -> None:
        """The client has left."""
        if self._watched:
            self.left = True
            if not self._drain():
                self.task.cancel()

    # The reply.

    async def reply(self, status: int, headers: Pairs, body: bytes) -> None:
        """Send a whole reply, in one write where nothing is in the way; the long way looks at every header again."""
        # When the gateway ends the reply must say so, and the connection close.
        if self.keep_alive and not (self.disconnected or self.flow.write_paused or self.method == "HEAD"):
            lines = b"\r\n".join([*map(_line, headers), b"content-length: %d\r\n\r\n" % len(body)])
            self.transport.write(b"".join((STATUS_LINE[status], lines, body)))
            self.response_started = self.response_complete = True
            self.connection.on_response_complete()
            return
        headers = [*headers, (b"content-length", b"%d" % len(body))]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": b"" if self.method == "HEAD" else body})

    def begun(self) -> bool:
        """Whether the client has a part of its reply already."""
        return self.response_started

    def abort(self) -> None:
        """End the connection in the middle of a message."""
        self.transport.abort()
        self.disconnected = True  # uvicorn would complain otherwise

    def failed(self, error: Exception) -> None:
        """A bug: its name alone is told, for its text could quote the request."""
        self.connection.logger.error("a request failed: %s", type(error).__name__)

    def ended(self) -> None:
        """The work is done; a client that still waits for a reply will get none."""
        if not (self.response_complete or self.disconnected):
            self.abort()


class LastCycle(Cycle):
    """The last request of its connection: the protocol closes it when the request is whole too."""

    keep_alive = False
    version: str
    answered: Callable[[], None]
    """To be called when the reply went out."""
    _endless = False

    @property
    def on_response(self) -> Callable[[], None]:  # type: ignore[override]  # as in Cycle
        """What is to happen when the reply went out."""
        return self.answered

    async def send(self, message: "ASGISendEvent") -> None:
        """As uvicorn's, but without chunks for HTTP/1.0, and without closing."""
        if message["type"] == "http.response.start":
            sized = any(name == b"content-length" for name, _ in message.get("headers", ()))
            if self.version == "1.0" and not sized:
                self._endless = True
                self.chunked_encoding = False
        elif message["type"] == "http.response.body":
            if self._endless:
                self.expected_content_length = len(message.get("body", b""))
            if not message.get("more_body", False):
                self.keep_alive = True
        await super().send(message)
