"""The guard's place: under the SDK, above the network.  Every request of the client passes here, each answer goes back.

One flow for both colours: a thread runs it with `run_now`, an event loop awaits it.  What the gate has to say is a
reply, never an exception: the SDK would repeat those.
"""

import asyncio
import contextlib
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

import httpx2

from tidegate.core.call import Exchange
from tidegate.core.run_now import run_now
from tidegate.doors.guard.asking import Terms, call_of
from tidegate.doors.guard.engine import REGISTRY, Engine, Running, say_bug
from tidegate.doors.guard.paths import Way, way_of
from tidegate.doors.guard.sending import COUNTING, Via, leave_to_parent, without_own
from tidegate.doors.guard.steps import at_once, unlisted
from tidegate.doors.guard.ways import BLOCKING, SUSPENDING, Ways
from tidegate.model.errors import Broken, TidegateError
from tidegate.model.facts import CallRefused
from tidegate.model.refusal import Refusal
from tidegate.observe.std import LOGGER
from tidegate.policy.plan import ANONYMOUS
from tidegate.policy.replies import refusal_reply
from tidegate.system.ids import new_id

_ENDING: Final[set[asyncio.Task[None]]] = set()
"""Replies that are being ended: a task that nobody refers to may vanish."""


class GuardTransport(httpx2.BaseTransport):
    """Over a blocking transport."""

    def __init__(self, inner: httpx2.BaseTransport, client: httpx2.Client, engine: Engine, terms: Terms) -> None:
        self.inner = inner
        self._client = client
        self._engine = engine
        self._terms = terms

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request."""
        _check(self._client, self.inner)
        return run_now(_answer(BLOCKING, self._engine, self._terms, self.inner, request))

    def __enter__(self) -> Self:
        self.inner.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.inner.__exit__(exc_type, exc_value, traceback)

    def close(self) -> None:
        """Close the client's own transport."""
        self.inner.close()


class AsyncGuardTransport(httpx2.AsyncBaseTransport):
    """Over a transport of an event loop."""

    def __init__(
        self, inner: httpx2.AsyncBaseTransport, client: httpx2.AsyncClient, engine: Engine, terms: Terms
    ) -> None:
        self.inner = inner
        self._client = client
        self._engine = engine
        self._terms = terms

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request."""
        _check(self._client, self.inner)
        return await _answer(SUSPENDING, self._engine, self._terms, self.inner, request)

    async def __aenter__(self) -> Self:
        await self.inner.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.inner.__aexit__(exc_type, exc_value, traceback)

    async def aclose(self) -> None:
        """Close the client's own transport."""
        await self.inner.aclose()


def _check(client: httpx2.Client | httpx2.AsyncClient, inner: object) -> None:
    """What must be so before anything is sent; raises RuntimeError where the first client has been closed."""
    if client.is_closed:  # what is under it would open again without a word
        raise RuntimeError("Cannot send a request, as the client has been closed.")
    if REGISTRY.forks and isinstance(inner, _WITH_POOL) and _FORKS.get(inner) != REGISTRY.forks:
        _FORKS[inner] = REGISTRY.forks
        leave_to_parent(inner)


_WITH_POOL: Final = (httpx2.HTTPTransport, httpx2.AsyncHTTPTransport)
_FORKS: Final[weakref.WeakKeyDictionary[object, int]] = weakref.WeakKeyDictionary()
"""After how many forks each transport has left its parent's connections."""


