"""Correct HTTP/1.1 on one connection: chunks, 100-continue, pipelines, HEAD, keep-alive, HTTP/1.0, upgrades."""

import socket

import pytest

from e2e.gateways import until
from e2e.http.wire import BODY, STREAM, ask, body, chunked, request, wire
from e2e.sdk.stage import Stage

CLOSE = "connection: close"
CHUNKED = "transfer-encoding: chunked"
H2C = ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQAAP__")


@pytest.mark.parametrize("sizes", [(), (1,), (10, 1, 5), (1,) * 60])
def test_chunked_bodies(stage: Stage, sizes: tuple[int, ...]) -> None:
    reply = ask(stage.gateway.port, request(stage.key, chunked(BODY, *sizes), CHUNKED, length=False))
    assert reply.status == 200
    assert stage.seen()[0].request_bytes == len(BODY)
    assert stage.header("content-length") == str(len(BODY))
    assert stage.header("transfer-encoding") is None


def test_chunks_in_capitals_with_extensions(stage: Stage) -> None:
    raw = b'%X;name="v;a\\"l"\r\n%b\r\n00;x\r\n\r\n' % (len(BODY), BODY)
    assert ask(stage.gateway.port, request(stage.key, raw, CHUNKED, length=False)).status == 200
    assert stage.seen()[0].request_bytes == len(BODY)


def test_byte_by_byte_is_the_same(stage: Stage) -> None:
    sent = request(stage.key, chunked(BODY, 7, 9), CHUNKED, length=False)
    with wire(stage.gateway.port) as connection:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.send(*(sent[at : at + 1] for at in range(len(sent))))
        assert connection.reply().status == 200
    assert stage.seen()[0].request_bytes == len(BODY)


def test_trailers_are_no_headers(stage: Stage) -> None:
    """What a call is was decided when its head came: a trailer must not name another user, or reach the upstream."""
    trailers = ("x-tidegate-user: mallory", "anthropic-beta: compact-2026-01-12", "x-more: 1", "content-encoding: gzip")
    sent = request(stage.key, chunked(BODY, 10, trailers=trailers), CHUNKED, "x-tidegate-user: ann", length=False)
    with wire(stage.gateway.port, sent, request(stage.key, BODY, CLOSE)) as connection:
        assert [connection.reply().status, connection.reply().status] == [200, 200]
    for row in stage.seen():
        assert row.kept_headers is not None
        assert not {"anthropic-beta", "x-more", "content-encoding", "x-tidegate-user"} & row.kept_headers.keys()
    assert [charge["user_id"] for charge in stage.site.charges()[-2:]] == ["ann", "anonymous"]


def test_100_continue_comes_before_the_body(stage: Stage) -> None:
    head, _, raw = request(stage.key, BODY, "expect: 100-continue").partition(b"\r\n\r\n")
    with wire(stage.gateway.port, head + b"\r\n\r\n") as connection:
        assert connection.reply().status == 100
        stage.nothing_reached_the_fake()
        assert connection.send(raw).reply().status == 200
    assert stage.header("expect") is None


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ((b"x-api-key: tg_", b"x-api-key: no_"), 401),
        ((b"POST /v1/messages ", b"POST /v1/nothing "), 404),
        ((b"content-length: 113", b"content-length: 99999999"), 413),
    ],
)
def test_100_continue_is_not_said_to_whom_the_body_is_of_no_use(
    stage: Stage, change: tuple[bytes, bytes], status: int, address: str
) -> None:
    head = request(stage.key, BODY, "expect: 100-continue").partition(b"\r\n\r\n")[0]
    head = head.replace(b"content-length: %d" % len(BODY), b"content-length: 113").replace(*change)
    with wire(stage.gateway.port, head + b"\r\n\r\n", source=address) as connection:
        assert connection.reply().status == status
    stage.nothing_reached_the_fake()


