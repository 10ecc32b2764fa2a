"""The last request of a connection, under uvicorn: rules 6 and 7 of protocol.py."""

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent


class LastCycle(RequestResponseCycle):
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
