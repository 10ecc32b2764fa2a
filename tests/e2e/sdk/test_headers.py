"""Headers: which reach the upstream, which come back, and that no credential crosses the gateway either way."""

from typing import Any

import pytest

from e2e.gateways import UPSTREAM_KEY
from e2e.http.wire import BODY, STREAM, Reply, ask, body, request
from e2e.sdk.stage import Stage

ALWAYS = {
    "x-api-key": UPSTREAM_KEY,
    "anthropic-version": "2023-06-01",
    "content-type": "application/json",
    "content-length": str(len(BODY)),
}

PASSED = {
    "accept": "application/json",
    "anthropic-beta": "tide-2026-11-22,other-1999-01-01",
    "anthropic-dangerous-direct-browser-access": "true",
    "user-agent": "tides/1.0 (über)",
    "x-app": "cli",
    "x-claude-code-session-id": "0b6f",
    "x-client-request-id": "5f1d0f0e-8c64-4a39-9a52-2f0f5d7c9a10",
    "x-stainless-retry-count": "0",
    "x-stainless-helper-method": "stream",
    "x-unheard-of": 'a, b; c="d"',
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "idempotency-key": "k-1",
    "origin": "https://example.com",
    "via": "1.1 proxy",
}  # fmt: skip

STRIPPED = {
    "api-key": "azure",
    "cookie": "session=secret",
    "forwarded": "for=192.0.2.1",
    "x-forwarded-for": "192.0.2.1",
    "x-forwarded-host": "gateway",
    "x-forwarded-proto": "https",
    "x-forwarded-anything": "1",
    "proxy-authorization": "Basic c2VjcmV0",
    "proxy-connection": "keep-alive",
    "proxy-anything": "1",
    "x-tidegate-user": "ann",
    "x-tidegate-route": "chat",
    "x-tidegate-anything": "1",
    "keep-alive": "timeout=5",
    "te": "trailers",
    "trailer": "x-checksum",
    "upgrade": "h2c",
    "connection": "keep-alive, x-hop, X-Other-Hop",
    "x-hop": "1",
    "x-other-hop": "2",
    "anthropic-workspace-id": "wrkspc_other",
    "anthropic-user-profile-id": "prof_other",
}


def sent(stage: Stage, lines: dict[str, str], key: str | None = None) -> Reply:
    """A call with these headers."""
    return ask(stage.gateway.port, request(key or stage.key, BODY, *(f"{name}: {lines[name]}" for name in lines)))


def arrived(stage: Stage) -> dict[str, str]:
    """The headers as the fake got them."""
    (row,) = stage.seen()
    assert row.kept_headers is not None
    assert row.kept_headers["host"] == f"127.0.0.1:{stage.fake.port}"
    return {name: value for name, value in row.kept_headers.items() if name != "host"}


def test_exactly_these_headers_reach_the_upstream(stage: Stage) -> None:
    assert sent(stage, {**PASSED, **STRIPPED}).status == 200
    assert arrived(stage) == {**ALWAYS, **PASSED}
    assert stage.seen()[0].forbidden == ()


@pytest.mark.parametrize("name", sorted(STRIPPED.keys() - {"x-hop", "x-other-hop", "upgrade"}))
def test_each_of_them_is_stripped(stage: Stage, name: str) -> None:
    assert sent(stage, {name.upper(): STRIPPED[name]}).status == 200
    assert arrived(stage) == ALWAYS


@pytest.mark.parametrize(
    ("header", "scope"), [("anthropic-workspace-id", "workspace"), ("anthropic-user-profile-id", "user_profile")]
)
def test_headers_that_need_a_scope_pass_with_it(stage: Stage, header: str, scope: str) -> None:
    key = stage.site.new_key(scopes=("messages", scope))
    assert sent(stage, {header: "theirs"}, key).status == 200
    assert arrived(stage) == {**ALWAYS, header: "theirs"}


def test_a_header_that_comes_twice_arrives_twice(stage: Stage) -> None:
    lines = ("anthropic-beta: a-1", "x-more: 1", "Anthropic-Beta: b-2")
    assert ask(stage.gateway.port, request(stage.key, BODY, *lines)).status == 200
    assert stage.header("anthropic-beta") == "a-1, b-2"  # as the fake joins them


