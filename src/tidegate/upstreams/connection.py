"""One HTTP/1.1 connection to an upstream: it writes a request, lets the reply come in and keeps the deadlines.

Rules of this file:

1. A connection serves one reply at a time (`_reply`); without one it rests in the pool, and any byte or EOF ends it.
2. Time is kept by one timer that is moved only when it would ring too late.  It rings at the earlier of `_total_at`
   and `_last + _quiet`; a chunk therefore costs one clock reading and no timer.
3. It never sends anything twice, and it is dropped at the least doubt about where the next reply would start.
4. `_reply` is cleared before anything is told to the outside: what a callback starts finds the connection free.
"""

import asyncio
import ssl
from math import inf
from typing import Protocol, cast

from tidegate.model.errors import Broken, BrokenKind
from tidegate.policy.rules import Timeouts
from tidegate.upstreams.incoming import Incoming
from tidegate.upstreams.reply import WireReply

_HIGH_WATER = 65_536
_ONE_WRITE = 65_536
_SLICE = 262_144
_TICK = 0.001
"""Seconds; uvloop's timers may ring that much early."""


class Owner(Protocol):
    """The pool, as its connections see it."""

    def give(self, connection: "Connection") -> None:
        """It has served its reply and may serve another."""

    def dropped(self, connection: "Connection") -> None:
        """It is of no more use; called once."""

    def gone(self, connection: "Connection") -> None:
        """Its socket is closed."""


class _Unconnected(asyncio.Transport):
    """Stands where the transport is not there yet, or no longer."""

    def is_closing(self) -> bool:
        return True

    def abort(self) -> None:
        """Nothing to close."""


_UNCONNECTED = _Unconnected()


