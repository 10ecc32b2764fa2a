"""Who gets which connection, who waits, who is closed."""

import asyncio
import socket
from contextlib import ExitStack

import pytest

from tidegate.model.errors import NotSent
from tidegate.policy.rules import Timeouts
from unit.upstreams.conftest import Run
from unit.upstreams.scripted import OK, QUICK, Peer, Sent, ask, asking, outgoing, serve, serving, until, whole

HASTY = Timeouts(connect=0.1, first_byte=5, idle=5, total=10)


def test_connections_are_used_again(run: Run) -> None:
    async def test() -> None:
        async with serving(serve(OK)) as server, asking(server.url) as upstream:
            for _ in range(20):
                assert await whole(await ask(upstream)) == b"ok"
            assert server.accepted == 1
            await asyncio.gather(*[ask(upstream) for _ in range(5)])
            assert server.accepted == 5
            await asyncio.gather(*[ask(upstream) for _ in range(5)])
            assert server.accepted == 5
            assert (upstream.pool.open, upstream.pool.idle, upstream.pool.in_flight) == (5, 5, 0)

    run(test())


def test_the_latest_used_goes_out_first(run: Run) -> None:
    async def test() -> None:
        async with serving(serve(OK)) as server, asking(server.url) as upstream:
            await asyncio.gather(*[ask(upstream) for _ in range(3)])
            latest = list(upstream.pool._idle)[-1]
            for _ in range(5):
                await ask(upstream)
                assert list(upstream.pool._idle)[-1] is latest

    run(test())


def test_a_connection_that_ended_at_rest_is_replaced_silently(run: Run) -> None:
    async def test() -> None:
        async def once(peer: Peer) -> None:
            await peer.request()
            peer.send(OK)
            peer.close()

        async with serving(once, once, serve(OK)) as server, asking(server.url) as upstream:
            for _ in range(3):
                told = Sent()
                reply = await upstream.send(outgoing(), QUICK, told)
                assert (await whole(reply), told.times) == (b"ok", 1)
                await until(lambda: upstream.pool.idle == (server.accepted == 3))
            assert server.accepted == 3

    run(test())


def test_a_closing_transport_is_not_lent_out(run: Run) -> None:
    async def test() -> None:
        async with serving(serve(OK)) as server, asking(server.url) as upstream:
            await ask(upstream)
            (connection,) = upstream.pool._idle
            connection._transport.abort()  # a read error does this one turn before it tells us
            assert await whole(await ask(upstream)) == b"ok"
            assert server.accepted == 2

    run(test())