async def _answer(ways: Ways, engine: Engine, terms: Terms, inner: Any, request: httpx2.Request) -> httpx2.Response:
    target = request.url.raw_path.decode("ascii")
    way = way_of(request.method, target.partition("?")[0])
    if way == "straight":
        return await ways.send(inner, _without_own(request))
    via = Via(ways, inner, request, await ways.body(request), new_id())
    COUNTING.set(via)
    try:
        running = engine.running()
    except TidegateError as down:  # the file cannot be opened any more; this was ready once
        return _down(engine, down)
    exchange: Exchange | None = None
    try:
        exchange = await _exchange(running, terms, via, way, target)
        return _response(running, via, exchange)
    except BaseException as bug:
        await _undo(running, via, exchange)
        if bug is via.foreign or not isinstance(bug, Exception):
            raise
        say_bug(bug)
        return _response(running, via, running.blocking.broken(f"req_{new_id()}"))
    finally:
        COUNTING.set(None)
        via.reply = None  # it refers to the call's way, and what refers to itself waits for the garbage collector


async def _undo(running: Running, via: Via, exchange: Exchange | None) -> None:
    """The call has been interrupted, perhaps where the core does not expect it: nothing may stay held or open."""
    via.closing = via.leaving = True
    try:
        if exchange is not None:  # only its response was still to be made
            await exchange.close()
    except Exception as bug:  # noqa: BLE001 - what interrupted the call goes on
        say_bug(bug)
    finally:
        running.books.leave(via.call_id)


async def _exchange(running: Running, terms: Terms, via: Via, way: Way, target: str) -> Exchange:
    call_id = via.call_id
    gate = running.suspending if via.ways.suspends else running.blocking
    call = call_of(terms, via, way, target, call_id, running.clock.ticks())
    if isinstance(call, tuple):
        caller, refusal = call
        at = running.clock.now()
        return await gate.refused(CallRefused(call_id=call_id, at=at, caller=caller, model="", refusal=refusal))
    if call.caller.user_id == ANONYMOUS and way == "messages" and not running.warned:
        running.warned = True
        text = "A call named no user; such calls share the limits and budgets of one user, `anonymous`."
        LOGGER.warning(text, extra={"tidegate": {"event": "no_user"}})
    return await gate.open(call)


def _response(running: Running, via: Via, exchange: Exchange) -> httpx2.Response:
    """The reply for the SDK: headers as they came on the wire where the upstream's reply is passed on."""
    reply, body = via.reply, exchange.body
    passed_on = reply is not None and exchange.headers is reply.headers
    if body is not None and reply is not None and passed_on and not reply.response.is_closed:
        reply.response.stream = httpx2.ByteStream(body)
        return reply.response
    headers: Any = exchange.headers
    stream: httpx2.SyncByteStream | httpx2.AsyncByteStream
    if body is not None:
        stream = httpx2.ByteStream(body)
        headers = [*headers, (b"content-length", b"%d" % len(body))]
    else:
        stream = (SuspendingStream if via.ways.suspends else BlockingStream)(running, via, exchange)
    if reply is not None and passed_on:
        headers = reply.response.headers
    extensions = reply.response.extensions if reply is not None and reply.status == exchange.status else None
    return httpx2.Response(exchange.status, headers=headers, stream=stream, extensions=extensions)


def _down(engine: Engine, down: TidegateError) -> httpx2.Response:
    """The reply where there is no Gate."""
    LOGGER.error("store_down %s", down, extra={"tidegate": {"event": "store_down"}})
    refusal = Refusal(reason="store_down", retry_after=2.0)
    status, headers, body = refusal_reply(refusal, f"req_{new_id()}", engine.texts)
    return httpx2.Response(status, headers=headers, stream=httpx2.ByteStream(body))


def _without_own(request: httpx2.Request) -> httpx2.Request:
    headers = without_own(request.headers)
    if headers is request.headers:
        return request
    return httpx2.Request(
        request.method, request.url, headers=headers, stream=request.stream, extensions=request.extensions
    )


