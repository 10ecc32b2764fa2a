"""What differs between a thread and an event loop: how a request is sent, and how its reply is read and closed."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol

import httpx2

Trace = Callable[[str, dict[str, Any]], Any]


class Ways(Protocol):
    """How one colour does it."""

    suspends: bool
    """True for an event loop."""

    async def body(self, request: httpx2.Request) -> bytes:
        """The request's body."""

    async def send(self, inner: Any, request: httpx2.Request) -> httpx2.Response:
        """Hand a request to the client's transport."""

    def pieces(self, response: httpx2.Response) -> Any:
        """The body's pieces, as they come."""

    def taking(self, pieces: Any) -> Callable[[], Any]:
        """What gives the next piece, or what to await for it; None at the end."""

    async def give_back(self, response: httpx2.Response) -> None:
        """All was read: the connection may be used again."""

    async def end(self, pieces: Any, response: httpx2.Response) -> None:
        """Something is left to read: end the connection."""

    def trace(self, note: Callable[[str, dict[str, Any]], None], users: Trace | None) -> Trace:
        """The hook of the HTTP library that calls both."""


class Blocking:
    """For threads: never suspends."""

    suspends = False

    async def body(self, request: httpx2.Request) -> bytes:
        """As `Ways` says."""
        return request.read()

    async def send(self, inner: httpx2.BaseTransport, request: httpx2.Request) -> httpx2.Response:
        """As `Ways` says."""
        return inner.handle_request(request)

    def pieces(self, response: httpx2.Response) -> Iterator[bytes]:
        """As `Ways` says."""
        assert isinstance(response.stream, httpx2.SyncByteStream)
        return iter(response.stream)

    def taking(self, pieces: Iterator[bytes]) -> Callable[[], bytes | None]:
        """As `Ways` says."""
        return partial(next, pieces, None)

    async def give_back(self, response: httpx2.Response) -> None:
        """As `Ways` says."""
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream.close()

    async def end(self, pieces: Iterator[bytes], response: httpx2.Response) -> None:
        """As `Ways` says."""
        with suppress(Exception):  # another thread may be reading; closing the connection ends that
            getattr(pieces, "close", _nothing)()
        response.close()

    def trace(self, note: Callable[[str, dict[str, Any]], None], users: Trace | None) -> Trace:
        """As `Ways` says."""
        if users is None:
            return note

        def traced(event: str, info: dict[str, Any]) -> Any:
            note(event, info)
            return users(event, info)

        return traced


class Suspending:
    """For event loops: asyncio, and whatever else anyio knows."""

    suspends = True

    async def body(self, request: httpx2.Request) -> bytes:
        """As `Ways` says."""
        return await request.aread()

    async def send(self, inner: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        """As `Ways` says."""
        return await inner.handle_async_request(request)

    def pieces(self, response: httpx2.Response) -> AsyncIterator[bytes]:
        """As `Ways` says."""
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        return aiter(response.stream)

    def taking(self, pieces: AsyncIterator[bytes]) -> Callable[[], Awaitable[bytes | None]]:
        """As `Ways` says."""
        return partial(anext, pieces, None)

    async def give_back(self, response: httpx2.Response) -> None:
        """As `Ways` says."""
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        await response.stream.aclose()

    async def end(self, pieces: AsyncIterator[bytes], response: httpx2.Response) -> None:
        """As `Ways` says."""
        with suppress(Exception):  # another task may be reading; closing the connection ends that
            end: Callable[[], Awaitable[None]] | None = getattr(pieces, "aclose", None)
            if end is not None:
                await end()
        await response.aclose()

    def trace(self, note: Callable[[str, dict[str, Any]], None], users: Trace | None) -> Trace:
        """As `Ways` says."""

        async def traced(event: str, info: dict[str, Any]) -> None:
            note(event, info)
            if users is not None:
                await users(event, info)

        return traced


BLOCKING: Final = Blocking()
SUSPENDING: Final = Suspending()


def _nothing() -> None:
    pass
