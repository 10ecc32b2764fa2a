"""Slow readers, large bodies, early replies: neither side may drown the other."""

import asyncio

import pytest

from tidegate.model.errors import Broken
from unit.upstreams.conftest import Run
from unit.upstreams.scripted import (
    OK,
    Peer,
    ask,
    asking,
    outgoing,
    patient,
    serve,
    serving,
    the_connection,
    until,
    whole,
)

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


def test_a_slow_reader_holds_the_upstream_back(run: Run) -> None:
    async def test() -> None:
        size = 8_000_000

        async with (
            serving(serve(HEAD + b"content-length: %d\r\n\r\n" % size + b"x" * size)) as server,
            asking(server.url) as upstream,
        ):
            reply = await ask(upstream, patient(idle=0.1))
            connection = the_connection(upstream)
            await until(lambda: connection._paused)
            for _ in range(100):
                await asyncio.sleep(0)
            unread = sum(map(len, connection._incoming.pieces))
            assert 0 < unread <= 65_536 + 262_144
            await asyncio.sleep(0.2)  # longer than idle: our own silence is no fault of the upstream
            assert len(await whole(reply)) == size
            assert upstream.pool.idle == 1
            assert await whole(await ask(upstream)) == b"x" * size
            assert server.accepted == 1

    run(test())


def test_reading_on_when_the_transport_has_just_ended(run: Run) -> None:
    """The transport is closed one turn before it tells us; uvloop does not want to be asked anything then."""

    async def test() -> None:
        async with (
            serving(serve(HEAD + b"content-length: 8000000\r\n\r\n" + b"x" * 8_000_000)) as server,
            asking(server.url) as upstream,
        ):
            reply = await ask(upstream)
            connection = the_connection(upstream)
            await until(lambda: connection._paused)
            connection._transport.abort()
            assert set(await reply.read()) == set(b"x")
            with pytest.raises(Broken) as broken:
                await reply.read()
            assert broken.value.kind == "reset"

    run(test())


@pytest.mark.parametrize("size", [65_536, 65_537, 300_000, 20_000_000])
def test_a_large_body_goes_out_whole_and_waits_for_the_socket(run: Run, size: int) -> None:
    async def test() -> None:
        body = bytes(range(256)) * (size // 256) + b"!" * (size % 256)
        go = asyncio.Event()

        async def script(peer: Peer) -> None:
            for _ in range(2):
                await peer.head()
                await go.wait()
                assert await peer.reader.readexactly(size) == body
                peer.send(OK)
            await peer.gone()

        async with serving(script) as server, asking(server.url) as upstream:
            task = asyncio.create_task(ask(upstream, request=outgoing(body)))
            await until(lambda: upstream.pool.in_flight == 1)
            if size > 1_000_000:
                connection = the_connection(upstream)
                await until(lambda: connection._write_full)
                assert connection._transport.get_write_buffer_size() <= 2 * 262_144
            go.set()
            assert await whole(await task) == b"ok"
            assert await whole(await ask(upstream, request=outgoing(body))) == b"ok"
            assert server.accepted == 1

    run(test())


def test_an_early_error_ends_the_sending(run: Run) -> None:
    async def test() -> None:
        noticed = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.head()
            peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 5\r\n\r\nlarge")
            await peer.gone()
            noticed.set()

        async with serving(script, serve(OK)) as server, asking(server.url) as upstream:
            reply = await ask(upstream, request=outgoing(b"x" * 30_000_000))
            assert (reply.status, await whole(reply)) == (413, b"large")
            assert upstream.pool.open == 0
            await noticed.wait()
            assert await whole(await ask(upstream)) == b"ok"
            assert server.accepted == 2

    run(test())


def test_an_early_success_goes_on_sending(run: Run) -> None:
    async def test() -> None:
        size = 10_000_000

        async def script(peer: Peer) -> None:
            await peer.head()
            peer.send(CHUNKED + b"2\r\nok\r\n")
            await peer.reader.readexactly(size)
            peer.send(b"0\r\n\r\n")
            await peer.gone()

        async with serving(script) as server, asking(server.url) as upstream:
            reply = await ask(upstream, request=outgoing(b"x" * size))
            assert await whole(reply) == b"ok"
            assert upstream.pool.idle == 1

    run(test())


def test_an_upstream_that_takes_no_more_times_out(run: Run) -> None:
    async def test() -> None:
        stuck = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.head()
            await stuck.wait()

        async with serving(script) as server, asking(server.url) as upstream:
            with pytest.raises(Broken, match="gave no reply in time"):
                await ask(upstream, patient(first_byte=0.1), outgoing(b"x" * 30_000_000))
            assert upstream.pool.open == 0

    run(test())
