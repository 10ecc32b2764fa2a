"""Requests that two servers could read in two ways, or that are no HTTP at all: refused in their turn."""

from contextlib import suppress

import pytest

from e2e.http.wire import BODY, ask, body, chunked, request, wire
from e2e.sdk.stage import Stage

CHUNKED = "transfer-encoding: chunked"
N = len(BODY)
SECOND = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello"


def head(*lines: str | bytes, raw: bytes = BODY, length: bool = False) -> bytes:
    """A request with these lines and a body behind it; the key is put in for KEY."""
    return request("KEY", raw, *lines, length=length)


MALFORMED: dict[str, bytes] = {
    "two lengths": head(f"content-length: {N}", f"content-length: {N + 1}"),
    "the same length twice": head(f"content-length: {N}", f"content-length: {N}"),
    "a list of lengths": head(f"content-length: {N}, {N}"),
    "length and chunks": head(f"content-length: {N}", CHUNKED, raw=chunked(BODY)),
    "chunks and length": head(CHUNKED, f"content-length: {N}", raw=chunked(BODY)),
    "CL.TE": head("content-length: 4", CHUNKED, raw=b"0\r\n\r\n" + SECOND),
    "TE.CL": head(CHUNKED, "content-length: 4", raw=b"5c\r\n" + SECOND + b"\r\n0\r\n\r\n"),
    "TE.TE": head(CHUNKED, "transfer-encoding: identity", raw=chunked(BODY)),
    "identity, chunked": head("transfer-encoding: identity, chunked", raw=chunked(BODY)),
    "gzip, chunked": head("transfer-encoding: gzip, chunked", raw=chunked(BODY)),
    "chunked, chunked": head("transfer-encoding: chunked, chunked", raw=chunked(BODY)),
    "chunked, gzip": head("transfer-encoding: chunked, gzip", raw=chunked(BODY)),
    "xchunked": head("transfer-encoding: xchunked", raw=chunked(BODY)),
    '"chunked"': head('transfer-encoding: "chunked"', raw=chunked(BODY)),
    "chunked with a vertical tab": head(b"transfer-encoding: \x0bchunked", raw=chunked(BODY)),
    "no transfer encoding at all": head("transfer-encoding:", raw=chunked(BODY)),
    "a space before the colon": head("transfer-encoding : chunked", raw=chunked(BODY)),
    "a tab before the colon": head("content-length\t: 5"),
    "a signed length": head(f"content-length: +{N}"),
    "a negative length": head("content-length: -1"),
    "a length in hex": head(f"content-length: {N:#x}"),
    "an endless length": head(f"content-length: {'9' * 40}"),
    "an empty length": head("content-length:"),
    "a length with a space": head("content-length: 1 3"),
    "a negative chunk": head(CHUNKED, raw=b"-1\r\n\r\n"),
    "an endless chunk": head(CHUNKED, raw=b"fffffffffffffffff\r\n\r\n"),
    "a chunk in 0x": head(CHUNKED, raw=b"0x5\r\nhello\r\n0\r\n\r\n"),
    "a chunk that is longer than it says": head(CHUNKED, raw=b"3\r\nhello\r\n0\r\n\r\n"),
    "chunks between bare line feeds": head(CHUNKED, raw=b"5\nhello\n0\n\n"),
    "a chunk extension with a line feed": head(CHUNKED, raw=b"5;a\nhello\r\n0\r\n\r\n"),
    "a folded header": head("x-a: b\r\n c: d", length=True),
    "a folded first header": b"POST /v1/messages HTTP/1.1\r\n x-a: b\r\nhost: x\r\n\r\n",
    "bare line feeds": head(length=True).replace(b"\r\n", b"\n"),
    "a bare carriage return": head("x-a: b\rx-api-key: c", length=True),
    "a NUL in a value": head(b"x-a: b\0c", length=True),
    "a NUL in a name": head(b"x-a\0: b", length=True),
    "a space in a name": head("x a: b", length=True),
    "no name": head(": b", length=True),
    "no colon": head("x-a", length=True),
    "a DEL in a value": head(b"x-a: \x7f", length=True),
    "no host": request("KEY", host=False),
    "two hosts": head("Host: other", length=True),
    "HTTP/2.0": request("KEY", version="HTTP/2.0"),
    "HTTP/0.9": request("KEY", version="HTTP/0.9"),
    "HTTP/1.2": request("KEY", version="HTTP/1.2"),
    "HTTP/1.10": request("KEY", version="HTTP/1.10"),
    "http/1.1": request("KEY", version="http/1.1"),
    "an unknown protocol": request("KEY", version="ICE/1.0"),
    "an unknown method": request("KEY", method="BREW"),
    "a method in lower case": request("KEY", method="post"),
    "CONNECT": request("KEY", method="CONNECT", path="example.com:443"),
    "a path without a slash": request("KEY", path="v1/messages"),
    "a fragment": request("KEY", path="/v1/messages#x"),
    "a space in the path": request("KEY", path="/v1/messages /x"),
    "raw bytes in the path": request("KEY", path="/v1/mess\xe4ges"),
    "a control character in the path": request("KEY", path="/v1/messages\x01"),
    "an address without a path": request("KEY", path="http://example.com"),
    "an address that is none": request("KEY", path="http://[::1/v1/messages"),
    "a port that is none": request("KEY", path="http://example.com:99999/v1/messages"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40),
    "garbage": b"tide\r\n\r\n",
    "a reply": b"HTTP/1.1 200 OK\r\n\r\n",
}


def with_key(stage: Stage, sent: bytes) -> bytes:
    return sent.replace(b"KEY", stage.key.encode())


