"""The pool of keep-alive connections to one address: who gets which, who waits, who is closed."""

import asyncio
from asyncio import get_running_loop
from collections import deque
from collections.abc import Callable

from tidegate.model.errors import Crowded, NotSent
from tidegate.policy.rules import Timeouts
from tidegate.upstreams.connection import Connection
from tidegate.upstreams.dial import Dialer, is_own_lack
from tidegate.upstreams.reply import WireReply

KEEP_ALIVE = 20.0
"""Seconds that an unused connection stays open: less than any upstream's own, so that we close first."""


class Pool:
    """Connections to one address.  The latest used goes out first; when all are out, requests wait in turn."""

    def __init__(self, dialer: Dialer, *, max_connections: int = 10_000, keep_alive: float = KEEP_ALIVE) -> None:
        self._dialer = dialer
        self._where = dialer.address.endpoint
        self._max = max_connections
        self._keep_alive = keep_alive
        self._idle: dict[Connection, None] = {}
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._alive: set[Connection] = set()
        self._all_gone: asyncio.Future[None] | None = None
        self._closed = False
        self.open = 0
        """Connections that exist or are being opened."""
        self.opening = 0

    @property
    def idle(self) -> int:
        """Connections without a request."""
        return len(self._idle)

    @property
    def in_flight(self) -> int:
        """Connections that carry a request."""
        return self.open - self.opening - len(self._idle)

    @property
    def waiting(self) -> int:
        """Requests that wait for a connection because the cap is reached."""
        return len(self._waiting)

    async def send(
        self, head: bytes, body: bytes, bodyless: bool, timeouts: Timeouts, on_sent: Callable[[], None]
    ) -> WireReply:
        """Send one request once and wait for the reply's head; raises NotSent before `on_sent`, Broken after it."""
        started = get_running_loop().time()
        idle = self._idle
        while idle:  # the latest used that still lives
            connection, _ = idle.popitem()
            if connection.fresh(started):
                break
            idle[connection] = None  # `dropped` expects it where it was
            connection.drop()
        else:
            connection = await self._slow(started, timeouts)
        # Nothing may be awaited between here and the write: the connection is known to be good now.
        on_sent()
        reply = connection.begin(head, body, bodyless, started, timeouts)
        try:
            while not reply.status:
                await reply.news()
        except asyncio.CancelledError:
            reply.leave()
            raise
        return reply

    async def aclose(self) -> None:
        """Close every connection, in use or not; later requests are NotSent.  Returns when all sockets are closed."""
        self._closed = True
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(self._closed_error())
        for connection in tuple(self._alive):
            connection.abandon()
        while self._alive:
            self._all_gone = self._all_gone or get_running_loop().create_future()
            await asyncio.shield(self._all_gone)

    # What connections tell.

    def give(self, connection: Connection) -> None:
        """It can serve again: the first that waits gets it."""
        if self._closed:
            connection.drop()
            return
        if self._waiting and (waiter := self._next_waiter()) is not None:
            waiter.set_result(connection)
        else:
            self._idle[connection] = None

    def dropped(self, connection: Connection) -> None:
        """Its place is free."""
        self._idle.pop(connection, None)
        self._free_place()

    def gone(self, connection: Connection) -> None:
        """Its socket is closed."""
        self._alive.discard(connection)
        if not self._alive and self._all_gone is not None:
            self._all_gone.set_result(None)
            self._all_gone = None

    # Finding a connection.

    async def _slow(self, started: float, timeouts: Timeouts) -> Connection:
        """Wait for a place and open a connection, both within the connect time-out; raises NotSent."""
        deadline = started + min(timeouts.connect, timeouts.total)
        waits = self.open >= self._max
        try:
            async with asyncio.timeout_at(deadline):
                return await self._obtain(deadline)
        except TimeoutError:
            if waits:
                raise Crowded(f"{self._where}: no connection became free; nothing was sent") from None
            raise NotSent(f"{self._where}: could not be connected in time; nothing was sent") from None
        except OSError as error:
            kind = Crowded if is_own_lack(error) else NotSent
            raise kind(f"{self._where} cannot be connected: {_reason(error)}; nothing was sent") from None

    async def _obtain(self, deadline: float) -> Connection:
        again = False
        while True:
            if self._closed:
                raise self._closed_error()
            if self.open < self._max:
                self.open += 1
                return await self._opened(deadline)
            place = await self._turn(first=again)
            if place is None:
                return await self._opened(deadline)
            if place.usable:
                return place
            again = True  # it died on its way to us; that must not cost the turn

    async def _turn(self, *, first: bool) -> Connection | None:
        """Wait in turn for a connection, or for a place (None) to open one in."""
        waiter: asyncio.Future[Connection | None] = get_running_loop().create_future()
        if first:
            self._waiting.appendleft(waiter)
        else:
            self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self._waiting.remove(waiter)
            elif waiter.exception() is None:
                self._give_back(waiter.result())
            raise

    def _give_back(self, place: Connection | None) -> None:
        if place is None:
            self._free_place()
        elif place.usable:
            self.give(place)

    async def _opened(self, deadline: float) -> Connection:
        """Open a connection in a place that is already counted."""
        connection = Connection(get_running_loop(), self, self._where, self._keep_alive)
        self.opening += 1
        try:
            await self._dialer.dial(connection, deadline)
        except BaseException:
            connection.drop()
            raise
        finally:
            self.opening -= 1
        self._alive.add(connection)
        if not connection.usable or self._closed:
            connection.drop()
            raise ConnectionResetError("closed as soon as it was open")
        return connection

    def _free_place(self) -> None:
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(None)
        else:
            self.open -= 1

    def _next_waiter(self) -> asyncio.Future[Connection | None] | None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter
        return None

    def _closed_error(self) -> NotSent:
        return NotSent(f"{self._where}: the pool is closed; nothing was sent")


def _reason(error: OSError) -> str:
    """What went wrong, in a line; OSError texts name addresses, never content."""
    return " ".join((error.strerror or str(error) or type(error).__name__).split())