def test_connection_cannot_strip_what_the_call_needs(stage: Stage) -> None:
    """Whoever names `content-type` or `anthropic-version` in Connection has asked for that."""
    reply = sent(stage, {"connection": "anthropic-version, x-api-key, content-length, host"})
    assert (reply.status, reply.reason) == (400, "")
    assert "anthropic-version" not in arrived(stage)
    assert arrived(stage)["x-api-key"] == UPSTREAM_KEY


@pytest.mark.parametrize(
    ("asked", "passed"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate", "gzip, deflate"),
        ("gzip, deflate, br, zstd", "gzip, deflate"),
        ("br", "identity"),
        ("zstd;q=1, gzip;q=0.5", "gzip;q=0.5"),
        ("*", "identity"),
        ("", "identity"),
        ("identity", "identity"),
        ("x-gzip-evil", "identity"),
    ],
)
def test_only_encodings_that_can_be_metered_are_asked_for(stage: Stage, asked: str, passed: str) -> None:
    assert sent(stage, {"accept-encoding": asked}).status == 200
    assert arrived(stage)["accept-encoding"] == passed


@pytest.mark.parametrize("how", ["x-api-key", "bearer", "both"])
def test_the_app_key_stays_here(stage: Stage, how: str) -> None:
    lines = [f"authorization: BEARER  {stage.key} "] if how != "x-api-key" else []
    key = None if how == "bearer" else stage.key
    assert ask(stage.gateway.port, request(key, BODY, *lines)).status == 200
    assert arrived(stage) == ALWAYS
    assert stage.seen()[0].credential_header == "x-api-key"


@pytest.mark.parametrize("raw", [BODY, STREAM])
@pytest.mark.parametrize("fault", ["", "status=400", "status=401", "status=529"])
def test_no_credential_comes_back(stage: Stage, raw: bytes, fault: str) -> None:
    reply = ask(stage.gateway.port, request(stage.key, raw, f"x-fake-fault: {fault}"))
    told = repr(reply.pairs) + reply.body.decode()
    assert UPSTREAM_KEY not in told
    assert stage.key not in told


def test_no_credential_is_written_down(stage: Stage) -> None:
    other = stage.site.new_key()
    for key in (stage.key, other, f"{other[:-1]}x", "tg_nonsense"):
        ask(stage.gateway.port, request(key, BODY, "cookie: canary-cookie"))
    written = stage.site.bytes_on_disk()
    for secret in (UPSTREAM_KEY, stage.key, other, other.rpartition("_")[2], "tg_nonsense", "canary-cookie"):
        assert secret.encode() not in written


def test_headers_that_come_back(stage: Stage) -> None:
    more = {"x-own": "1", "x-hop": "2", "set-cookie": "a=b", "connection": "x-hop", "trailer": "x", "server": "fake"}
    stage.fake.script(headers=more)
    reply = sent(stage, {})
    assert {"x-own", "set-cookie", "server", "request-id", "date"} <= reply.headers.keys()
    assert not {"x-hop", "trailer", "connection", "keep-alive", "transfer-encoding"} & reply.headers.keys()
    assert reply.headers["request-id"] == stage.seen()[0].request_id
    assert reply.headers["anthropic-organization-id"]


def test_the_free_paths_strip_the_same(stage: Stage) -> None:
    lines = [f"{name}: {value}" for name, value in {**PASSED, **STRIPPED}.items()]
    ask(stage.gateway.port, request(stage.key, body(), *lines, path="/v1/messages/count_tokens"))
    assert arrived(stage).keys() == {**ALWAYS, **PASSED}.keys()


def test_the_query_passes_as_it_is(stage: Stage) -> None:
    query: Any = "beta=true&x=%2F%00+a&&=;y"
    assert ask(stage.gateway.port, request(stage.key, path=f"/v1/messages?{query}")).status == 200
    (row,) = stage.seen()
    assert (row.path, row.query) == ("/v1/messages", query)
