"""Passing a stream on to its client, with pings of our own while the upstream is silent.

Proxies on the way to the client close what is silent for a minute, and clients take silence for death.  Rules:

1. A ping goes out while we wait for the upstream, and only where what the client has so far ends with a whole event.
2. The next piece waits until the ping is written: nothing is ever put into an event.
3. When the gateway ends first, a client that reads is told so by an event; one that does not is cut off.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tidegate.core.call import Exchange

Send = Callable[[dict[str, Any]], Awaitable[None]]

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_TICK = 0.001
_PATIENCE = 1.0
"""Seconds that a client has to take the last event."""


class Relay:
    """One stream; `ping` is the silence in seconds after which the client hears from us.

    `farewell` gives the event for a stream that is cancelled because the gateway ends; b"": it is for another reason.
    `left` says that the client has left a stream that is drained: the rest is read by whoever closes the exchange.
    """

    def __init__(
        self,
        exchange: Exchange,
        send: Send,
        ping: float,
        farewell: Callable[[], bytes] = bytes,
        left: Callable[[], bool] = bool,
    ) -> None:
        self._exchange = exchange
        self._send = send
        self._ping = ping
        self._farewell = farewell
        self._left = left
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._plain = self._clean = exchange.between_events()
        """Events can be put in at all; what was sent so far ends with a whole one."""
        self._writing = False
        """A piece is on its way to the client."""
        self._pinging: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(ping, self._ring)

    async def run(self) -> None:
        """All pieces; raises Broken when a cut cannot be told inside the stream."""
        try:
            while not self._left() and (piece := await self._exchange.read()):
                self._writing = True
                if self._pinging is not None:
                    await self._pinging
                    self._pinging = None
                await self._write(piece)
                self._writing = False
                self._last = self._loop.time()
                self._clean = self._exchange.between_events()
        except asyncio.CancelledError:
            if not await self._say_farewell():
                raise
        finally:
            self._timer.cancel()
            if self._pinging is not None:
                self._pinging.cancel()

    async def _write(self, piece: bytes) -> None:
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def _say_farewell(self) -> bool:
        """Tell the client why its stream ends; raises TimeoutError when it does not read."""
        pinging = self._pinging is not None and not self._pinging.done()
        event = b"" if self._writing or pinging or not self._plain else self._farewell()
        if not event:
            return False
        async with asyncio.timeout(_PATIENCE):
            # In the middle of an event the line break makes it one `error` event, as in core/stream.py.
            await self._write(event if self._clean else b"\n" + event)
        return True

    def _ring(self) -> None:
        """One timer for the whole stream: a piece costs it a clock reading."""
        now = self._loop.time()
        left = self._last + self._ping - now
        if left <= _TICK:
            left = self._ping
            self._last = now
            if self._clean and not self._writing and (self._pinging is None or self._pinging.done()):
                self._pinging = asyncio.ensure_future(self._write(PING))
                self._pinging.add_done_callback(_look)
        self._timer = self._loop.call_later(left, self._ring)


def _look(ping: "asyncio.Task[None]") -> None:
    """A ping that failed: the client has left, which the next piece will find out, too."""
    if not ping.cancelled():
        ping.exception()
