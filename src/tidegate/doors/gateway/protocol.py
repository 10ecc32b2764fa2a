"""HTTP/1.1 as the gateway takes it: uvicorn's protocol, made ready for clients that are slow, odd or hostile.

The rules (RFC 9110 and 9112):

1. What two servers could read in two ways is refused: a Host that is missing or there twice, a transfer coding other
   than `chunked`, a fragment in the target, data behind `connection: close`.
2. A malformed request is refused in its turn: what was asked before it is still answered.  Nothing after it is read.
   Of requests that wait for their turn at most 64 KB are read ahead.
3. Trailers are no headers.  They are dropped: nothing may be said about a call after its key was checked.
4. `Upgrade` is passed over, as HTTP allows; the request goes on as it is.  curl and Java ask for h2c by default.
5. A head has `header_timeout`.  64 KB that complete nothing (a head, trailers, chunk extensions) end the connection.
6. A reply may come before its request is whole.  The rest is thrown away, for `header_timeout` at most: a connection
   that is closed with bytes unread would be reset, and the reply lost on its way.
7. HTTP/1.0 gets no chunks: its streams end with the connection.
8. A whole reply that is not taken pins its memory.  A connection that closes, or whose next reply waits behind one,
   has `header_timeout` and a second for every 128 KB to take it; then it is cut off.
"""

from asyncio import TimerHandle, Transport
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tidegate.core.stream import by_name
from tidegate.doors.gateway.cycles import Cycle, LastCycle
from tidegate.doors.gateway.request import Pairs
from tidegate.doors.gateway.target import known, path_and_query
from tidegate.doors.gateway.turns import Turns
from tidegate.model.refusal import Refusal
from tidegate.policy.replies import Headers

Refuse = Callable[[Refusal], tuple[int, Headers, bytes]]
"""The reply of a refusal that no call is behind."""

MOST_HEAD = 64 * 1024
"""Bytes of a request's head, and of anything else that is not body."""

PACE = 128 * 1024
"""Bytes a second that a client must take of a reply, on the whole."""

NOT_HTTP = Refusal(reason="bad_request", detail="It is not valid HTTP.")
TOO_LONG = Refusal(reason="too_large", detail=f"The headers are longer than {MOST_HEAD // 1024} KB.")

_VERSIONS = ("1.1", "1.0")
_SOON = -inf
"""The deadline of a head that has just begun: most are whole before anybody looks."""
_TICK = 0.001
"""Seconds; uvloop's timers may ring that much early."""

_line = b": ".join


