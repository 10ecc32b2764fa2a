"""Plays a reply's steps on a socket: waits, writes, heeds back pressure, and ends the way the reply says."""

import asyncio
import socket
import struct
from collections.abc import Callable

from tidegate.fake.attempt import Attempt
from tidegate.fake.reply import Step

LINGER_ZERO = struct.pack("ii", 1, 0)
"""SO_LINGER with no patience: closing then sends RST."""
FLUSH_PAUSE = 0.002


class Player:
    """One reply on its way; `after` is called once it went out and the connection may be used again."""

    __slots__ = ("_after", "_at", "_attempt", "_loop", "_paused", "_timer", "_transport", "_waited")

    def __init__(
        self, attempt: Attempt, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, after: Callable[[], None]
    ) -> None:
        self._attempt = attempt
        self._transport = transport
        self._loop = loop
        self._after = after
        self._at = 0
        self._waited = False
        self._paused = False
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None

    def start(self) -> None:
        """Begin; a reply without waits is written before this returns."""
        self._advance()

    def pause(self) -> None:
        """The client reads too slowly."""
        self._paused = True

    def resume(self) -> None:
        """The client has caught up."""
        self._paused = False
        if self._timer is None:
            self._advance()

    def left(self) -> None:
        """The connection is gone."""
        if self._timer is not None:
            self._timer.cancel()
        self._attempt.left()

    def _advance(self) -> None:
        steps = self._attempt.reply.steps
        while self._at < len(steps):
            if self._paused:
                return
            if steps[self._at].wait > 0 and not self._waited:
                self._timer = self._loop.call_later(steps[self._at].wait, self._due)
                return
            self._write(steps)
            if self._at < len(steps) and steps[self._at].wait <= 0:
                self._timer = self._loop.call_soon(self._again)  # the loop notices back pressure between writes
                return
        self._end()

    def _due(self) -> None:
        self._timer = None
        self._waited = True
        self._advance()

    def _again(self) -> None:
        self._timer = None
        self._advance()

    def _write(self, steps: tuple[Step, ...]) -> None:
        """Write the step at hand and those that follow it without a wait, in one go of bounded size."""
        self._waited = False
        batch, size = [steps[self._at]], 0
        self._at += 1
        while self._at < len(steps) and steps[self._at].wait <= 0 and size < 65_536:
            batch.append(steps[self._at])
            size += len(steps[self._at].wire)
            self._at += 1
        if len(batch) == 1:
            self._transport.write(batch[0].wire)
            self._attempt.sent(batch[0].payload, batch[0])
        else:
            self._transport.write(b"".join([step.wire for step in batch]))
            self._attempt.sent(b"".join([step.payload for step in batch]), batch[-1])

    def _end(self) -> None:
        after = self._attempt.reply.after
        if after == "stall":
            return
        if after != "keep" and self._transport.get_write_buffer_size():
            self._timer = self._loop.call_later(FLUSH_PAUSE, self._flushed)
            return
        self._attempt.done()
        if after == "close":
            self._transport.close()
        elif after == "reset":
            reset(self._transport)
        self._after()

    def _flushed(self) -> None:
        self._timer = None
        self._end()


def reset(transport: asyncio.Transport) -> None:
    """Close so that the peer gets a RST."""
    found = transport.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
    transport.abort()
