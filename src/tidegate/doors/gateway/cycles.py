"""One request of a connection and its reply: uvicorn's, lighter, and as the rules 6 and 7 of protocol.py want it."""

from asyncio import Event
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent, HTTPScope


class Cycle(RequestResponseCycle):
    """A request of a connection that goes on.

    Nearly every request is here as a whole when its work begins, and is answered past ASGI: nobody waits for news of
    it, so the event for them is made when somebody asks.
    """

    _event: Event | None = None

    def __init__(self, connection: HttpToolsProtocol, scope: "HTTPScope", *, keep_alive: bool) -> None:
        self.scope = scope
        self.transport = connection.transport
        self.flow = connection.flow
        self.logger = connection.logger
        self.access_logger = connection.access_logger
        self.access_log = False
        self.default_headers = []
        self.on_response = connection.on_response_complete
        self.disconnected = False
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = connection.expect_100_continue
        self.body = bytearray()
        self.more_body = True
        self.response_started = False
        self.response_complete = False
        self.chunked_encoding = None
        self.expected_content_length = 0

    @property
    def message_event(self) -> Event:  # type: ignore[override]  # an attribute in uvicorn
        """Set when there is news; from the start, because what came before is news, too."""
        if self._event is None:
            self._event = Event()
            self._event.set()
        return self._event

    def tell(self) -> None:
        """Wake whoever waits for news."""
        if self._event is not None:
            self._event.set()


class LastCycle(Cycle):
    """The last request of its connection: the protocol closes it when the request is whole too."""

    _endless = False

    async def send(self, message: "ASGISendEvent") -> None:
        """As uvicorn's, but without chunks for HTTP/1.0, and without closing."""
        if message["type"] == "http.response.start":
            sized = any(name == b"content-length" for name, _ in message.get("headers", ()))
            if self.scope["http_version"] == "1.0" and not sized:
                self._endless = True
                self.chunked_encoding = False
        elif message["type"] == "http.response.body":
            if self._endless:
                self.expected_content_length = len(message.get("body", b""))
            if not message.get("more_body", False):
                self.keep_alive = True
        await super().send(message)
