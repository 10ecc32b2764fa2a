"""A call on its way through the Gate, and the exchange that comes of it."""

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
    """What the caller gets: a whole body, or a stream (stream.py) to `read` piece by piece until b""."""

    drains = False
    """`on_cut = "drain"`: whoever relays goes on reading to the end after the caller has left."""

    def __init__(self, status: int, headers: Headers, body: bytes | None) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        """None for a stream."""

    async def read(self) -> bytes:
        """The next piece of a stream, b"" at its end; the attempt is settled before the last piece is handed out."""
        return b""

    def between_events(self) -> bool:
        """True when what was read of a stream ends with a whole event, so that another one may follow."""
        return False

    async def close(self) -> None:
        """The caller has left: end the upstream's work and settle.  Safe at any time, any number of times."""
