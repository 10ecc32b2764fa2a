"""Bodies: too large, malformed, too deep, not an object; refused in Anthropic's shape before anything is sent."""

from pathlib import Path

import pytest

from e2e.http.wire import BODY, ask, body, request, wire
from e2e.sdk.stage import Stage

MB = 1024 * 1024
M = b'"model":"claude-haiku-4-5"'
Q = b'"messages":[{"role":"user","content":"Hi"}]'


def number(text: bytes) -> bytes:
    return b'{%b,"max_tokens":%b,%b}' % (M, text, Q)


BAD: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n",
    "half an object": b"{",
    "half of a whole": BODY[: len(BODY) // 2],
    "an object too many": BODY + b" {}",
    "a comma too many": BODY[:-1] + b",}",
    "single quotes": BODY.replace(b'"', b"'"),
    "a comment": BODY[:-1] + b"/* */}",
    "a byte order mark": b"\xef\xbb\xbf" + BODY,
    "UTF-16": BODY.decode().encode("utf-16"),
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "a string": b'"{}"',
    "true": b"true",
    "form data": b"model=claude&max_tokens=1",
    "no UTF-8": BODY.replace(b"tide", b"t\xc3\x28de"),
    "a lonely surrogate": BODY.replace(b"tide", rb"\ud800"),
    "an overlong slash": BODY.replace(b"tide", b"\xc0\xaf"),
    "a raw control character": BODY.replace(b"tide", b"a\nb"),
    "a bad escape": BODY.replace(b"tide", rb"\x41"),
    "max_tokens NaN": number(b"NaN"),
    "max_tokens Infinity": number(b"Infinity"),
    "max_tokens 1e400": number(b"1e400"),
    "max_tokens of 20 digits": number(b"9" * 20),
    "max_tokens of 100,000 digits": number(b"9" * 100_000),
    "max_tokens 2**31 + 1": number(b"2147483649"),
    "max_tokens -1": number(b"-1"),
    "max_tokens 0.5": number(b"0.5"),
    "max_tokens 007": number(b"007"),
    "max_tokens in quotes": number(b'"5"'),
    "max_tokens true": number(b"true"),
    "max_tokens null": number(b"null"),
    "max_tokens a list": number(b"[5]"),
    "no model": b'{"max_tokens":5,%b}' % Q,
    "model null": b'{"model":null,"max_tokens":5,%b}' % Q,
    "model a list": b'{"model":["claude-haiku-4-5"],"max_tokens":5,%b}' % Q,
    "model empty": b'{"model":"","max_tokens":5,%b}' % Q,
    "model of 300 characters": b'{"model":"%b","max_tokens":5,%b}' % (b"m" * 300, Q),
    "stream 1": body(stream=1),
    "stream null": body(stream=None),
    "10,000 lists deep": b'{%b,"max_tokens":5,"messages":%b%b}' % (M, b"[" * 10_000, b"]" * 10_000),
    "10,000 objects deep": b'{%b,"max_tokens":5,%b,"x":%b1%b}' % (M, Q, b'{"a":' * 10_000, b"}" * 10_000),
    "10,000 open lists": b"[" * 10_000,
    "10,000 deep in content": b'{%b,"max_tokens":5,"messages":[{"role":"user","content":%b%b}]}'
    % (M, b"[" * 10_000, b"]" * 10_000),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_body_is_refused(stage: Stage, kind: str) -> None:
    with wire(stage.gateway.port, request(stage.key, BAD[kind])) as connection:
        reply = connection.reply()
        assert connection.send(request(stage.key)).reply().status == 200
    assert (reply.status, reply.error, reply.reason) == (400, "invalid_request_error", "bad_request")
    assert reply.headers["x-should-retry"] == "false"
    assert len(reply.body) < 500
    assert len(stage.seen()) == 1


@pytest.mark.parametrize("kind", ["no messages", "messages a string", "messages empty", "odd content", "900 deep"])
def test_what_has_a_bound_all_the_same_is_the_apis_to_refuse(stage: Stage, kind: str) -> None:
    raw = {
        "no messages": b'{%b,"max_tokens":5}' % M,
        "messages a string": b'{%b,"max_tokens":5,"messages":"Hi"}' % M,
        "messages empty": b'{%b,"max_tokens":5,"messages":[]}' % M,
        "odd content": b'{%b,"max_tokens":5,"messages":[{"role":"user","content":{"a":1}}]}' % M,
        "900 deep": b'{%b,"max_tokens":5,"messages":[{"role":"user","content":%b%b}]}' % (M, b"[" * 900, b"]" * 900),
    }[kind]
    reply = ask(stage.gateway.port, request(stage.key, raw))
    assert (reply.status, reply.reason, len(stage.seen())) == (400, "", 1)
    assert stage.site.charges()[-1]["cost"] == 0


def memory(stage: Stage) -> int:
    """The most that the gateway's process has ever held, bytes."""
    status = Path(f"/proc/{stage.gateway.process.pid}/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@pytest.mark.parametrize("close", [False, True])
def test_40_mb_that_are_declared_are_not_read_at_all(hasty: Stage, *, close: bool) -> None:
    """Refused by the head.  Whoever sends the body all the same can still read why."""
    before = memory(hasty)
    lines = ("connection: close",) if close else ()
    sent = request(hasty.key, b" " * 40 * MB, *lines)
    with wire(hasty.gateway.port, sent) as connection:
        reply = connection.reply()
        assert (reply.status, reply.error, reply.reason) == (413, "request_too_large", "too_large")
        if close:
            assert connection.closed() == b""
        else:
            assert connection.send(request(hasty.key)).reply().status == 200
    assert memory(hasty) - before < 8 * MB
    assert len(hasty.seen()) == (not close)


def test_40_mb_in_chunks_are_cut_off_at_the_limit(hasty: Stage) -> None:
    before = memory(hasty)
    with wire(hasty.gateway.port, request(hasty.key, b"", "transfer-encoding: chunked", length=False)) as connection:
        for _ in range(400):
            connection.send(b"%x\r\n%b\r\n" % (100 * 1024, b" " * 100 * 1024))
        connection.send(b"0\r\n\r\n")
        reply = connection.reply()
        assert (reply.status, reply.error, reply.reason) == (413, "request_too_large", "too_large")
        assert connection.send(request(hasty.key)).reply().status == 200
    assert memory(hasty) - before < 16 * MB
    assert len(hasty.seen()) == 1


@pytest.mark.parametrize("size", [MB, MB + 1])
def test_the_limit_is_the_limit(hasty: Stage, size: int) -> None:
    raw = BODY[:-1] + b" " * (size - len(BODY)) + b"}"
    reply = ask(hasty.gateway.port, request(hasty.key, raw))
    assert reply.status == (200 if size == MB else 413)
    assert "1 MB" in reply.body.decode() or reply.status == 200


def test_32_mb_pass_by_default(stage: Stage) -> None:
    raw = BODY[:-1] + b" " * (32 * MB - len(BODY)) + b"}"
    assert ask(stage.gateway.port, request(stage.key, raw)).status == 200
    assert stage.seen()[0].request_bytes == 32 * MB


FLOODS: dict[str, tuple[bytes, bytes]] = {
    "header lines": (b"POST /v1/messages HTTP/1.1\r\nhost: x\r\n", b"x-a: " + b"a" * 1000 + b"\r\n"),
    "one header": (b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-a: ", b"a" * 1000),
    "one name": (b"POST /v1/messages HTTP/1.1\r\nhost: x\r\n", b"a" * 1000),
    "the path": (b"POST /", b"a" * 1000),
    "empty lines": (b"", b"\r\n" * 500),
    "trailers": (b"CHUNKED5\r\nhello\r\n0\r\n", b"x-a: " + b"a" * 1000 + b"\r\n"),
    "one trailer": (b"CHUNKED5\r\nhello\r\n0\r\nx-a: ", b"a" * 1000),
    "a chunk extension": (b"CHUNKED5;", b"a" * 1000),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_of_what_is_no_body_ends_early(hasty: Stage, kind: str) -> None:
    """30 MB would take the gateway's memory, or its time, before anybody has shown a key."""
    before = memory(hasty)
    start, more = FLOODS[kind]
    chunked = request(hasty.key, b"", "transfer-encoding: chunked", length=False)
    with wire(hasty.gateway.port, start.replace(b"CHUNKED", chunked)) as connection:
        try:
            for _ in range(300):
                connection.send(more * 100)
        except ConnectionError:
            pass
        reply = connection.reply()
    assert (reply.status, reply.error, reply.reason) == (413, "request_too_large", "too_large")
    assert memory(hasty) - before < 4 * MB
    hasty.nothing_reached_the_fake()


def test_a_pipeline_is_not_read_ahead_without_end(hasty: Stage) -> None:
    """Behind a call that takes its time the sender has to wait, and not the gateway's memory to grow."""
    before = memory(hasty)
    first = request(hasty.key, BODY, "x-fake-delay: 2")
    with wire(hasty.gateway.port, first) as connection:
        connection.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            connection.send(*[request(hasty.key) * 400] * 2_000)
        assert memory(hasty) - before < 4 * MB
    hasty.fake.wait(open=0)


@pytest.mark.parametrize(("size", "status"), [(60_000, 200), (66_000, 413)])
def test_a_head_has_64_kb(stage: Stage, size: int, status: int) -> None:
    for pieces in (1, 1000):
        sent = request(stage.key, BODY, *(f"x-{at}: {'a' * (size // 60)}" for at in range(60)))
        with wire(stage.gateway.port) as connection:
            step = -(-len(sent) // pieces)
            connection.send(*(sent[at : at + step] for at in range(0, len(sent), step)))
            assert connection.reply().status == status
