"""A request as the gateway's application sees it, whoever serves it."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Protocol, Self

Pairs = list[tuple[bytes, bytes]]
"""Headers in the order of the wire, names in lower case."""


class Leaving(Protocol):
    """A block during which the client may leave; the block is then cancelled, unless it drains."""

    left: bool
    """The client has left."""

    def __enter__(self) -> Self:
        """Begin to watch, in the task that is to be cancelled."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Stop watching; the cancellation that the client has caused ends here."""

    def done(self) -> None:
        """The reply is complete: the client may leave now."""


class Request(Protocol):
    """One request and the way back to its client.

    Our own protocol has it ready-made (cycles.py); under any other server it is made from ASGI (asgi.py).
    """

    method: str
    path: str
    """As it came, not percent-decoded."""
    query: bytes
    headers: Pairs
    said: dict[bytes, bytes]
    """The headers by name; of one that is there twice the first."""
    address: str
    """Who is connected; empty when that is not known."""

    def whole(self) -> bytes | None:
        """The body, once, when all of it is here; None: it must be waited for with `receive`."""

    def receive(self) -> Awaitable[Any]:
        """The next message about the request, as ASGI has it."""

    def leaving(self, *, drain: Callable[[], bool]) -> Leaving:
        """Watch for the client's leaving; it cancels nothing when the call is then to be drained."""

    async def reply(self, status: int, headers: Pairs, body: bytes) -> None:
        """Send a whole reply; its length is added here."""

    async def send(self, message: Any) -> None:
        """Send a part of a reply, as ASGI has it."""

    def begun(self) -> bool:
        """Whether the client has a part of its reply already."""

    def abort(self) -> None:
        """End the connection in the middle of a message, so that the client sees that it is not whole."""

    def forget(self) -> None:
        """Nobody asks for the headers any more."""
