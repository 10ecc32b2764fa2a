"""Bytes: requests reach the upstream as they were sent, replies reach the client as they came, but for `max_tokens`."""

import gzip
import hashlib
import json
import re
import zlib
from typing import Any

import pytest

from e2e.http.wire import ASK, Reply, ask, body, request
from e2e.sdk.stage import Stage

Q = b'"messages":[{"role":"user","content":"Hi"}]'
M = b'"model":"claude-haiku-4-5"'

N = b'"max_tokens":50'
ESCAPED = rb'"messages":[{"role":"\u0075ser","content":"\ud83c\udf0a\/\b"}]'
ESCAPED_NAMES = (
    rb'"\u006dodel":"claude-haiku-4-5","max\u005ftokens":50,"m\u0065ssages":[{"r\u006fle":"user","content":"x"}]'
)

BODIES: dict[str, bytes] = {
    "compact": b"{%b,%b,%b}" % (M, N, Q),
    "python's spaces": json.dumps(ASK).encode(),
    "indented": json.dumps(ASK, indent="\t").encode(),
    "odd whitespace": b' \r\n{\t"model" :\n"claude-haiku-4-5" , "max_tokens":\r50\n,' + Q + b" }\n\n ",
    "raw unicode": b"{%b,%b,%b}" % (M, N, Q.replace(b"Hi", "🌊 Ä \u2028 \u007f".encode())),
    "escapes": b"{%b,%b,%b}" % (M, N, ESCAPED),
    "escaped names": b"{%b}" % ESCAPED_NAMES,
    "numbers of all kinds": b'{%b,%b,%b,"x":[1e3,1E+3,-0,0.10,1.0e-7,123456789012345678901234567890]}' % (M, N, Q),
    "keys twice, far inside": b'{%b,%b,%b,"x":{"a":1,"a":2,"max_tokens":{"b":1,"b":1}}}' % (M, N, Q),
    "unknown fields": b'{"zz":null,%b,"tidal":{"mode":[]},%b,%b,"":0}' % (M, N, Q),
    "max_tokens last": b"{%b,%b,%b}" % (Q, M, N),
    "max_tokens inside others": b'{"x":{"max_tokens":9},%b,%b,%b,"y":"\\"max_tokens\\":7"}' % (M, N, Q),
    "a long text": b"{%b,%b,%b}" % (M, N, Q.replace(b"Hi", b"tide " * 50_000)),
}


def digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def sent(stage: Stage, raw: bytes, *lines: str, **how: Any) -> Reply:
    """The reply to these bytes through the gateway."""
    return ask(stage.gateway.port, request(stage.key, raw, *lines, **how))


def upstream_saw(stage: Stage, expected: bytes) -> None:
    """The fake got these bytes, once."""
    (row,) = stage.seen()
    assert (row.request_bytes, row.request_sha256) == (len(expected), digest(expected))


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize("kind", BODIES)
def test_a_body_is_forwarded_byte_for_byte(stage: Stage, kind: str, path: str) -> None:
    reply = sent(stage, BODIES[kind], path=path)
    assert reply.status == 200, reply.body
    upstream_saw(stage, BODIES[kind])


@pytest.mark.parametrize("kind", [kind for kind in BODIES if kind != "escaped names"])
def test_a_clamped_max_tokens_changes_its_digits_only(stage: Stage, kind: str) -> None:
    raw = re.sub(rb'("max_tokens":\s*)50', rb"\g<1>4000", BODIES[kind])
    expected = raw.replace(b"4000", b"64")
    assert sent(stage, raw, "x-tidegate-route: small").status == 200
    assert raw.count(b"4000") == 1
    upstream_saw(stage, expected)


