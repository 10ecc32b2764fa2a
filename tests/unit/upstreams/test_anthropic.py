"""What reaches Anthropic."""

from collections.abc import Callable

import pytest

from tidegate.core.ports import Outgoing, Upstream
from tidegate.model.errors import ConfigError, NotSent
from tidegate.upstreams.anthropic import Anthropic
from unit.upstreams.conftest import Run
from unit.upstreams.scripted import OK, QUICK, Peer, Sent, outgoing, serving, whole


def test_the_request_on_the_wire(run: Run) -> None:
    async def test() -> None:
        body = b'{"model": "m",  "odd" : "\xc3\xa9"}'

        async def script(peer: Peer) -> None:
            head, got = await peer.request()
            assert head == (
                b"POST /base/v1/messages?beta=true HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nx-api-key: sk-1\r\n"
                b"anthropic-version: 2023-06-01\r\ncontent-length: %d\r\n\r\n" % (server.port, len(body))
            )
            assert got == body
            peer.send(OK)
            await peer.gone()

        async with serving(script) as server:
            upstream = Anthropic(key=lambda: "sk-1", url=f"{server.url}/base/")
            headers = [
                (b"anthropic-version", b"2023-06-01"),
                (b"x-api-key", b"tg_app"),
                (b"transfer-encoding", b"chunked"),
                (b"content-length", b"9999"),
            ]
            reply = await upstream.send(Outgoing("POST", "/v1/messages?beta=true", headers, body), QUICK, Sent())
            assert await whole(reply) == b"ok"
            await upstream.aclose()

    run(test())


def test_the_key_of_the_moment_is_sent(run: Run) -> None:
    async def test() -> None:
        keys: list[Callable[[], str] | None] = [lambda: "sk-1", lambda: "sk-2 ", None]
        seen = []

        async def script(peer: Peer) -> None:
            while True:
                seen.append((await peer.request())[0].split(b"\r\n")[2])
                peer.send(OK)

        async with serving(script) as server:
            for key in keys:
                upstream = Anthropic(key=key, url=server.url)
                await whole(await upstream.send(outgoing(), QUICK, Sent()))
                await upstream.aclose()
            turns = iter(["a", "a", "b"])
            upstream = Anthropic(key=lambda: next(turns), url=server.url)
            for _ in range(3):
                await whole(await upstream.send(outgoing(), QUICK, Sent()))
            await upstream.aclose()
        assert seen == [
            b"x-api-key: sk-1",
            b"x-api-key: sk-2",
            b"content-type: application/json",
            b"x-api-key: a",
            b"x-api-key: a",
            b"x-api-key: b",
        ]

    run(test())


@pytest.mark.parametrize("key", ["", "  ", "sk-\r\nx: y", "sk-\u00e9"])
def test_an_unusable_key_is_not_sent_and_not_told(run: Run, key: str) -> None:
    async def test() -> None:
        upstream = Anthropic(key=lambda: key, url="http://127.0.0.1:1")
        told = Sent()
        with pytest.raises(NotSent, match="the key of upstream") as not_sent:
            await upstream.send(outgoing(), QUICK, told)
        assert told.times == 0
        assert "sk-" not in str(not_sent.value)
        await upstream.aclose()

    run(test())


def test_it_is_an_upstream_with_anthropics_address() -> None:
    upstream: Upstream = Anthropic(key=str)
    assert upstream.name == "anthropic"
    with pytest.raises(ConfigError):
        Anthropic(url="nowhere")