class _MalformedError(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class Patient(HttpToolsProtocol):
    """One connection."""

    patience: ClassVar[float]
    """Seconds for a head, and for the rest of a request that has its reply."""
    refuse: ClassVar[Refuse]

    cycle: Cycle
    pipeline: deque[Cycle]  # type: ignore[assignment]  # with the application beside each there
    headers: Pairs

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._turns = Turns(self.loop, self.tasks, self.app.answer)
        self._notes: Pairs = []
        note = self._notes.append
        # A method would cost each header of each request twice as much.
        self.on_header = lambda name, value: note((name.lower(), value))  # type: ignore[method-assign]  # the parser asks for it once
        self.parser = httptools.HttpRequestParser(self)  # uvicorn's takes data behind `connection: close`
        self._deadline = self._timer_at = inf
        """On the loop's clock.  The timer is moved only when it would ring too late: a request costs none."""
        self._timer: TimerHandle | None = None
        self._running: Cycle | None = None
        self._refusal: Refusal | None = None
        """Of a malformed request; from then on nothing is read."""
        self._ending = False
        """No request follows: the connection closes."""
        self._open = False
        """A request has begun and is not whole."""
        self._resuming = False
        self._moved = False
        self._stray = self._ahead = 0

    # What the transport tells.

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # uvicorn narrows it as well
        """A client is here."""
        super().connection_made(transport)
        self._wait(self.patience)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has left, or we have."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        running = self._running
        if running is not None:  # uvicorn tells the latest request only, and that may wait behind this one
            running.disconnected = True
            running.tell()
        super().connection_lost(exc)
        if running is not None:
            running.leave()
        self._turns.end()

    def data_received(self, data: bytes) -> None:
        """Parse, then draw the conclusions."""
        if self._refusal is not None:
            return
        self._moved = False
        self._stray += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            self._stop_reading(self._blame(error))
            return
        if self._moved:
            self._stray = 0
        elif self._stray > MOST_HEAD:
            self._stop_reading(TOO_LONG)
            return
        if self.pipeline:
            self._ahead += len(data)
            if self._ahead > MOST_HEAD:
                self.flow.pause_reading()
        else:
            self._ahead = 0
        if self._deadline == _SOON:
            self._wait(self.patience)
        if self._running is None:
            self._rest()

    def _feed(self, data: bytes) -> None:
        while True:  # no second feed inside the handler: what goes wrong there would count as its consequence
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as asked:
                data = data[asked.args[0] :]
                self._resume()
            else:
                return

    def _resume(self) -> None:
        """Go on with a request that asked for an upgrade: the parser took its body for another protocol."""
        framing = [
            b"%b: %b\r\n" % pair for pair in self.headers if pair[0] in (b"content-length", b"transfer-encoding")
        ]
        self.parser = httptools.HttpRequestParser(self)
        self._resuming = True
        deadline = self._deadline
        self.parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(framing))
        self._deadline = deadline
        self._resuming = False

    def _blame(self, error: httptools.HttpParserError) -> Refusal:
        cause = error.__context__
        if isinstance(cause, _MalformedError):
            return cause.refusal
        if isinstance(error, httptools.HttpParserCallbackError) and not isinstance(cause, httptools.HttpParserError):
            self.logger.error("a callback of the parser failed", exc_info=cause)
        return NOT_HTTP

    # What the parser tells.

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self.url = b""
        self._notes.clear()  # what is there are trailers
        self._open = True
        self._deadline = _SOON

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self.url += url

    def on_headers_complete(self) -> None:
        """The head is here: the work begins, or waits for its turn."""
        if self._resuming:
            return
        parser = self.parser
        version = parser.get_http_version()
        self.headers = headers = self._notes.copy()
        said = dict(headers)
        target = known(self.url)
        if (
            target is None
            or version != "1.1"
            or b"host" not in said
            or b"transfer-encoding" in said
            or len(said) != len(headers)
            or self._stray > MOST_HEAD
        ):
            said = by_name(headers)
            target = self._checked(version, said)
        self._moved = True
        if not self.flow.write_paused:
            self._deadline = inf
        elif self._deadline == _SOON:
            self._wait(self.patience)
        method = parser.get_method().decode()
        path, query = target
        if version != "1.0" and parser.should_keep_alive():
            cycle = Cycle(self, method, path, query, headers, said)
        else:  # a last request has a cycle of its own: see rules 6 and 7
            cycle = last = LastCycle(self, method, path, query, headers, said)
            last.version = version
            last.answered = self.on_last_response
        self.cycle = cycle
        if self._running is None:
            self._begin(cycle)
        else:
            # uvicorn would stop reading here, and not notice that the client leaves.
            self.pipeline.appendleft(cycle)

    def _checked(self, version: str, said: dict[bytes, bytes]) -> tuple[str, bytes]:
        """Path and query of a request whose head is not plainly good."""
        once = len(said) == len(self.headers)
        hosts = int(b"host" in said) if once else sum(name == b"host" for name, _ in self.headers)
        codings = b"transfer-encoding" in said and {
            value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"
        }
        if (
            version not in _VERSIONS
            or not (hosts == 1 or (hosts == 0 and version == "1.0"))
            or (codings and codings != {b"chunked"})
            or b"#" in self.url
        ):
            raise _MalformedError(NOT_HTTP)
        if self._stray > MOST_HEAD and self._head_size() > MOST_HEAD:
            raise _MalformedError(TOO_LONG)
        target = path_and_query(self.url)
        if target is None:
            raise _MalformedError(NOT_HTTP)
        return target

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._moved = True
        cycle = self.cycle
        if cycle.response_complete:
            return
        if cycle.body:
            cycle.add(body)
        else:
            cycle.body = body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        if cycle.news is not None:
            cycle.news.set()

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self.parser.should_upgrade():
            return  # only its head is: see `_resume`
        self._moved = True
        self._open = False
        cycle = self.cycle
        cycle.more_body = False
        if cycle.news is not None:
            cycle.news.set()

    # Conclusions.

    def _begin(self, cycle: Cycle) -> None:
        self._running = cycle
        if self.flow.write_paused:  # its reply must wait until the one before is taken
            self._wait(self.timeout_keep_alive + self._allowance())
        self._turns.begin(cycle)

    def on_response_complete(self) -> None:
        """A reply went out; the next request has its turn."""
        self._running = None
        if self.transport.is_closing():
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.pipeline:
            self._begin(self.pipeline.pop())
        elif self._open or self._ending or self._refusal is not None:
            self._rest()
        else:
            self._wait(self.timeout_keep_alive)

    def on_last_response(self) -> None:
        """The last reply of this connection went out."""
        self._ending = True
        self.pipeline.clear()
        self.on_response_complete()

    def _rest(self) -> None:
        """When every request has its reply: wait for more, or end."""
        if self._running is not None or self.transport.is_closing():
            return
        if self._open:
            if self._deadline == inf:
                self._wait(self.patience)
        elif self._ending:
            self._close()
        elif self._refusal is not None:
            self._say_and_close(self._refusal)
        else:
            self._wait(self.timeout_keep_alive)

    def _stop_reading(self, refusal: Refusal) -> None:
        """The request at hand is malformed: refuse it in its turn, and read no more."""
        self._refusal = refusal
        if not self.flow.write_paused:
            self._deadline = inf
        elif self._deadline == _SOON:
            self._wait(self.patience)
        cycle: Cycle | None = self.cycle
        if self._open and cycle is not None and cycle.more_body:  # not in a head
            self._give_up(cycle)
        self._open = False
        self._rest()

    def _give_up(self, cycle: Cycle) -> None:
        """Nobody will see the end of this request's body."""
        if cycle.response_started:
            self._ending = True
        elif cycle is self._running:
            cycle.disconnected = True
            cycle.waiting_for_100_continue = False  # nothing may follow the refusal
            cycle.tell()
            self._running = None
        elif self.pipeline:
            self.pipeline.popleft()  # the latest that came; behind a last request it was dropped already

    def _say_and_close(self, refusal: Refusal) -> None:
        status, headers, body = type(self).refuse(refusal)
        lines = b"\r\n".join([*map(_line, headers), b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)])
        self.transport.write(b"".join((STATUS_LINE[status], lines, body)))
        self.transport.write_eof()
        self._ending = True
        self._wait(self.patience)

    def _wait(self, seconds: float) -> None:
        """Let the client do the next thing within that time."""
        self._deadline = due = self.loop.time() + seconds
        if due < self._timer_at:
            self._arm(due)

    def _arm(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = self.loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._timer_at = inf
        if self._deadline == inf:
            return
        if self._deadline - self.loop.time() > _TICK:
            self._arm(self._deadline)
        elif self._running is not None and (self._running.response_started or not self.flow.write_paused):
            self._wait(self.patience)  # the reply to an earlier request is still on its way
        elif self._running is None and not self.transport.is_closing():
            self._close()
        else:
            self.transport.abort()

    def _close(self) -> None:
        """Let what is written go out, and close; see rule 8."""
        self._wait(self._allowance())
        self.transport.close()

    def _allowance(self) -> float:
        """Seconds to take what is written; libuv does not say how much of it went out already."""
        return self.patience + self.transport.get_write_buffer_size() / PACE


def make_protocol(header_timeout: float, refuse: Refuse) -> type[Patient]:
    """The protocol with its patience, and with the words for what is no HTTP."""
    return type("Patient", (Patient,), {"patience": header_timeout, "refuse": staticmethod(refuse)})
