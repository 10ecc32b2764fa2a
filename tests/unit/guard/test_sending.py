"""When an attempt counts as sent: over httpcore's own connections, on scripted networks; and which errors mean what."""

import asyncio
from typing import Any

import anthropic
import httpcore2
import httpx2
import pytest

from tidegate.core.ports import Outgoing
from tidegate.core.run_now import run_now
from tidegate.doors.guard.sending import GuardReply, GuardUpstream, Via, broken
from tidegate.doors.guard.ways import BLOCKING, SUSPENDING
from tidegate.model.errors import Broken, NotSent
from tidegate.policy.rules import Timeouts
from unit.guard.scripted import HELLO, Scripted, answer, charges, guarded

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Told:
    """What the network was given when `on_sent` was called."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def send(inner: Any, told: Told, url: str = "http://claude.test/v1/messages", **options: Any) -> GuardReply:
    """One attempt over a blocking transport."""
    request = httpx2.Request("POST", url, content=b"{}", **options)
    via = Via(BLOCKING, inner, request, request.read())
    outgoing = Outgoing("POST", "/v1/messages", [], via.body, via)
    return run_now(GuardUpstream().send(outgoing, Timeouts(), told))


def network(*pieces: bytes, proxy: str | None = None) -> httpx2.HTTPTransport:
    """httpx2's own transport on a scripted network."""
    transport = httpx2.HTTPTransport(proxy=proxy)
    transport._pool._network_backend = httpcore2.MockBackend(list(pieces))
    return transport


def failing(error: Exception, *, method: str) -> httpx2.HTTPTransport:
    """A network whose connection fails at `connect_tcp` or `read` or `write`."""
    transport = network(OK)
    backend = transport._pool._network_backend

    def fail(*_: Any, **__: Any) -> Any:
        raise error

    if method == "connect_tcp":
        backend.connect_tcp = fail  # type: ignore[method-assign]  # the network is down
        return transport
    connect = backend.connect_tcp

    def connected(*args: Any, **kwargs: Any) -> Any:
        stream = connect(*args, **kwargs)
        setattr(stream, method, fail)
        return stream

    backend.connect_tcp = connected  # type: ignore[method-assign]  # its streams fail
    return transport


def test_sent_once_over_httpcore() -> None:
    told = Told()
    reply = send(network(OK), told)
    assert run_now(reply.read()) == b"{}"
    assert run_now(reply.read()) == b""
    assert told.times == 1


def test_a_kept_connection() -> None:
    told, inner = Told(), network(OK, OK)
    for _ in range(2):
        reply = send(inner, told)
        while run_now(reply.read()):
            pass
    assert told.times == 2
    assert len(inner._pool.connections) == 1


