"""Leaving a reply: closed, cancelled, read to the end."""

import asyncio

import pytest

from tidegate.model.errors import Broken
from unit.upstreams.conftest import Run
from unit.upstreams.scripted import OK, Peer, ask, asking, serve, serving, whole

ENDLESS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"


def test_closing_an_unread_reply_ends_the_connection(run: Run) -> None:
    async def test() -> None:
        noticed = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(ENDLESS)
            await peer.gone()
            noticed.set()

        async with serving(script) as server, asking(server.url) as upstream:
            reply = await ask(upstream)
            assert await reply.read() == b"abc"
            await reply.close()
            await reply.close()
            assert upstream.pool.open == 0
            await noticed.wait()
            with pytest.raises(Broken, match="this side"):
                await reply.read()

    run(test())


def test_closing_a_whole_reply_keeps_the_connection(run: Run) -> None:
    async def test() -> None:
        async with serving(serve(OK)) as server, asking(server.url) as upstream:
            for _ in range(3):
                reply = await ask(upstream)
                await reply.close()  # its body came with the head, so nothing is left to come
                assert upstream.pool.idle == 1
            assert server.accepted == 1

    run(test())


def test_a_body_that_is_here_can_be_had_at_once(run: Run) -> None:
    async def test() -> None:
        async with serving(serve(OK)) as server, asking(server.url) as upstream:
            reply = await ask(upstream)
            body = reply.whole()
            assert body
            assert body == await whole(await ask(upstream))
            assert (reply.whole(), await reply.read()) == (b"", b"")

    run(test())


def test_a_body_that_is_not_all_here_must_be_read(run: Run) -> None:
    async def test() -> None:
        go_on = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(ENDLESS)
            await go_on.wait()
            peer.send(b"0\r\n\r\n")
            await peer.gone()

        async with serving(script) as server, asking(server.url) as upstream:
            reply = await ask(upstream)
            assert reply.whole() is None
            assert await reply.read() == b"abc"
            go_on.set()
            assert await reply.read() == b""
            assert reply.whole() == b""

    run(test())


def test_a_body_that_was_cut_is_never_whole(run: Run) -> None:
    async def test() -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc")
            peer.close()

        async with serving(script) as server, asking(server.url) as upstream:
            reply = await ask(upstream)
            assert reply.whole() is None
            assert await reply.read() == b"abc"
            with pytest.raises(Broken):
                await reply.read()
            assert reply.whole() is None

    run(test())


def test_a_cancelled_read_ends_the_connection(run: Run) -> None:
    async def test() -> None:
        noticed = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(ENDLESS)
            await peer.gone()
            noticed.set()

        async with serving(script) as server, asking(server.url) as upstream:
            reply = await ask(upstream)
            task = asyncio.create_task(whole(reply))
            for _ in range(3):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert upstream.pool.open == 0
            await noticed.wait()

    run(test())


def test_a_cancelled_send_ends_the_connection(run: Run) -> None:
    async def test() -> None:
        asked, noticed = asyncio.Event(), asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            asked.set()
            await peer.gone()
            noticed.set()

        async with serving(script) as server, asking(server.url) as upstream:
            task = asyncio.create_task(ask(upstream))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert upstream.pool.open == 0
            await noticed.wait()

    run(test())


def test_a_cancel_that_comes_with_the_reply_spares_the_next_request(run: Run) -> None:
    """The connection may already serve somebody else when the cancelled task gets to run."""

    async def test() -> None:
        async with serving(serve(OK)) as server, asking(server.url) as upstream:
            await whole(await ask(upstream))
            (connection,) = upstream.pool._alive
            task = asyncio.create_task(ask(upstream))
            await asyncio.sleep(0)
            connection.data_received(OK)  # the loop would call this just before the cancellation
            assert upstream.pool.idle == 1
            task.cancel()
            other = asyncio.create_task(ask(upstream))
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await other).status == 200
            assert server.accepted == 1

    run(test())
