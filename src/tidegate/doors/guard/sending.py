"""The Upstream of the Gate: the transport that the client brought, with the client's own time-outs and credentials.

Rules:
1. Written once; what differs between a thread and an event loop stands in ways.py.
2. An attempt is sent when the HTTP library says that it has written, or has tried to write, the head of the request.
   A CONNECT to a proxy is none, and a head that cannot be written stops before its first byte.  A transport that
   cannot say so has sent, unless it says by its error that it never got so far.
3. Closing a reply never raises: whoever closes has something to settle.  Ctrl-C or a cancellation that comes then is
   kept in `Via.interrupt` until that is done.
4. A `total` that has passed is noticed between two pieces; the gap between them is the business of the HTTP library's
   time-outs: the client's own, or what `[timeouts]` says where the client has left those of the SDK as they are.
"""

import time
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from functools import lru_cache, partial
from typing import Any, Final

import httpcore2
import httpx2
from anthropic import DEFAULT_TIMEOUT

from tidegate.core.ports import Headers, Outgoing
from tidegate.doors.guard.headers import lowered
from tidegate.doors.guard.paths import MESSAGES
from tidegate.doors.guard.ways import Trace, Ways
from tidegate.model.errors import Broken, BrokenKind, NotSent
from tidegate.policy.rules import Timeouts

OWN: Final = b"x-tidegate-"
"""How the headers begin that are for the guard and never leave."""

_NEVER_SENT: Final = (
    httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol, httpx2.ProxyError,
)  # fmt: skip


_UNDECIDED: Final = DEFAULT_TIMEOUT.as_dict()
_BUILT_IN: Final = Timeouts()
"""A guard that nobody has told otherwise leaves the SDK as patient as it is."""


class Via:
    """One call's way to the network and back."""

    __slots__ = (
        "body", "call_id", "closing", "detached", "drop", "foreign", "headers", "inner", "interrupt", "leaving",
        "reply", "request", "undecided", "ways",
    )  # fmt: skip

    def __init__(self, ways: Ways, inner: Any, request: httpx2.Request, body: bytes, call_id: str = "") -> None:
        self.call_id = call_id
        self.ways = ways
        self.inner = inner
        self.request = request
        self.body = body
        self.headers = request.headers
        """What goes out: the request's own headers, or those without ours."""
        self.undecided: bool = request.extensions.get("timeout") == _UNDECIDED
        """The client says nothing about time-outs."""
        self.reply: GuardReply | None = None
        """Of the last attempt."""
        self.closing = False
        """The caller has left: an interruption must wait until that is settled."""
        self.leaving = False
        """Nothing more is to be read, not even where the route says `drain`."""
        self.detached = False
        """The connection must not be touched from here: a thread that has other duties may wait for it for ever, it
        belongs to another thread's loop, or the process ends."""
        self.drop: Callable[[], None] | None = None
        """Begins to close the connection of a detached stream, from any thread; waits for nothing."""
        self.foreign: Exception | None = None
        """What the client's transport raised that is none of the HTTP library's errors: the client's own business."""
        self.interrupt: BaseException | None = None

    def raise_interrupt(self) -> None:
        """Go on with what interrupted the closing."""
        interrupt, self.interrupt = self.interrupt, None
        if interrupt is not None:
            raise interrupt


COUNTING: Final[ContextVar[Via | None]] = ContextVar("tidegate_via", default=None)
"""The way of the call that this context is in: the Gate's own question to count_tokens carries none."""


class GuardUpstream:
    """Sends through whatever transport each call brings."""

    name = "anthropic"

    async def send(self, request: Outgoing, timeouts: Timeouts, on_sent: Callable[[], None]) -> "GuardReply":
        """As the port says."""
        own: Via | None = request.via
        via = own or COUNTING.get()
        assert via is not None
        kind: Any = type(via.inner)
        tells = _tells(kind)
        sending = _Sending(via, _request(via, request, tells=tells), on_sent, tells=tells)
        waits = _waits(sending.request, timeouts) if via.undecided else None
        until = time.monotonic() + timeouts.total
        try:
            response = await via.ways.send(via.inner, sending.request)
            sending.arrived()
        except httpx2.TransportError as error:
            raise sending.lost(error) from error
        except BaseException as error:
            sending.stopped()
            if isinstance(error, Exception):
                via.foreign = error
            raise
        if waits is not None:  # the HTTP library looks there again when the body is read
            waits["read"] = timeouts.idle if timeouts.idle != _BUILT_IN.idle else _UNDECIDED["read"]
        reply = GuardReply(via, response, until)
        if own is not None:
            via.reply = reply
        return reply

    async def renew_key(self) -> bool:
        """The key is the client's own."""
        return False