class _Relay:
    """What both kinds of stream do when they end."""

    def __init__(self, running: Running, via: Via, exchange: Exchange) -> None:
        self._running = running
        self._via = via
        self._exchange = exchange
        self._number = running.watch(self, exchange, via)
        self._forks = REGISTRY.forks
        self._done = False

    def _ends(self) -> bool:
        """True for whoever has to close; in a forked child nobody has: the stream is its parent's."""
        if self._done or self._forks != REGISTRY.forks:
            return False
        self._done = self._via.closing = True
        return True

    def _raised(self, error: Exception) -> Exception:
        """What the reader gets: the HTTP library's own error, as without the guard."""
        if error is self._via.foreign:
            return error
        if isinstance(error, Broken):
            cause = error.__cause__
            if isinstance(cause, httpx2.TransportError):
                return cause
            return httpx2.RemoteProtocolError("the stream ended before the message was complete")
        say_bug(error)
        return httpx2.RemoteProtocolError("the stream cannot be read on")


def _let_go(end: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """End a connection in a thread of its own: the keeper must not wait for a socket, or for a pool's lock."""

    def run() -> None:
        with contextlib.suppress(Exception):  # it is lost, and so may its connection be
            run_now(end())

    with contextlib.suppress(RuntimeError):  # the interpreter ends, and its connections with it
        threading.Thread(target=run, name="tidegate-closing", daemon=True).start()


def _dropping(response: httpx2.Response) -> Callable[[], None] | None:
    """What ends a reply in its own loop, from any thread; None outside asyncio."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None

    async def end() -> None:
        with contextlib.suppress(Exception):  # it is lost, and so may its connection be
            await response.aclose()

    def begin() -> None:
        task = loop.create_task(end())
        _ENDING.add(task)
        task.add_done_callback(_ENDING.discard)

    def drop() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, and its connections with it
            loop.call_soon_threadsafe(begin)

    return drop


class BlockingStream(_Relay, httpx2.SyncByteStream):
    """The body of a streamed reply."""

    def __init__(self, running: Running, via: Via, exchange: Exchange) -> None:
        if via.reply is not None:  # before it can be lost
            via.drop = partial(_let_go, via.reply.ending())
        super().__init__(running, via, exchange)

    def __iter__(self) -> Iterator[bytes]:
        read = self._exchange.read
        try:
            while True:
                reading = read()
                try:  # as `run_now`, which for each piece would be a function more
                    reading.send(None)
                except StopIteration as done:
                    piece: bytes = done.value
                else:
                    reading.close()
                    raise RuntimeError("a blocking door was given a port that suspends")
                if not piece:
                    return
                yield piece
        except Exception as error:  # noqa: BLE001 - each becomes one that readers of streams know
            raise self._raised(error) from None

    def close(self) -> None:
        """The reader has left, or has read all."""
        if not self._ends():
            return
        if isinstance(sys.exc_info()[1], GeneratorExit):  # perhaps inside the garbage collector
            self._running.keeper.put(self._number)
            return
        try:
            run_now(self._exchange.close())
        except BaseException:
            self._running.books.leave(self._via.call_id)
            raise
        finally:
            self._running.forget(self._number)
        self._via.raise_interrupt()


class SuspendingStream(_Relay, httpx2.AsyncByteStream):
    """The body of a streamed reply; steps.py says why it is no generator."""

    def __init__(self, running: Running, via: Via, exchange: Exchange) -> None:
        if via.reply is not None:  # before it can be lost
            via.drop = _dropping(via.reply.response)
        super().__init__(running, via, exchange)
        self._begun = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await self._read()
        except Exception as error:  # noqa: BLE001 - each becomes one that readers of streams know
            raise self._raised(error) from None
        if not piece:
            raise StopAsyncIteration
        return piece

    def _read(self) -> Awaitable[bytes]:
        begun, self._begun = self._begun, True
        read = self._exchange.read()
        return read if begun or self._via.drop is None else unlisted(read)

    async def aclose(self) -> None:
        """The reader has left, or has read all."""
        if not self._ends():
            return
        try:
            await at_once(self._exchange.close())
        except BaseException:
            self._running.books.leave(self._via.call_id)
            raise
        finally:
            self._running.forget(self._number)
        self._via.raise_interrupt()