def test_pipelined_requests_are_answered_in_order_and_metered_once(stage: Stage) -> None:
    users = [f"pipe-{number}" for number in range(8)]
    delays = [0.2, 0, 0.1, 0, 0, 0.05, 0, 0]
    sent = b"".join(
        request(
            stage.key,
            STREAM if number % 2 else body(metadata={"n": str(number)}),
            f"x-tidegate-user: {user}",
            f"x-fake-fault: say={user}; delay={delays[number]}",
        )
        for number, user in enumerate(users)
    )
    with wire(stage.gateway.port, sent + request(stage.key, b"", CLOSE, method="GET", path="/v1/models")) as connection:
        replies = [connection.reply() for _ in users]
        assert connection.reply().json["data"]
        assert connection.closed() == b""
    for user, reply in zip(users, replies, strict=True):
        assert user[:4].encode() in reply.body
        assert [charge["cost"] for charge in stage.site.charges(user)] == [
            row.cost for row in stage.fake.attempts() if row.request_id == reply.headers["request-id"]
        ]
    assert [row.request_id for row in stage.fake.attempts()] == [reply.headers["request-id"] for reply in replies]


def test_a_pipeline_arrives_in_any_pieces(stage: Stage) -> None:
    sent = request(stage.key) + request(stage.key, chunked(BODY, 5), CHUNKED, length=False) + request(stage.key)
    with wire(stage.gateway.port) as connection:
        for at in range(0, len(sent), 97):
            connection.send(sent[at : at + 97])
        assert [connection.reply().status for _ in range(3)] == [200] * 3
    assert len(stage.seen()) == 3


def test_refusals_keep_their_place_in_a_pipeline(stage: Stage) -> None:
    sent = (
        request(stage.key, BODY, "x-fake-delay: 0.1")
        + request(stage.key, b"{", path="/v1/messages")
        + request(stage.key, path="/v1/nothing")
        + request(stage.key, STREAM)
    )
    with wire(stage.gateway.port, sent) as connection:
        assert [connection.reply().status for _ in range(4)] == [200, 400, 404, 200]


def test_whoever_leaves_a_pipeline_leaves_the_rest_unasked(stage: Stage) -> None:
    first = request(stage.key, BODY, "x-fake-stall: before", "x-tidegate-user: leaves")
    with wire(stage.gateway.port, first) as connection:
        stage.fake.wait(open=1)
        connection.send(request(stage.key), request(stage.key)[:-9])
    stage.fake.wait(open=0)
    until(lambda: stage.site.charges("leaves"))
    assert [charge["outcome"] for charge in stage.site.charges("leaves")] == ["aborted"]
    assert len(stage.fake.attempts()) == 1


def test_head_has_no_body(stage: Stage) -> None:
    lines = {"method": "HEAD", "length": False}
    sent = (
        request(stage.key, b"", path="/api/hello", **lines)  # type: ignore[arg-type]  # one dict for two types
        + request(stage.key, b"", path="/v1/messages", **lines)  # type: ignore[arg-type]  # as above
        + request(stage.key, b"", CLOSE, path="/healthz", **lines)  # type: ignore[arg-type]  # as above
    )
    with wire(stage.gateway.port, sent) as connection:
        replies = [connection.reply(head=True) for _ in range(3)]
        assert connection.closed() == b""
    assert [reply.status for reply in replies] == [200, 405, 200]
    assert all(int(reply.headers["content-length"]) > 0 for reply in replies)
    stage.nothing_reached_the_fake()


def test_a_connection_is_kept(stage: Stage) -> None:
    with wire(stage.gateway.port) as connection:
        for raw in (BODY, STREAM, BODY, b"{", STREAM):
            reply = connection.send(request(stage.key, raw)).reply()
            assert "connection" not in reply.headers
        assert connection.send(b"\r\n\r\n" + request(stage.key, BODY, CLOSE)).reply().headers["connection"] == "close"
        assert connection.closed() == b""
    assert len({row.connection for row in stage.seen()}) == 1