class GuardReply:
    """A reply whose body is still to be read."""

    def __init__(self, via: Via, response: httpx2.Response, until: float) -> None:
        self.status = response.status_code
        self.headers: Headers = lowered(response.headers)
        self.response = response
        self._via = via
        self._until = until
        self._pieces = via.ways.pieces(response)
        self._take = via.ways.taking(self._pieces)
        self._waits = via.ways.suspends
        self._read_all = False
        self._closed = False

    def whole(self) -> None:
        """Never known: the pieces come from the client's own response."""

    async def read(self) -> bytes:
        """As the port says."""
        if self._via.leaving:
            raise Broken("the caller has left", "cut")
        if time.monotonic() > self._until:
            await self.close()
            raise Broken("the total time is up", "timeout")
        try:
            while True:
                taken = self._take()
                piece: bytes | None = await taken if self._waits else taken
                if piece:
                    return piece
                if piece is None:
                    break
        except httpx2.TransportError as error:
            raise broken(error) from error
        except Exception as error:
            self._via.foreign = error
            raise
        except BaseException as interrupt:
            self._left(interrupt)
            raise
        self._read_all = True
        await self.close()
        return b""

    def ending(self) -> Callable[[], Coroutine[Any, Any, None]]:
        """What ends the connection when nobody has this reply any more; refers to nothing of the call."""
        return partial(self._via.ways.end, self._pieces, self.response)

    async def close(self) -> None:
        """As the port says."""
        if self._closed or self._via.detached:
            return
        self._closed = True
        ways = self._via.ways
        try:
            await (ways.give_back(self.response) if self._read_all else ways.end(self._pieces, self.response))
        except Exception:  # noqa: BLE001 - a connection that cannot be closed is closed, and a settlement waits
            return
        except BaseException as interrupt:  # noqa: BLE001 - rule 3: raised again by Via.raise_interrupt
            self._via.interrupt = interrupt

    def _left(self, interrupt: BaseException) -> None:
        """Ctrl-C, a cancellation, or the end of a coroutine that nobody awaits any more."""
        self._via.leaving = True
        if isinstance(interrupt, GeneratorExit):  # where nothing may be awaited
            self._via.detached = True
        if self._via.closing:
            self._via.interrupt = interrupt
            raise Broken("the caller has left", "cut") from None


class _Sending:
    """One request on its way out, and whether anything of it has left."""

    __slots__ = ("_connects", "_on_sent", "_sent", "_tells", "_users", "request")

    def __init__(self, via: Via, request: httpx2.Request, on_sent: Callable[[], None], *, tells: bool) -> None:
        self.request = request
        self._on_sent = on_sent
        self._tells = tells
        self._sent = False
        self._connects = False
        self._users: Trace | None = request.extensions.get("trace")
        request.extensions["trace"] = via.ways.trace(self._note, self._users)

    def arrived(self) -> None:
        """A reply is here."""
        if not self._sent:
            self._sent = True
            self._trace_no_more()
            self._on_sent()

    def stopped(self) -> None:
        """Something else ended the sending: Ctrl-C, a cancellation, an error of the client's own."""
        self._trace_no_more()
        if not self._tells:
            self.arrived()

    def lost(self, error: httpx2.TransportError) -> NotSent | Broken:
        """What the failure of this attempt means."""
        if not self._sent and (self._tells or isinstance(error, _NEVER_SENT)):
            self._trace_no_more()
            return NotSent(type(error).__name__)
        self.arrived()
        return broken(error)

    def _note(self, event: str, info: dict[str, Any]) -> None:
        """Events of httpcore, such as `http11.send_request_headers.started`."""
        stage = _stage(event)
        if stage is None:
            return
        if stage == "started":
            self._connects = info["request"].method == b"CONNECT"
        elif not self._connects:
            if isinstance(info.get("exception"), httpcore2.LocalProtocolError):
                self._trace_no_more()
            else:
                self.arrived()

    def _trace_no_more(self) -> None:
        """The rest is not ours, each event costs a microsecond, and the request would refer to itself."""
        if self._users is None:
            self.request.extensions.pop("trace", None)
        else:
            self.request.extensions["trace"] = self._users