class Connection(asyncio.Protocol):
    """A connection that an Owner lends out for one request after another."""

    __slots__ = (
        "_dead",
        "_idle",
        "_incoming",
        "_keep_alive",
        "_last",
        "_loop",
        "_owner",
        "_paused",
        "_quiet",
        "_reply",
        "_time",
        "_timer",
        "_timer_at",
        "_total_at",
        "_transport",
        "_unread",
        "_unsent",
        "_where",
        "_write_full",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: Owner, where: str, keep_alive: float) -> None:
        self._loop = loop
        self._time = loop.time
        self._owner = owner
        self._where = where
        self._keep_alive = keep_alive
        self._transport: asyncio.Transport = _UNCONNECTED
        self._dead = False
        self._reply: WireReply | None = None
        self._incoming = Incoming()
        self._unread = 0
        self._paused = False
        self._unsent: memoryview | None = None
        self._write_full = False
        # on the loop's clock
        self._idle = self._quiet = self._total_at = self._timer_at = inf
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None

    # What the pool does with it.

    @property
    def usable(self) -> bool:
        """Whether a request may be written to it, as far as is known."""
        return not self._dead and not self._transport.is_closing()

    def fresh(self, now: float) -> bool:
        """Whether it is usable and has not rested too long, even if its timer is late."""
        return not self._dead and self._last + self._quiet > now and not self._transport.is_closing()

    def begin(self, head: bytes, body: bytes, bodyless: bool, started: float, timeouts: Timeouts) -> WireReply:
        """Write a request.  From here on every failure is Broken.  `bodyless`: the reply to HEAD has no body."""
        reply = self._reply = WireReply(self)
        self._incoming.expect(bodyless)
        self._unread = 0
        self._last = now = self._time()
        self._quiet = quiet = timeouts.first_byte
        self._idle = timeouts.idle
        self._total_at = total_at = started + timeouts.total
        if now + quiet < self._timer_at or total_at < self._timer_at:
            self._arm()
        if len(body) <= _ONE_WRITE:
            self._transport.write(head + body)
        else:
            rest = memoryview(body)
            self._unsent = rest[_SLICE:] or None
            self._transport.writelines((head, rest[:_SLICE]))
            self._write_on()
        return reply

    def drop(self) -> None:
        """Close it; safe to call twice."""
        if self._dead:
            return
        self._dead = True
        self._unsent = None
        self._incoming.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport.abort()
        self._owner.dropped(self)

    # What the reply asks of it.

    def take(self) -> bytes:
        """What has come and was not taken yet, joined; the upstream may go on."""
        piece = self._incoming.taken()
        self._unread = 0
        if self._paused:
            self._resume()
        return piece

    def abandon(self) -> None:
        """Close it, in the middle of a reply if there is one."""
        self._fail("cut", "was closed from this side before the reply's end")

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse, then draw the conclusions."""
        reply = self._reply
        if reply is None:  # bytes that no request asked for
            self.drop()
            return
        incoming = self._incoming
        wrong = incoming.feed(data)
        if not reply.status and incoming.status:
            reply.status = incoming.status
            reply.headers = incoming.headers
        if wrong:
            self._fail("garbage", wrong)
        elif incoming.complete:
            self._finish(reply, incoming.reusable)
        elif reply.status:
            self._progress(reply, len(data))

    def eof_received(self) -> None:
        """The upstream sends no more; legal only behind a body that the end of the connection delimits."""
        reply = self._reply
        if reply is None:
            self.drop()
        elif not reply.status:
            self._fail("reset", "ended without a reply")
        elif self._incoming.ends_with_connection and _honest_end(self._transport):
            self._finish(reply, False)
        else:
            self._fail("cut", "ended before the reply's end")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed, by whomever."""
        self._fail("reset", f"was lost ({type(exc).__name__})" if exc is not None else "was lost")
        self._transport = _UNCONNECTED
        self._owner.gone(self)

    def pause_writing(self) -> None:
        """The socket takes no more for now."""
        self._write_full = True

    def resume_writing(self) -> None:
        """The socket takes more."""
        self._write_full = False
        self._write_on()

    # Conclusions.

    def _finish(self, reply: WireReply, reusable: bool) -> None:
        """Hand the rest to the reply and go back to the pool, or end."""
        self._reply = None
        reply.ended(self._incoming.taken())
        transport = self._transport
        sent = self._unsent is None and not transport.get_write_buffer_size()
        if reusable and sent and not transport.is_closing():
            if self._paused:
                self._resume()
            self._last = now = self._time()
            self._quiet = quiet = self._keep_alive
            self._total_at = inf
            if now + quiet < self._timer_at:
                self._arm()
            self._owner.give(self)
        else:
            self.drop()

    def _progress(self, reply: WireReply, size: int) -> None:
        """The head or a piece of the body came, and it is not the end."""
        self._last = self._time()
        self._unread += size
        if not self._paused:
            if self._unread > _HIGH_WATER:
                self._pause()
            elif self._quiet != self._idle:  # the head has just come
                self._quiet = self._idle
                self._arm()
        reply.came()

    def _fail(self, kind: BrokenKind, what: str) -> None:
        """End the reply, if there is one, with Broken, and the connection with it."""
        reply = self._reply
        if reply is not None:
            self._reply = None
            reply.ended(self._incoming.taken(), Broken(f"the connection to {self._where} {what}", kind))
        self.drop()

    # Flow and time.

    def _pause(self) -> None:
        """Stop reading; the silence is now ours, so only the total deadline runs."""
        self._paused = True
        self._quiet = inf
        if not self._transport.is_closing():  # uvloop raises where asyncio does nothing; here and below
            self._transport.pause_reading()

    def _resume(self) -> None:
        self._paused = False
        self._quiet = self._idle
        self._last = self._time()
        self._arm()
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _write_on(self) -> None:
        """Write slices of a large body until the socket is full; an error reply that came early ends that."""
        reply, transport = self._reply, self._transport
        if reply is None or reply.status >= 400:
            return
        self._last = self._time()
        while self._unsent is not None and not self._write_full and not transport.is_closing():
            piece, self._unsent = self._unsent[:_SLICE], self._unsent[_SLICE:] or None
            transport.write(piece)

    def _arm(self) -> None:
        due = min(self._last + self._quiet, self._total_at)
        if due < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = due
            self._timer = self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._timer_at = inf
        now = self._time()
        if min(self._total_at, self._last + self._quiet) - now > _TICK:
            self._arm()
        elif self._reply is None:
            self.drop()
        elif self._total_at - now <= _TICK:
            self._fail("timeout", "took longer than the total time-out")
        else:
            self._fail("timeout", "was silent too long" if self._reply.status else "gave no reply in time")


def _honest_end(transport: asyncio.Transport) -> bool:
    """Whether the upstream itself ended it.  Under TLS only its goodbye proves that; anybody can end TCP."""
    tls = transport.get_extra_info("ssl_object")
    if tls is None:
        return True
    try:
        return not tls.read(1)
    except ssl.SSLError:
        return False
