"""Through an HTTP proxy: absolute form for http, a tunnel for https."""

import asyncio
import base64

import pytest

from tidegate.model.errors import ConfigError, NotSent
from tidegate.policy.rules import Timeouts
from tidegate.upstreams.proxy import Proxy, read_proxy
from unit.upstreams.conftest import Certificates, Run
from unit.upstreams.scripted import OK, QUICK, Peer, Script, Sent, ask, asking, outgoing, serve, serving, until, whole

BASIC = b"proxy-authorization: Basic " + base64.b64encode(b"me:p@ss")


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://proxy:3128", Proxy("proxy", 3128, "")),
        ("http://proxy:3128/", Proxy("proxy", 3128, "")),
        ("proxy:3128", Proxy("proxy", 3128, "")),
        ("http://proxy", Proxy("proxy", 80, "")),
        ("http://me:p%40ss@proxy:1", Proxy("proxy", 1, BASIC[21:].decode())),
        ("http://me@[::1]:1", Proxy("::1", 1, f"Basic {base64.b64encode(b'me:').decode()}")),
    ],
)
def test_a_proxy_is_read(url: str, proxy: Proxy) -> None:
    assert read_proxy(url) == proxy


@pytest.mark.parametrize("url", ["socks5://me:secret@h:1", "https://me:secret@h:1", "http://me:secret@h/x", "http://"])
def test_an_unfit_proxy_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as told:
        read_proxy(url)
    assert "secret" not in str(told.value)


def test_http_goes_in_absolute_form(run: Run) -> None:
    async def test() -> None:
        heads = []

        async def script(peer: Peer) -> None:
            while True:
                heads.append((await peer.request())[0])
                peer.send(OK)

        async with serving(script) as proxy:
            way = f"http://me:p%40ss@127.0.0.1:{proxy.port}"
            async with asking("http://upstream.invalid:81/base", proxy=way) as upstream:
                for _ in range(2):
                    assert await whole(await ask(upstream)) == b"ok"
        assert proxy.accepted == 1
        first, second = heads
        assert first == second
        assert first.startswith(
            b"POST http://upstream.invalid:81/base/v1/messages HTTP/1.1\r\nhost: upstream.invalid:81\r\n"
        )
        assert BASIC in first

    run(test())


def tunnelling(port: int, heads: list[bytes]) -> Script:
    """A proxy that opens tunnels to a port of this host."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.transport.abort()

    async def script(peer: Peer) -> None:
        heads.append(await peer.head())
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            peer.send(b"HTTP/1.1 200 Connection established\r\nx: y\r\n\r\n")
            await asyncio.gather(pump(peer.reader, writer), pump(reader, peer.writer))
        finally:
            writer.transport.abort()

    return script


def test_https_goes_through_a_tunnel(run: Run, certificates: Certificates) -> None:
    async def test() -> None:
        heads: list[bytes] = []
        async with (
            serving(serve(OK), tls=certificates.server()) as server,
            serving(tunnelling(server.port, heads)) as proxy,
        ):
            url = f"https://localhost:{server.port}"
            way = f"http://me:p%40ss@127.0.0.1:{proxy.port}"
            async with asking(url, proxy=way, ca_file=certificates.ca) as upstream:
                for _ in range(3):
                    assert await whole(await ask(upstream)) == b"ok"
                assert (proxy.accepted, server.accepted, upstream.pool.open) == (1, 1, 1)
        (head,) = heads
        assert head.startswith(
            f"CONNECT localhost:{server.port} HTTP/1.1\r\nhost: localhost:{server.port}\r\n".encode()
        )
        assert BASIC in head

    run(test())


def test_the_certificate_is_verified_through_the_tunnel(run: Run, certificates: Certificates) -> None:
    async def test() -> None:
        async with (
            serving(serve(OK), tls=certificates.server()) as server,
            serving(tunnelling(server.port, [])) as proxy,
        ):
            url = f"https://localhost:{server.port}"
            async with asking(url, proxy=f"http://127.0.0.1:{proxy.port}") as upstream:
                told = Sent()
                with pytest.raises(NotSent):
                    await upstream.send(outgoing(), QUICK, told)
                assert (told.times, upstream.pool.open) == (0, 0)

    run(test())


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n", "answered 407"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "answered 502"),
        (b"nonsense\r\n\r\n", "no usable answer"),
        (b"HTTP/1.1 200 OK\r\n\r\nbytes before TLS", "answered 200"),
        (b"x" * 20_000, "no usable answer"),
        (b"", "no usable answer"),
    ],
)
def test_a_refused_tunnel_is_not_sent(run: Run, answer: bytes, says: str) -> None:
    async def test() -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            peer.send(answer)
            if not answer:
                peer.close()
            await peer.gone()

        async with (
            serving(script) as proxy,
            asking("https://upstream.invalid", proxy=f"127.0.0.1:{proxy.port}") as upstream,
        ):
            told = Sent()
            with pytest.raises(NotSent, match=says):
                await upstream.send(outgoing(), QUICK, told)
            assert (told.times, upstream.pool.open) == (0, 0)

    run(test())


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n\r\n"])
@pytest.mark.parametrize("cancelled", [False, True])
def test_a_tunnel_that_does_not_come_leaves_nothing_open(run: Run, answer: bytes, cancelled: bool) -> None:
    async def test() -> None:
        asked, noticed = asyncio.Event(), asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.head()
            peer.send(answer)
            asked.set()
            await peer.gone()
            noticed.set()

        async with (
            serving(script) as proxy,
            asking("https://upstream.invalid", proxy=f"127.0.0.1:{proxy.port}") as upstream,
        ):
            timeouts = QUICK if cancelled else Timeouts(connect=0.1)
            task = asyncio.create_task(ask(upstream, timeouts))
            await asked.wait()
            await until(lambda: upstream.pool.opening == (not task.done()))
            if cancelled:
                task.cancel()
            with pytest.raises(asyncio.CancelledError if cancelled else NotSent):
                await task
            assert upstream.pool.open == 0
            await noticed.wait()

    run(test())