@pytest.mark.parametrize("number", [b"4000", b"4e3", b"4.0e+3", b"65", b"2147483648"])
@pytest.mark.parametrize("name", [b"max_tokens", rb"max\u005ftokens", rb"\u006d\u0061x_tokens"])
def test_every_spelling_of_the_name_and_the_number_is_found(stage: Stage, name: bytes, number: bytes) -> None:
    raw = b'{%b,"x":{"max_tokens":1},"%b" :  %b ,%b}' % (M, name, number, Q)
    assert sent(stage, raw, "x-tidegate-route: small").status == 200
    upstream_saw(stage, b'{%b,"x":{"max_tokens":1},"%b" :  64 ,%b}' % (M, name, Q))
    assert stage.seen()[0].max_tokens == 64


@pytest.mark.parametrize("number", [b"64", b"0", b"1", b"6.4e1"])
def test_a_max_tokens_within_the_cap_stays(stage: Stage, number: bytes) -> None:
    raw = b'{%b,"max_tokens":%b,%b}' % (M, number, Q)
    sent(stage, raw, "x-tidegate-route: small")
    upstream_saw(stage, raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"{%b,%b}" % (M, Q), b'{"max_tokens":64,%b,%b}' % (M, Q)),
        (b" {  %b,%b}\n" % (M, Q), b' {"max_tokens":64,  %b,%b}\n' % (M, Q)),
        (
            b'{"x":{"max_tokens":7},%b,%b}' % (M, Q),
            b'{"max_tokens":64,"x":{"max_tokens":7},%b,%b}' % (M, Q),
        ),
    ],
)
def test_an_absent_max_tokens_is_inserted_once(stage: Stage, raw: bytes, expected: bytes) -> None:
    assert sent(stage, raw, "x-tidegate-route: small").status == 200
    upstream_saw(stage, expected)
    assert stage.site.charges()[-1]["max_tokens"] == 64


def test_without_a_cap_an_absent_max_tokens_is_the_apis_to_refuse(stage: Stage) -> None:
    raw = b"{%b,%b}" % (M, Q)
    reply = sent(stage, raw)
    assert (reply.status, reply.reason) == (400, "")
    assert reply.json["error"]["message"] == "max_tokens: Field required"
    upstream_saw(stage, raw)


def test_a_clamp_stays_above_the_thinking_budget(stage: Stage) -> None:
    raw = body(max_tokens=4000, thinking={"type": "enabled", "budget_tokens": 1024})
    assert sent(stage, raw, "x-tidegate-route: small").status == 200
    upstream_saw(stage, raw.replace(b"4000", b"1025"))


@pytest.mark.parametrize(
    "raw",
    [
        b'{%b,"max_tokens":5,"max_tokens":9,%b}' % (M, Q),
        b'{%b,"max_tokens":5,"max\\u005ftokens":9,%b}' % (M, Q),
        b'{%b,"max\\u005ftokens":5,%b,"max_tokens":5}' % (M, Q),
        b'{%b,"Max_Tokens":9,"max_tokens":5,%b}' % (M, Q),
        b'{%b,"max_tokens":5,%b,"model":"claude-opus-5"}' % (M, Q),
        b'{%b,"max_tokens":5,%b,%b}' % (M, Q, Q),
        b'{%b,"max_tokens":5,"stream":false,%b,"stream":true}' % (M, Q),
        b'{%b,"max_tokens":5,"messages":[{"role":"user","content":"a","content":"b"}]}' % M,
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(stage: Stage, raw: bytes) -> None:
    reply = sent(stage, raw)
    assert (reply.status, reply.error, reply.reason) == (400, "invalid_request_error", "bad_request")
    stage.nothing_reached_the_fake()


# -- compressed requests: unpacked once, because the policy must read them, and sent on in clear


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("identity", bytes),
    ],
)
def test_a_compressed_body_goes_on_in_clear(stage: Stage, encoding: str, pack: Any, path: str) -> None:
    raw = BODIES["a long text"]
    reply = sent(stage, pack(raw), f"content-encoding: {encoding}", path=path)
    assert reply.status == 200, reply.body
    upstream_saw(stage, raw)
    assert stage.header("content-length") == str(len(raw))
    assert stage.header("content-encoding") in (None, "identity")


