"""Slow clients: whoever sends a byte now and then, or nothing, does not keep a connection, and harms nobody."""

import time
from collections.abc import Iterator

import pytest

from e2e.gateways import until
from e2e.http.wire import BODY, STREAM, Wire, body, chunked, request, wire
from e2e.sdk.stage import Stage

CHUNKED = "transfer-encoding: chunked"


def drip(connection: Wire, sent: bytes, pause: float = 0.05) -> Iterator[int]:
    """Byte by byte, until the server has had enough."""
    for number, byte in enumerate(sent):
        if not connection.silent(pause):
            return
        try:
            connection.send(bytes([byte]))
        except ConnectionError:
            return
        yield number


def send_until(connection: Wire, piece: bytes, end: float) -> None:
    """Send it again and again."""
    while time.monotonic() < end:
        connection.send(piece)


@pytest.mark.parametrize("first", [False, True], ids=["its first request", "its second request"])
def test_a_head_that_drips_is_cut_off(hasty: Stage, *, first: bool) -> None:
    sent = request(hasty.key)
    with wire(hasty.gateway.port) as connection:
        if first:
            assert connection.send(sent).reply().status == 200
        dripped = len(list(drip(connection, sent)))
        assert connection.closed() == b""
    assert dripped < len(sent) - 1
    assert len(hasty.seen()) == first


def test_a_connection_that_says_nothing_is_closed(hasty: Stage) -> None:
    with wire(hasty.gateway.port) as connection:
        assert connection.closed() == b""


@pytest.mark.parametrize("framed", [False, True], ids=["declared", "chunked"])
def test_a_body_that_drips_is_refused(hasty: Stage, *, framed: bool) -> None:
    """Each byte comes in time; all of them together do not: a client must send 1 KB a second on the whole."""
    sent = request(hasty.key, chunked(BODY), CHUNKED, length=False) if framed else request(hasty.key)
    head, _, raw = sent.partition(b"\r\n\r\n")
    with wire(hasty.gateway.port, head + b"\r\n\r\n") as connection:
        assert len(list(drip(connection, raw))) < len(raw) - 1
        reply = connection.reply()
        assert (reply.status, reply.error, reply.reason) == (400, "invalid_request_error", "bad_request")
        assert "in time" in reply.json["error"]["message"]
        connection.closed()
    hasty.nothing_reached_the_fake()


def test_a_body_that_stops_is_refused_and_the_connection_closed(hasty: Stage) -> None:
    head = request(hasty.key, BODY).removesuffix(BODY)
    with wire(hasty.gateway.port, head + BODY[:10]) as connection:
        assert connection.reply().reason == "bad_request"
        assert connection.closed() == b""
    hasty.nothing_reached_the_fake()


def test_a_large_body_that_keeps_coming_is_taken(hasty: Stage) -> None:
    """It takes three times `body_timeout`, which counts the silence and not the whole."""
    raw = BODY[:-1] + b" " * 900_000 + b"}"
    head = request(hasty.key, raw).removesuffix(raw)
    with wire(hasty.gateway.port, head) as connection:
        for at in range(0, len(raw), 90_000):
            assert connection.silent(0.12)
            connection.send(raw[at : at + 90_000])
        assert connection.reply().status == 200
    assert hasty.seen()[0].request_bytes == len(raw)


def test_the_rest_of_a_refused_request_may_not_come_for_ever(hasty: Stage, address: str) -> None:
    with wire(hasty.gateway.port, request("tg_nonsense", b"", CHUNKED, length=False), source=address) as connection:
        assert connection.reply().status == 401
        with pytest.raises(ConnectionError):
            send_until(connection, b"1\r\nx\r\n", time.monotonic() + 30)
    hasty.nothing_reached_the_fake()


def test_a_refusal_is_read_although_the_body_is_still_coming(hasty: Stage, address: str) -> None:
    """The client writes all of its body before it reads: closing at once would reset the connection under the reply."""
    for close in ((), ("connection: close",)):
        sent = request("tg_nonsense", b" " * 900_000, *close)
        with wire(hasty.gateway.port, sent, source=address) as connection:
            assert connection.reply().status == 401


def test_half_a_head_behind_a_request_does_not_end_its_answer(hasty: Stage) -> None:
    """The answer takes longer than `header_timeout`; the head behind it never comes."""
    sent = request(hasty.key, body(stream=True), "x-fake-fault: gap=0.1; output_tokens=40; tokens_per_event=4")
    with wire(hasty.gateway.port, sent + b"POST /v1/mess") as connection:
        assert connection.reply().body.endswith(b'data: {"type":"message_stop"}\n\n')
        assert connection.closed() == b""
    assert hasty.site.charges()[-1]["outcome"] == "ok"


def test_an_empty_line_does_not_keep_a_connection(hasty: Stage) -> None:
    """The clock for idle connections goes on: an empty line is no request."""
    with wire(hasty.gateway.port, request(hasty.key)) as connection:
        assert connection.reply().status == 200
        connection.send(b"\r\n")
        assert connection.silent()
        assert connection.send(request(hasty.key)).reply().status == 200


def test_slow_clients_do_not_slow_the_others(hasty: Stage) -> None:
    slow = [Wire(hasty.gateway.port).send(request(hasty.key).partition(b"\r\n\r\n")[0]) for _ in range(200)]
    try:
        with wire(hasty.gateway.port, request(hasty.key)) as connection:
            assert connection.reply().status == 200
    finally:
        for connection in slow:
            connection.socket.close()


def test_a_client_that_reads_slowly_gets_all_of_it(hasty: Stage) -> None:
    """The upstream is made to wait instead of this process's memory."""
    order = "x-fake-fault: output_tokens=max; tokens_per_event=1"
    with wire(hasty.gateway.port, request(hasty.key, body(stream=True, max_tokens=20_000), order)) as connection:
        until(lambda: not connection.silent(0.01))
        assert not connection.silent(0.3)
        reply = connection.reply()
    assert reply.body.endswith(b'data: {"type":"message_stop"}\n\n')
    assert hasty.seen()[0].ending == "ok"


def test_a_stream_outlives_the_time_outs_of_requests(hasty: Stage) -> None:
    with wire(hasty.gateway.port, request(hasty.key, STREAM, "x-fake-fault: first_byte=1.2")) as connection:
        assert connection.reply().status == 200