@pytest.mark.parametrize("kind", MALFORMED)
def test_it_is_refused_and_the_connection_with_it(stage: Stage, kind: str) -> None:
    with wire(stage.gateway.port, with_key(stage, MALFORMED[kind])) as connection:
        reply = connection.reply()
        assert connection.closed() == b""
    assert (reply.status, reply.error, reply.reason) == (400, "invalid_request_error", "bad_request")
    assert reply.headers["connection"] == "close"
    assert reply.headers["request-id"] == reply.json["request_id"]
    stage.nothing_reached_the_fake()


@pytest.mark.parametrize("kind", MALFORMED)
def test_what_was_asked_before_it_is_answered_first(stage: Stage, kind: str) -> None:
    """The answer of one caller must never be lost, or mistaken for another's, because of what comes behind it."""
    first = request(stage.key, BODY, "x-fake-delay: 0.05", "x-tidegate-user: before")
    with wire(stage.gateway.port, first + with_key(stage, MALFORMED[kind])) as connection:
        assert connection.reply().json["type"] == "message"
        assert connection.reply().status == 400
        assert connection.closed() == b""
    assert len(stage.seen()) == 1
    assert stage.site.charges("before")[-1]["outcome"] == "ok"


def test_the_smuggled_request_is_never_run(stage: Stage) -> None:
    inner = request(stage.key, body(max_tokens=7))
    for lines in (("content-length: 6", CHUNKED), (CHUNKED, "content-length: 6")):
        with wire(stage.gateway.port, request(stage.key, b"0\r\n\r\nX" + inner, *lines, length=False)) as connection:
            assert connection.reply().status == 400
            assert connection.closed() == b""
    stage.nothing_reached_the_fake()


def test_a_body_broken_in_the_middle_of_the_work(stage: Stage) -> None:
    """The head was fine, the key good, and the body stops being one."""
    sent = request(stage.key, b"a\r\n%b\r\n" % BODY[:10], CHUNKED, length=False)
    with wire(stage.gateway.port, sent) as connection:
        connection.send(b"zz\r\n")
        reply = connection.reply()
        assert connection.closed() == b""
    assert (reply.status, reply.reason) == (400, "bad_request")
    stage.nothing_reached_the_fake()


def test_a_broken_body_of_a_client_that_waits_to_send_it(stage: Stage) -> None:
    """The refusal is the last word: no `100 Continue` may follow it."""
    sent = request(stage.key, b"zz\r\n", CHUNKED, "expect: 100-continue", length=False)
    with wire(stage.gateway.port, sent) as connection:
        reply = connection.reply()
        assert connection.closed() == b""
    assert (reply.status, reply.reason) == (400, "bad_request")
    stage.nothing_reached_the_fake()
    assert ask(stage.gateway.port, request(stage.key, BODY, "x-tidegate-user: afterwards")).status == 200
    assert stage.site.line("afterwards")["event"] == "claude_call_success"
    assert [line for line in stage.site.log() if line["event"] == "request_failed"] == []


def test_a_refused_request_is_not_refused_twice(stage: Stage, address: str) -> None:
    """A bad key is told at once; what then comes instead of the body gets no reply of its own."""
    sent = request("tg_nonsense", b"", CHUNKED, length=False)
    with wire(stage.gateway.port, sent, source=address) as connection:
        assert connection.reply().status == 401
        assert connection.send(b"zz\r\n").closed() == b""


def test_what_is_malformed_behind_a_last_request_breaks_nothing(stage: Stage) -> None:
    """The second request was dropped with its place in the line when the first, an HTTP/1.0 one, had its reply."""
    with wire(stage.gateway.port, b"GET /nope HTTP/1.0\r\nconnection: keep-alive\r\n\r\n") as connection:
        connection.send(request("KEY", b"5\r\nab", CHUNKED, length=False))
        assert connection.reply().status == 401
        with suppress(ConnectionError):  # it may be closed already
            connection.send(b"cdezz\r\nQQ").closed()
    assert ask(stage.gateway.port, request(stage.key, BODY, "x-tidegate-user: unbroken")).status == 200
    assert "Traceback" not in stage.gateway.errors


def test_what_is_malformed_behind_an_upgrade_breaks_nothing(stage: Stage) -> None:
    """The parser gives the body back for another protocol; what is wrong with it is the client's fault as ever."""
    asked = ("connection: Upgrade", "upgrade: h2c")
    for wrong in (b"GET /v1/models HTTP/1.1\r\n\r\n", b"zz\r\n"):  # the one has no host
        with wire(stage.gateway.port, request(stage.key, BODY, *asked) + wrong) as connection:
            assert [connection.reply().status for _ in range(2)] == [200, 400]
    assert ask(stage.gateway.port, request(stage.key, BODY, "x-tidegate-user: no-upgrade")).status == 200
    assert "callback" not in stage.gateway.errors
    assert "Traceback" not in stage.gateway.errors


def test_a_stream_survives_garbage_behind_it(stage: Stage) -> None:
    stream = request(stage.key, body(stream=True), "x-fake-gap: 0.02", "x-tidegate-user: streams")
    with wire(stage.gateway.port, stream) as connection:
        stage.fake.wait(open=1)
        connection.send(b"\0\0\0\r\n\r\n")
        assert connection.reply().body.endswith(b'data: {"type":"message_stop"}\n\n')
        assert connection.reply().status == 400
    assert stage.site.charges("streams")[-1]["outcome"] == "ok"


def test_header_values_cannot_make_headers(stage: Stage) -> None:
    lines = ("x-tidegate-user: a%0d%0ax-evil: 1", "x-more: a\\r\\nx-evil: 1", b"x-latin: \xe4\xff")
    assert ask(stage.gateway.port, request(stage.key, BODY, *lines)).status == 200
    assert stage.header("x-evil") is None
    assert stage.header("x-latin") == "\xe4\xff"
