"""A call on its way through the Gate, and the exchange that comes of it."""

from collections.abc import Awaitable, Callable

from msgspec import Struct

from tidegate.core.ports import Headers, Outgoing
from tidegate.model.call import Caller, Reading


class Call(Struct, frozen=True, kw_only=True):
    """One request as the application sees it."""

    call_id: str
    caller: Caller
    reading: Reading | None
    """None for the free paths: count_tokens, models."""
    model: str
    """The requested model as we keep it, a label; empty for the free paths."""
    outgoing: Outgoing
    betas: tuple[str, ...] = ()
    """Names of beta features, asked for by header, that have no bound."""
    models: tuple[str, ...] = ()
    """Models that the app key allows; empty: all."""
    transparent: bool = False
    """The client owns retries and wants upstream errors as they are."""
    started: float
    """Monotonic seconds."""


class Exchange:
    """What the caller gets: a whole body, or a stream to `read` piece by piece until b""."""

    def __init__(
        self,
        status: int,
        headers: Headers,
        body: bytes | None = None,
        read: Callable[[], Awaitable[bytes]] | None = None,
        close: Callable[[], Awaitable[None]] | None = None,
        drains: bool = False,
        between_events: Callable[[], bool] | None = None,
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        """None for a stream."""
        self.drains = drains
        """`on_cut = "drain"`: whoever relays goes on reading to the end after the caller has left."""
        self._between_events = between_events
        self._read = read
        self._close = close

    async def read(self) -> bytes:
        """The next piece of a stream, b"" at its end; the attempt is settled before the last piece is handed out."""
        return await self._read() if self._read is not None else b""

    def between_events(self) -> bool:
        """True when what was read of a stream ends with a whole event, so that another one may follow."""
        return self._between_events is not None and self._between_events()

    async def close(self) -> None:
        """The caller has left: end the upstream's work and settle.  Safe at any time, any number of times."""
        if self._close is not None:
            await self._close()