def test_nothing_is_read_behind_close(stage: Stage) -> None:
    with wire(stage.gateway.port, request(stage.key, BODY, CLOSE, "x-fake-delay: 0.1") + request(stage.key)) as made:
        assert made.reply().status == 200
        assert made.closed() == b""
    assert len(stage.seen()) == 1


@pytest.mark.parametrize("lines", [(), ("connection: keep-alive",)])
def test_http_1_0(stage: Stage, lines: tuple[str, ...]) -> None:
    sent = request(stage.key, BODY, *lines, version="HTTP/1.0", host=False)
    with wire(stage.gateway.port, sent) as connection:
        reply = connection.reply()
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert int(reply.headers["content-length"]) == len(reply.body)
        assert connection.closed() == b""


def test_a_stream_over_http_1_0_has_no_chunks(stage: Stage) -> None:
    with wire(stage.gateway.port, request(stage.key, STREAM, version="HTTP/1.0")) as connection:
        reply = connection.reply()
    assert not {"transfer-encoding", "content-length"} & reply.headers.keys()
    assert reply.headers["connection"] == "close"
    assert reply.body.startswith(b"event: message_start\n")
    assert reply.body.endswith(b'data: {"type":"message_stop"}\n\n')
    assert stage.site.charges()[-1]["exactness"] == "actual"


@pytest.mark.parametrize("asked", [H2C, ("connection: upgrade", "upgrade: websocket"), ("upgrade: h2c",)])
def test_an_upgrade_is_passed_over(stage: Stage, asked: tuple[str, ...]) -> None:
    """curl --http2 and Java's client ask for h2c with every request over plain HTTP."""
    with wire(stage.gateway.port) as connection:
        for _ in range(2):
            assert connection.send(request(stage.key, BODY, *asked)).reply().status == 200
            lines = (CHUNKED, *asked)
            assert connection.send(request(stage.key, chunked(BODY, 9), *lines, length=False)).reply().status == 200
            models = request(stage.key, b"", *asked, method="GET", path="/v1/models", length=False)
            assert connection.send(models).reply().status == 200
    assert [row.request_bytes for row in stage.seen()] == [len(BODY), len(BODY), 0] * 2
    assert not any(row.forbidden for row in stage.seen())


def test_an_upgrade_in_a_pipeline(stage: Stage) -> None:
    sent = request(stage.key, BODY, *H2C) + request(stage.key, STREAM, *H2C) + request(stage.key, BODY, CLOSE, H2C[1])
    with wire(stage.gateway.port, sent) as connection:
        assert [connection.reply().status for _ in range(3)] == [200] * 3
        assert connection.closed() == b""


def test_a_half_closed_connection_counts_as_left(stage: Stage) -> None:
    """A client that closes its side cannot be told from one that died: the call ends, as under every ASGI server."""
    with wire(stage.gateway.port, request(stage.key, BODY, "x-fake-stall: before", "x-tidegate-user: half")) as made:
        stage.fake.wait(open=1)
        made.socket.shutdown(socket.SHUT_WR)
        assert made.closed() == b""
    stage.fake.wait(open=0)
    until(lambda: stage.site.charges("half"))
    assert stage.site.charges("half")[0]["outcome"] == "aborted"


@pytest.mark.parametrize("raw", [BODY, STREAM], ids=["whole", "stream"])
def test_a_kept_connection_does_not_keep_a_gateway_that_ends(stage: Stage, raw: bytes) -> None:
    """The last answer says that its connection closes, and the process does not wait for the client to hang up."""
    gateway = stage.site.start()
    with wire(gateway.port, request(stage.key)) as kept:
        assert "connection" not in kept.reply().headers
        kept.send(request(stage.key, raw, "x-fake-delay: 0.7"))
        stage.fake.wait(open=1)
        gateway.terminate()
        reply = kept.reply()
        assert (reply.status, reply.headers.get("connection")) == (200, "close")
        assert kept.closed() == b""
        assert gateway.process.wait(25) == 0, "it waits 30 seconds for what is not over"