def test_connect_to_a_proxy_is_not_sending() -> None:
    told = Told()
    with pytest.raises(NotSent):
        send(
            network(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", proxy="http://proxy.test"),
            told,
            "https://claude.test/v1/messages",
        )
    assert told.times == 0


def test_behind_a_tunnel() -> None:
    told = Told()
    inner = network(b"HTTP/1.1 200 Connected\r\n\r\n", OK, proxy="http://proxy.test")
    reply = send(inner, told, "https://claude.test/v1/messages")
    assert run_now(reply.read()) == b"{}"
    assert told.times == 1


def test_through_a_forwarding_proxy() -> None:
    told = Told()
    reply = send(network(OK, proxy="http://proxy.test"), told)
    assert run_now(reply.read()) == b"{}"
    assert told.times == 1


@pytest.mark.parametrize("error", [httpcore2.ConnectError(), httpcore2.ConnectTimeout()])
def test_no_connection_is_not_sent(error: Exception) -> None:
    told = Told()
    with pytest.raises(NotSent):
        send(failing(error, method="connect_tcp"), told)
    assert told.times == 0


def test_a_full_pool_is_not_sent() -> None:
    told = Told()
    inner = network(OK)
    inner._pool._max_connections = 1
    kept = send(inner, told)
    with pytest.raises(NotSent):
        send(inner, told, extensions={"timeout": {"pool": 0.001}})
    assert told.times == 1
    run_now(kept.close())


def test_a_head_that_cannot_be_written_is_not_sent() -> None:
    told = Told()
    with pytest.raises(NotSent):
        send(network(OK), told, headers={"x-app": "a\nb"})
    assert told.times == 0


@pytest.mark.parametrize(
    ("error", "kind"),
    [(httpcore2.ReadTimeout(), "timeout"), (httpcore2.ReadError(), "reset"), (httpcore2.RemoteProtocolError(), "cut")],
)
def test_lost_after_sending(error: Exception, kind: str) -> None:
    told = Told()
    with pytest.raises(Broken) as caught:
        send(failing(error, method="read"), told)
    assert caught.value.kind == kind
    assert isinstance(caught.value.__cause__, httpx2.TransportError)
    assert told.times == 1


def test_a_write_that_fails_may_have_written() -> None:
    told = Told()
    with pytest.raises(Broken):
        send(failing(httpcore2.WriteTimeout(), method="write"), told)
    assert told.times == 1


def test_a_server_that_hangs_up() -> None:
    told = Told()
    with pytest.raises(Broken):
        send(network(), told)
    assert told.times == 1


def test_a_users_own_trace_goes_on() -> None:
    seen: list[str] = []
    told = Told()
    reply = send(network(OK), told, extensions={"trace": lambda name, _: seen.append(name)})
    while run_now(reply.read()):
        pass
    assert "connection.connect_tcp.started" in seen
    assert seen[-1] == "http11.response_closed.complete"
    assert told.times == 1


def test_an_async_network() -> None:
    told = Told()
    seen: list[str] = []

    async def trace(name: str, _: Any) -> None:
        seen.append(name)

    async def main(**options: Any) -> None:
        inner = httpx2.AsyncHTTPTransport()
        inner._pool._network_backend = httpcore2.AsyncMockBackend([OK])
        request = httpx2.Request("POST", "http://claude.test/v1/messages", content=b"{}", **options)
        via = Via(SUSPENDING, inner, request, b"{}")
        reply = await GuardUpstream().send(Outgoing("POST", "/v1/messages", [], b"{}", via), Timeouts(), told)
        assert await reply.read() == b"{}"
        assert await reply.read() == b""
        await inner.aclose()

    asyncio.run(main())
    asyncio.run(main(extensions={"trace": trace}))
    assert told.times == 2
    assert seen[-1] == "http11.response_closed.complete"


@pytest.mark.parametrize(
    "error",
    [
        httpx2.ConnectError("x"),
        httpx2.ConnectTimeout("x"),
        httpx2.PoolTimeout("x"),
        httpx2.ProxyError("x"),
        httpx2.UnsupportedProtocol("x"),
    ],
)
def test_a_foreign_transport_that_says_it_never_got_so_far(error: httpx2.TransportError) -> None:
    told = Told()
    with pytest.raises(NotSent):
        send(Scripted(error), told)
    assert told.times == 0


@pytest.mark.parametrize("error", [httpx2.ReadError("x"), httpx2.WriteError("x"), KeyboardInterrupt(), ValueError("x")])
def test_a_foreign_transport_that_does_not_say(error: BaseException) -> None:
    told = Told()
    with pytest.raises((Broken, type(error))):
        send(Scripted(error), told)
    assert told.times == 1


def test_a_subclass_that_does_its_own_thing_is_foreign() -> None:
    class Own(httpx2.HTTPTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            raise httpx2.ReadError("x")

    told = Told()
    with pytest.raises(Broken):
        send(Own(), told)
    assert told.times == 1


def test_a_transport_around_the_librarys_own() -> None:
    """One that repeats by itself: what its first try has sent stays sent."""

    class Twice(httpx2.BaseTransport):
        def __init__(self) -> None:
            self.first = failing(httpcore2.ReadError(), method="read")

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            try:
                return self.first.handle_request(request)
            except httpx2.ReadError:
                raise httpx2.ConnectError("second try") from None

    told = Told()
    with pytest.raises(Broken):
        send(Twice(), told)
    assert told.times == 1


def test_no_words_of_an_error_are_kept() -> None:
    found = broken(httpx2.ReadError("secret host"))
    assert str(found) == "ReadError"


def test_empty_pieces_are_no_end() -> None:
    reply = answer()
    reply.stream.pieces.insert(0, b"")  # type: ignore[union-attr]  # of scripted.Body
    found = guarded(Scripted(reply)).messages.create(**HELLO)
    assert found.content
    assert charges()[0][0] == "ok"


def test_the_sdk_sends_no_header_that_h11_refuses() -> None:
    with pytest.raises(anthropic.OverloadedError):
        guarded(network(OK)).messages.create(**HELLO, extra_headers={"x-app": "a\nb"})
    assert charges() == []


def test_the_events_of_http2_count_alike() -> None:
    """h2 is not installed here; httpcore names its events by the protocol."""

    class Two(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            tell = request.extensions["trace"]
            tell("http2.send_connection_init.started", {"request": request})
            assert told.times == 0
            tell("http2.send_request_headers.started", {"request": httpcore2.Request("POST", "http://x")})
            tell("http2.send_request_headers.complete", {"return_value": None})
            assert told.times == 1
            assert "trace" not in request.extensions
            return answer()

    told = Told()
    send(Two(), told)
    assert told.times == 1


class Waiting(httpx2.BaseTransport):
    """Keeps what each request says about time-outs: when it is sent, and when its reply is read."""

    def __init__(self) -> None:
        self.sent: list[dict[str, float]] = []
        self.reading: list[dict[str, float]] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.sent.append(dict(request.extensions["timeout"]))
        said, reading = answer(), self.reading

        class Reading(httpx2.SyncByteStream):
            def __iter__(self) -> Any:
                reading.append(dict(request.extensions["timeout"]))
                yield from said.stream  # type: ignore[misc]  # of scripted.Body

        return httpx2.Response(200, headers=said.headers, stream=Reading())


def waits(*, stream: bool = False, asked: Any = None, client: dict[str, Any] | None = None) -> Waiting:
    """What the transport is told, with all of `[timeouts]` set."""
    inner = Waiting()
    found = guarded(inner, timeouts={"connect": "1s", "first_byte": "2s", "idle": "3s", "total": "4s"})
    found = found.with_options(**client) if client else found
    more = {} if asked is None else {"timeout": asked}
    with found.messages.with_streaming_response.create(**HELLO, stream=stream, **more) as reply:
        reply.read()
    return inner


def test_a_client_that_says_nothing_has_the_time_outs_of_the_settings() -> None:
    """For a whole answer the first byte comes when all is written: it may take `total`."""
    stream, whole = waits(stream=True), waits()
    assert stream.sent == [{"connect": 1.0, "read": 2.0, "write": 600, "pool": 600}]
    assert whole.sent == [{"connect": 1.0, "read": 4.0, "write": 600, "pool": 600}]
    assert [one["read"] for one in (*stream.reading, *whole.reading)] == [3.0, 3.0]


@pytest.mark.parametrize(
    ("asked", "client"),
    [
        (7.0, None),
        (None, {"timeout": 7.0}),
        (600, None),
        (httpx2.Timeout(600, connect=6.0), None),
        (httpx2.Timeout(None), None),
    ],
)
def test_a_clients_own_time_outs_stay(asked: Any, client: dict[str, Any] | None) -> None:
    own = httpx2.Timeout(7.0 if asked is None else asked).as_dict()
    found = waits(stream=True, asked=asked, client=client)
    assert found.sent == found.reading == [own]


@pytest.mark.parametrize("stream", [True, False])
def test_where_nobody_says_anything_the_sdk_stays_as_patient_as_it_is(stream: bool) -> None:
    inner = Waiting()
    with guarded(inner).messages.with_streaming_response.create(**HELLO, stream=stream) as reply:
        reply.read()
    assert inner.sent == inner.reading == [anthropic.DEFAULT_TIMEOUT.as_dict()]


def test_each_attempt_has_its_time_outs() -> None:
    """A retry begins with `first_byte` again, not with the `idle` of the one before."""

    class Failing(Waiting):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            reply = super().handle_request(request)
            return reply if len(self.sent) == 3 else httpx2.Response(529, stream=reply.stream)

    inner = Failing()
    found = guarded(inner, timeouts={"first_byte": "2s"}, retry={"base": "1ms"})
    for _ in found.messages.create(**HELLO, stream=True):
        pass
    assert [one["read"] for one in inner.sent] == [2.0] * 3


def test_the_time_out_between_two_pieces_is_read_when_the_body_begins() -> None:
    """Over httpcore: the network is told so."""
    told: list[float | None] = []
    inner = network(OK)
    backend: Any = inner._pool._network_backend
    connect = backend.connect_tcp

    def connected(*args: Any, **kwargs: Any) -> Any:
        stream = connect(*args, **kwargs)
        read = stream.read

        def noted(size: int, timeout: float | None = None) -> bytes:
            told.append(timeout)
            piece: bytes = read(size, timeout)
            return piece

        stream.read = noted
        return stream

    backend.connect_tcp = connected
    head, body = OK[:-2], OK[-2:]
    backend._buffer = [head, body]
    request = httpx2.Request(
        "POST",
        "http://claude.test/v1/messages",
        content=b"{}",
        extensions={"timeout": anthropic.DEFAULT_TIMEOUT.as_dict()},
    )
    via = Via(BLOCKING, inner, request, request.read())
    reply = run_now(
        GuardUpstream().send(
            Outgoing("POST", "/v1/messages", [], via.body, via), Timeouts(first_byte=2.0, idle=3.0), Told()
        )
    )
    while run_now(reply.read()):
        pass
    assert told == [2.0, 3.0]
