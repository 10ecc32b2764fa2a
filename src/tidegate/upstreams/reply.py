"""A reply whose body is still coming: what the gate reads from."""

import asyncio
from typing import Protocol

from msgspec import Struct

from tidegate.core.ports import Headers
from tidegate.model.errors import Broken


class Wire(Protocol):
    """The connection that a reply comes through, while it comes."""

    def take(self) -> bytes:
        """What has come and was not taken yet, joined."""

    def abandon(self) -> None:
        """Close it in the middle of the reply."""


class WireReply(Struct, eq=False):
    """A reply on its wire.  The wire is set free at the message's last byte, before the reader has taken it."""

    _wire: Wire | None
    status: int = 0
    """0 until the head is here; nobody but `send` sees that."""
    headers: Headers = ()
    _rest: bytes = b""
    _error: Broken | None = None
    _waiter: asyncio.Future[None] | None = None

    def whole(self) -> bytes | None:
        """What was not read yet, once, when all of the body is here; None: it must be read."""
        if self._wire is not None or self._error is not None:
            return None
        rest, self._rest = self._rest, b""
        return rest

    async def read(self) -> bytes:
        """The next piece of the body as it came, b"" at its end; raises Broken when it is lost."""
        while (wire := self._wire) is not None:
            if piece := wire.take():
                return piece
            try:
                await self.news()
            except asyncio.CancelledError:
                self.leave()
                raise
        rest = self._rest
        if rest:
            self._rest = b""
        elif self._error is not None:
            raise self._error
        return rest

    async def close(self) -> None:
        """Leave the rest unread; the upstream sees the connection end.  Safe to call twice."""
        self.leave()

    def news(self) -> asyncio.Future[None]:
        """Done when there is something new: the head, a piece, the end, a failure; raises Broken where that was it."""
        if self._wire is None:
            raise self._error or Broken("the reply ended before it began", "reset")
        if self._waiter is not None:
            raise RuntimeError("two tasks read the same reply")
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        return waiter

    def leave(self) -> None:
        """Close the wire if the reply still comes through it."""
        if self._wire is not None:
            self._wire.abandon()
            self._rest = b""

    def came(self) -> None:
        """The head or a piece is here."""
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def ended(self, rest: bytes, error: Broken | None = None) -> None:
        """The wire is done with this reply: whole, or broken by `error` after `rest`."""
        self._wire = None
        self._rest = rest
        self._error = error
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