@pytest.mark.parametrize("bytes_at_rest", [b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n", b"\0"])
def test_bytes_that_nobody_asked_for_end_a_resting_connection(run: Run, bytes_at_rest: bytes) -> None:
    async def test() -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(OK)
            await asked.wait()
            peer.send(bytes_at_rest)
            await peer.gone()

        asked = asyncio.Event()
        async with serving(script, serve(OK)) as server, asking(server.url) as upstream:
            await whole(await ask(upstream))
            assert upstream.pool.idle == 1
            asked.set()
            await until(lambda: upstream.pool.open == 0)
            assert await whole(await ask(upstream)) == b"ok"
            assert server.accepted == 2

    run(test())


def test_a_connection_that_rested_too_long_is_closed(run: Run) -> None:
    async def test() -> None:
        noticed = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(OK)
            await peer.gone()
            noticed.set()

        async with serving(script) as server, asking(server.url, keep_alive=0.05) as upstream:
            await ask(upstream)
            await noticed.wait()
            assert upstream.pool.open == 0

    run(test())


def test_a_late_timer_does_not_lend_an_old_connection(run: Run) -> None:
    async def test() -> None:
        async with serving(serve(OK)) as server, asking(server.url) as upstream:
            await ask(upstream)
            (connection,) = upstream.pool._idle
            connection._last -= 30
            await ask(upstream)
            assert server.accepted == 2
            assert upstream.pool.open == 1

    run(test())


def test_requests_wait_in_turn_when_the_cap_is_reached(run: Run) -> None:
    async def test() -> None:
        seen = []

        async def script(peer: Peer) -> None:
            while True:
                seen.append((await peer.request())[1])
                peer.send(OK)

        async with serving(script) as server, asking(server.url, max_connections=1) as upstream:
            bodies = [b"%d" % number for number in range(8)]
            replies = await asyncio.gather(*[ask(upstream, request=outgoing(body)) for body in bodies])
            assert [await whole(reply) for reply in replies] == [b"ok"] * 8
            assert (seen, server.accepted, upstream.pool.open, upstream.pool.waiting) == (bodies, 1, 1, 0)

    run(test())


def test_a_closed_connection_gives_its_place_to_the_next(run: Run) -> None:
    async def test() -> None:
        answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
        async with serving(serve(answer)) as server, asking(server.url, max_connections=2) as upstream:
            replies = await asyncio.gather(*[ask(upstream) for _ in range(6)])
            assert [await whole(reply) for reply in replies] == [b"ok"] * 6
            assert (server.accepted, upstream.pool.open) == (6, 0)

    run(test())


async def silent(peer: Peer) -> None:
    await peer.request()
    await peer.gone()


def test_waiting_for_a_connection_ends_with_not_sent(run: Run) -> None:
    async def test() -> None:
        async with serving(silent) as server, asking(server.url, max_connections=1) as upstream:
            first = asyncio.create_task(ask(upstream))
            await until(lambda: upstream.pool.in_flight == 1)
            told = Sent()
            with pytest.raises(NotSent, match="no connection became free"):
                await upstream.send(outgoing(), HASTY, told)
            assert (told.times, upstream.pool.waiting, upstream.pool.open) == (0, 0, 1)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)

    run(test())


def test_a_cancelled_wait_loses_no_place(run: Run) -> None:
    async def test() -> None:
        async with serving(silent, serve(OK)) as server, asking(server.url, max_connections=1) as upstream:
            first = asyncio.create_task(ask(upstream))
            await until(lambda: upstream.pool.in_flight == 1)
            second, third = asyncio.create_task(ask(upstream)), asyncio.create_task(ask(upstream))
            await until(lambda: upstream.pool.waiting == 2)
            second.cancel()
            first.cancel()
            assert await whole(await third) == b"ok"
            await asyncio.gather(first, second, return_exceptions=True)
            assert (second.cancelled(), upstream.pool.open) == (True, 1)

    run(test())


@pytest.mark.parametrize("alive", [True, False])
def test_a_place_handed_to_a_cancelled_request_is_handed_on(run: Run, alive: bool) -> None:
    """The hand-over and the cancellation come in the same turn of the loop."""

    async def test() -> None:
        async with serving(silent, serve(OK)) as server, asking(server.url, max_connections=1) as upstream:
            first = asyncio.create_task(ask(upstream))
            await until(lambda: upstream.pool.in_flight == 1)
            (connection,) = upstream.pool._alive
            second, third = asyncio.create_task(ask(upstream)), asyncio.create_task(ask(upstream))
            await until(lambda: upstream.pool.waiting == 2)
            if alive:
                connection.data_received(OK)  # the connection itself goes to the second
            else:
                connection.abandon()  # its place goes to the second
            second.cancel()
            if alive:
                assert (await first).status == 200
                await until(lambda: upstream.pool.in_flight == 1 and upstream.pool.waiting == 0)
                third.cancel()
            else:
                assert await whole(await third) == b"ok"
            await asyncio.gather(first, second, third, return_exceptions=True)
            assert second.cancelled()

    run(test())


def test_a_connection_that_dies_on_its_way_costs_no_turn(run: Run) -> None:
    async def test() -> None:
        async with serving(silent, serve(OK)) as server, asking(server.url, max_connections=1) as upstream:
            first = asyncio.create_task(ask(upstream))
            await until(lambda: upstream.pool.in_flight == 1)
            (connection,) = upstream.pool._alive
            second, third = asyncio.create_task(ask(upstream)), asyncio.create_task(ask(upstream))
            await until(lambda: upstream.pool.waiting == 2)
            connection.data_received(OK)
            connection.drop()
            assert [await whole(await one) for one in (first, second, third)] == [b"ok"] * 3
            assert (server.accepted, upstream.pool.open) == (2, 1)

    run(test())


def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "no-such-host.invalid"])
def test_no_connection_is_not_sent(run: Run, host: str) -> None:
    async def test() -> None:
        async with asking(f"http://{host.format(port=unused_port())}") as upstream:
            told = Sent()
            with pytest.raises(NotSent, match="nothing was sent"):
                await upstream.send(outgoing(), QUICK, told)
            assert (told.times, upstream.pool.open) == (0, 0)

    run(test())


@pytest.mark.parametrize("cancelled", [False, True])
def test_connecting_takes_no_longer_than_its_time_out(run: Run, cancelled: bool) -> None:
    async def test() -> None:
        with ExitStack() as sockets:
            full = sockets.enter_context(socket.socket())  # its queue is full: no further handshake ends
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for _ in range(4):
                filler = sockets.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            async with asking(f"http://127.0.0.1:{full.getsockname()[1]}") as upstream:
                told = Sent()
                if not cancelled:
                    with pytest.raises(NotSent):
                        await upstream.send(outgoing(), HASTY, told)
                else:
                    task = asyncio.ensure_future(upstream.send(outgoing(), QUICK, told))
                    await until(lambda: upstream.pool.opening == 1)
                    for _ in range(5):
                        await asyncio.sleep(0)
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                assert (told.times, upstream.pool.open, upstream.pool.opening) == (0, 0, 0)

    run(test())


def test_closing_the_pool_ends_everything(run: Run) -> None:
    async def test() -> None:
        async with serving(serve(OK), silent) as server, asking(server.url, max_connections=2) as upstream:
            await ask(upstream)
            (resting,) = upstream.pool._idle
            upstream.pool._idle.clear()  # lend it by hand, so that the second script comes into play
            running = asyncio.create_task(ask(upstream))
            await until(lambda: upstream.pool.in_flight == 2)  # the resting one counts as lent
            upstream.pool._idle[resting] = None
            taken = asyncio.create_task(ask(upstream))
            await asyncio.sleep(0)
            waiting = asyncio.create_task(ask(upstream))
            await until(lambda: upstream.pool.waiting == 1)
            await upstream.aclose()
            ended = await asyncio.gather(running, taken, waiting, return_exceptions=True)
            assert [type(one).__name__ for one in ended] == ["Broken", "Broken", "NotSent"]
            with pytest.raises(NotSent, match="closed"):
                await ask(upstream)
            await upstream.aclose()

    run(test())


def test_closing_the_pool_while_a_connection_is_opened(run: Run) -> None:
    async def test() -> None:
        async with serving(serve(OK)) as server, asking(server.url) as upstream:
            task = asyncio.create_task(ask(upstream))
            await until(lambda: upstream.pool.opening == 1)
            await upstream.aclose()
            with pytest.raises(NotSent):
                await task
            assert upstream.pool.open == 0

    run(test())