@lru_cache(maxsize=256)
def _stage(event: str) -> str | None:
    """What of sending the head an event tells, in any version of HTTP; None for all others."""
    what, _, stage = event.partition(".")[2].partition(".")
    return stage if what == "send_request_headers" else None


def leave_to_parent(inner: object) -> None:
    """Forget the connections that a forked child has from its parent: two who read from one would swap their replies.

    They are kept, unused and open: to close one of an event loop would reach into the loop of the parent.
    """
    pool = getattr(inner, "_pool", None)
    connections = getattr(pool, "_connections", None)
    if pool is not None and isinstance(connections, list):
        _OF_PARENTS.extend(connections)
        pool._connections = []  # noqa: SLF001 - closing the pool would close the connections


_OF_PARENTS: Final[list[object]] = []


def broken(error: httpx2.TransportError) -> Broken:
    """What the HTTP library's error is for the Gate; its text is not kept."""
    kind: BrokenKind = "cut"
    if isinstance(error, httpx2.TimeoutException):
        kind = "timeout"
    elif isinstance(error, httpx2.NetworkError):
        kind = "reset"
    return Broken(type(error).__name__, kind)


def without_own(headers: httpx2.Headers) -> httpx2.Headers:
    """The headers without those that are for the guard; the same object when there are none."""
    raw = headers.raw
    if not any(name.lower().startswith(OWN) for name, _ in raw):
        return headers
    return httpx2.Headers([(name, value) for name, value in raw if not name.lower().startswith(OWN)])


def _request(via: Via, outgoing: Outgoing, *, tells: bool) -> httpx2.Request:
    """The request to hand to the client's transport: the original one as far as the Gate has not changed it.

    `tells`: the transport is the HTTP library's own, and changes nothing in a request; another one gets a copy.
    """
    original = via.request
    if outgoing.via is not None and outgoing.body is via.body:
        if tells and via.headers is original.headers:
            return original
        return httpx2.Request(
            original.method,
            original.url,
            headers=via.headers,
            stream=original.stream,
            extensions=original.extensions,
        )
    url, headers = original.url, via.headers.copy()
    if outgoing.via is None:  # the Gate counts tokens, at the same place
        base = url.raw_path.partition(b"?")[0].decode("ascii").removesuffix(MESSAGES)
        url = url.copy_with(raw_path=(base + outgoing.target).encode("ascii"))
        headers["accept-encoding"] = "identity"
    headers["content-length"] = str(len(outgoing.body))
    return httpx2.Request(
        outgoing.method,
        url,
        headers=headers,
        stream=httpx2.ByteStream(outgoing.body),
        extensions=original.extensions,
    )


def _waits(request: httpx2.Request, timeouts: Timeouts) -> dict[str, float | None]:
    """Put what the operator has decided into a request, in place of the SDK's own; where the HTTP library reads it."""
    waits: dict[str, float | None] = dict(_UNDECIDED)
    if timeouts.connect != _BUILT_IN.connect:
        waits["connect"] = timeouts.connect
    if timeouts.first_byte != _BUILT_IN.first_byte:
        waits["read"] = timeouts.first_byte
    request.extensions["timeout"] = waits
    return waits


@lru_cache(maxsize=64)
def _tells(kind: type) -> bool:
    """Whether transports of this class are the HTTP library's own, which say when they send."""
    own = (httpx2.HTTPTransport.handle_request, httpx2.AsyncHTTPTransport.handle_async_request)
    method = getattr(kind, "handle_request", None) or getattr(kind, "handle_async_request", None)
    return method in own
