"""One HTTP/1.1 connection: bytes in, requests out, replies played in order."""

import asyncio
from collections import deque
from itertools import count
from typing import cast

import httptools

from tidegate.fake.control import Control, is_control
from tidegate.fake.player import Player
from tidegate.fake.request import Request
from tidegate.fake.world import World

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
BAD = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_numbers = count(1)


class Connection(asyncio.Protocol):
    """A client's connection; replies to pipelined requests keep their order."""

    def __init__(self, world: World, loop: asyncio.AbstractEventLoop) -> None:
        self._world = world
        self._loop = loop
        self._number = next(_numbers)
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._player: Player | Control | None = None
        self._waiting: deque[Request] = deque()
        self._slow = False
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is no subclass

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it with the reason
        """The client, or we, hung up."""
        self._closing = True
        player, self._player = self._player, None
        if player is not None:
            player.left()
        self._waiting.clear()

    def pause_writing(self) -> None:
        """The socket's buffer is full."""
        self._slow = True
        if isinstance(self._player, Player):
            self._player.pause()

    def resume_writing(self) -> None:
        """The socket's buffer has room again."""
        self._slow = False
        if isinstance(self._player, Player):
            self._player.resume()

    def data_received(self, data: bytes) -> None:
        """Bytes of requests."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            self._transport.abort()
            raise  # a bug of ours: the loop prints it
        except httptools.HttpParserUpgrade as asked:
            self._parser = httptools.HttpRequestParser(self)  # nobody is upgraded; the connection goes on as it is
            self.data_received(data[asked.args[0] :])
        except httptools.HttpParserError:
            self._refuse()

    def _refuse(self) -> None:
        if not self._closing:
            self._transport.write(BAD)
            self._transport.close()
            self._closing = True

    # what the parser calls

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        """The target, perhaps in pieces."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; repeated ones are joined as RFC 9110 says."""
        name = name.lower()
        known = self._headers.get(name)
        self._headers[name] = value if known is None else b"%b, %b" % (known, value)

    def on_headers_complete(self) -> None:
        """The body follows."""
        if self._headers.get(b"expect", b"").lower() == b"100-continue" and self._player is None:
            self._transport.write(CONTINUE)

    def on_body(self, body: bytes) -> None:
        """A piece of the body; what is too large is counted, not kept."""
        self._size += len(body)
        if self._size <= self._world.settings.max_body:
            self._body.append(body)
        else:
            self._body.clear()

    def on_message_complete(self) -> None:
        """The request is whole."""
        path, _, query = self._url.decode("latin-1").partition("?")
        request = Request(
            self._parser.get_method().decode(),
            path,
            query,
            self._headers,
            self._body[0] if len(self._body) == 1 else b"".join(self._body),
            self._size,
            self._parser.should_keep_alive(),
        )
        if self._player is None and not self._closing:
            self._answer(request)
        else:
            self._waiting.append(request)

    def _answer(self, request: Request) -> None:
        def after() -> None:
            self._player = None
            if not request.keep_alive:
                self._closing = True
                self._transport.close()
            elif self._waiting and not self._closing:
                self._loop.call_soon(self._next)

        if is_control(request):
            control = Control(request, self._world, self._transport, self._loop, after)
            self._player = control
            control.start()
            return
        attempt = self._world.answer(request, self._number)
        player = Player(attempt, self._transport, self._loop, after)
        self._player = player
        if self._slow:
            player.pause()
        player.start()

    def _next(self) -> None:
        if self._player is None and self._waiting and not self._closing:
            self._answer(self._waiting.popleft())
