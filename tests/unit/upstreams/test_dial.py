"""Sockets and TLS."""

import asyncio
import os
import socket
import ssl
from pathlib import Path

import pytest

from tidegate.model.errors import Broken, ConfigError, NotSent
from tidegate.policy.rules import Timeouts
from tidegate.upstreams.anthropic import Anthropic
from tidegate.upstreams.dial import _alternating
from unit.upstreams.conftest import Certificates, Run
from unit.upstreams.scripted import OK, QUICK, Peer, Sent, ask, asking, outgoing, serve, serving, whole


def test_families_take_turns_and_the_good_one_starts() -> None:
    infos = [(10, "a"), (10, "b"), (10, "c"), (2, "d")]
    assert [info[1] for info in _alternating(infos, None)] == ["a", "d", "b", "c"]
    assert [info[1] for info in _alternating(infos, 2)] == ["d", "a", "b", "c"]
    assert [info[1] for info in _alternating(infos, 99)] == ["a", "d", "b", "c"]


def test_a_dead_address_does_not_hide_a_live_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with serving(serve(OK)) as server, asking(f"http://two.invalid:{server.port}") as upstream:
            loop = asyncio.get_running_loop()
            tcp = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")

            class TwoAddresses:
                """The loop, for which the name has a dead IPv6 address and a live IPv4 one."""

                async def getaddrinfo(self, *_: object, **__: object) -> list[tuple[object, ...]]:
                    dead = (socket.AF_INET6, *tcp, ("::1", server.port, 0, 0))
                    return [dead, (socket.AF_INET, *tcp, ("127.0.0.1", server.port))]

                def __getattr__(self, name: str) -> object:
                    return getattr(loop, name)

            with monkeypatch.context() as patched:
                patched.setattr("tidegate.upstreams.dial.asyncio.get_running_loop", TwoAddresses)
                assert await whole(await ask(upstream)) == b"ok"
            assert upstream.pool._dialer._good_family == socket.AF_INET

    run(test())


def test_socket_options(run: Run) -> None:
    async def test() -> None:
        async with serving(serve(OK)) as server, asking(server.url) as upstream:
            await ask(upstream)
            (connection,) = upstream.pool._alive
            sock = connection._transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 60
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 5

    run(test())


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_tls(run: Run, certificates: Certificates, host: str) -> None:
    async def test() -> None:
        names: list[str | None] = []
        protocols = []
        context = certificates.server()
        context.sni_callback = lambda _sock, name, _context: names.append(name)

        async def script(peer: Peer) -> None:
            protocols.append(peer.writer.get_extra_info("ssl_object").selected_alpn_protocol())
            while True:
                await peer.request()
                peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 1_000_000)

        async with serving(script, tls=context) as server:
            url = f"https://{host}:{server.port}"
            async with asking(url, ca_file=certificates.ca) as upstream:
                for _ in range(3):
                    reply = await ask(upstream, request=outgoing(b"y" * 1_000_000))
                    assert await whole(reply) == b"x" * 1_000_000
                assert (server.accepted, upstream.pool.idle) == (1, 1)
        assert names == ["localhost" if host == "localhost" else None]
        assert protocols == ["http/1.1"]

    run(test())


@pytest.mark.parametrize("trouble", ["unknown CA", "wrong name", "no TLS at all"])
def test_a_failed_handshake_is_not_sent(run: Run, certificates: Certificates, trouble: str) -> None:
    async def test() -> None:
        async def in_clear(peer: Peer) -> None:
            await peer.reader.read(1)
            peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await peer.gone()

        plain = trouble == "no TLS at all"
        script, tls = (in_clear, None) if plain else (serve(OK), certificates.server())
        async with serving(script, tls=tls) as server:
            host = "127.0.0.2" if trouble == "wrong name" else "localhost"
            ca = None if trouble == "unknown CA" else certificates.ca
            async with asking(f"https://{host}:{server.port}", ca_file=ca) as upstream:
                told = Sent()
                with pytest.raises(NotSent, match="cannot be connected"):
                    await upstream.send(outgoing(), QUICK, told)
                assert (told.times, upstream.pool.open) == (0, 0)

    run(test())


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_handshake_that_does_not_end(run: Run, cancelled: bool) -> None:
    async def test() -> None:
        asked, noticed = asyncio.Event(), asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.reader.read(1)
            asked.set()
            await peer.gone()
            noticed.set()

        async with serving(script) as server, asking(f"https://127.0.0.1:{server.port}") as upstream:
            task = asyncio.create_task(ask(upstream, QUICK if cancelled else Timeouts(connect=0.1)))
            await asked.wait()
            if cancelled:
                task.cancel()
            with pytest.raises(asyncio.CancelledError if cancelled else NotSent):
                await task
            assert (upstream.pool.open, upstream.pool.opening) == (0, 0)
            await noticed.wait()

    run(test())


@pytest.mark.parametrize("honest", [True, False])
def test_a_body_cut_under_tls_is_not_taken_for_whole(run: Run, certificates: Certificates, honest: bool) -> None:
    """Only TLS's own goodbye ends a body that has no length; anybody can fake the end of a TCP connection."""

    async def test() -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(b"HTTP/1.1 200 OK\r\n\r\nall of it?")
            if honest:
                peer.close()
            else:
                await seen.wait()
                end_below_tls(peer.writer.get_extra_info("socket"))
            await peer.gone()

        seen = asyncio.Event()
        async with serving(script, tls=certificates.server()) as server:
            url = f"https://localhost:{server.port}"
            async with asking(url, ca_file=certificates.ca) as upstream:
                reply = await ask(upstream)
                assert await reply.read() == b"all of it?"
                seen.set()
                if honest:
                    assert await reply.read() == b""
                else:
                    with pytest.raises(Broken):
                        await reply.read()

    run(test())


def end_below_tls(sock: socket.socket) -> None:
    """Half-close on a descriptor of our own: the loop's socket may not be touched."""
    own = socket.socket(fileno=os.dup(sock.fileno()))
    own.shutdown(socket.SHUT_WR)
    own.close()


def test_tls_is_always_verified(certificates: Certificates) -> None:
    for ca in (None, certificates.ca):
        context = Anthropic(url="https://h", ca_file=ca).pool._dialer._tls
        assert context is not None
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert Anthropic(url="http://h").pool._dialer._tls is None


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_a_ca_file_that_cannot_be_used(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=r"ca\.pem"):
        Anthropic(url="https://h", ca_file=path)