def test_a_compressed_body_is_clamped_too(stage: Stage) -> None:
    raw = BODIES["compact"].replace(b"50", b"4000")
    assert sent(stage, gzip.compress(raw), "content-encoding: gzip", "x-tidegate-route: small").status == 200
    upstream_saw(stage, raw.replace(b"4000", b"64"))


PACKED = gzip.compress(BODIES["compact"], mtime=0)
NOT_PACKED: dict[str, tuple[str, bytes, int]] = {
    "brotli": ("br", PACKED, 400),
    "zstd": ("zstd", PACKED, 400),
    "twice, as it says": ("gzip, gzip", gzip.compress(PACKED), 400),
    "in clear": ("gzip", BODIES["compact"], 400),
    "half of it": ("gzip", PACKED[:-9], 400),
    "and more behind it": ("gzip", PACKED + b"more", 400),
    "twice": ("gzip", gzip.compress(PACKED), 400),
    "a bomb": ("gzip", gzip.compress(b" " * 40_000_000), 413),
    "a bomb of brackets": ("deflate", zlib.compress(b"[" * 33_554_433), 413),
}


@pytest.mark.parametrize("kind", NOT_PACKED)
def test_a_compressed_body_that_is_none_is_refused(stage: Stage, kind: str) -> None:
    encoding, raw, status = NOT_PACKED[kind]
    reply = sent(stage, raw, f"content-encoding: {encoding}")
    assert (reply.status, reply.reason) == (status, "bad_request" if status == 400 else "too_large")
    stage.nothing_reached_the_fake()


# -- replies


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("packed", ["", "gzip=true", "gzip=force"])
@pytest.mark.parametrize("more", ["", "; pings=3; future", "; tokens_per_event=1; output_tokens=50"])
def test_a_reply_is_relayed_byte_for_byte(stage: Stage, packed: str, more: str, *, stream: bool) -> None:
    raw = body(stream=stream)
    lines = (f"x-fake-fault: {packed}{more}", "accept-encoding: gzip, deflate, br")
    here = sent(stage, raw, *lines)
    there = ask(stage.fake.port, request(stage.fake.key, raw, *lines))
    assert here.body == there.body
    assert here.headers.get("content-encoding") == there.headers.get("content-encoding") == (
        "gzip" if packed else None
    )  # fmt: skip
    through = stage.seen()[0]
    assert through.response_sha256 == digest(here.body)
    charge = stage.site.charges()[-1]
    assert (charge["exactness"], charge["cost"], charge["outcome"]) == ("actual", through.cost, "ok")
    assert here.headers.keys() - {"content-length"} == there.headers.keys() - {"content-length"}


@pytest.mark.parametrize("fault", ["content_type=text/plain", "no_usage"])
def test_an_odd_answer_is_relayed_and_charged_whole(stage: Stage, fault: str) -> None:
    lines = (f"x-fake-fault: {fault}",)
    here = sent(stage, BODIES["compact"], *lines)
    there = ask(stage.fake.port, request(stage.fake.key, BODIES["compact"], *lines))
    assert (here.status, here.body) == (there.status, there.body)
    charge = stage.site.charges()[-1]
    assert charge["exactness"] == ("actual" if fault == "content_type=text/plain" else "assumed")
    assert charge["cost"] >= stage.seen()[0].cost


@pytest.mark.parametrize("fault", ["malformed", "empty"])
def test_what_is_no_answer_is_told_and_charged_whole(stage: Stage, fault: str) -> None:
    here = sent(stage, BODIES["compact"], f"x-fake-fault: {fault}")
    assert (here.status, here.error, here.headers["x-should-retry"]) == (502, "api_error", "false")
    charge = stage.site.charges()[-1]
    assert (charge["outcome"], charge["exactness"], charge["cost"]) == ("cut", "assumed", charge["held"])
    assert charge["cost"] >= stage.seen()[0].cost
