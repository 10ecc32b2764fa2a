"""What a connection does with good, late, broken and rude upstreams."""

import asyncio

import pytest

from tidegate.model.errors import Broken
from tidegate.policy.rules import Timeouts
from unit.upstreams.conftest import Run
from unit.upstreams.scripted import OK, Peer, Sent, ask, asking, outgoing, patient, serve, serving, until, whole

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


def test_a_reply_comes_with_status_headers_and_body(run: Run) -> None:
    async def test() -> None:
        async def script(peer: Peer) -> None:
            head, body = await peer.request()
            assert head.startswith(b"POST /v1/messages HTTP/1.1\r\n")
            assert body == b'{"a":1}'
            peer.send(HEAD + b"Content-Length: 3\r\nX-B: 1\r\nconnection: keep-alive\r\nX-A: 2\r\n\r\nabc")
            await peer.gone()

        async with serving(script) as server, asking(server.url) as upstream:
            reply = await ask(upstream, request=outgoing(b'{"a":1}'))
            assert reply.status == 200
            names = [name for name, _ in reply.headers]
            assert names == [b"content-length", b"x-b", b"connection", b"x-a"]
            assert await reply.read() == b"abc"
            assert await reply.read() == b""
            assert await reply.read() == b""
            await reply.close()
            assert upstream.pool.idle == 1

    run(test())


def test_pieces_come_as_they_come(run: Run) -> None:
    async def test() -> None:
        step = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(CHUNKED + b"3\r\none\r\n")
            await step.wait()
            peer.send(b"3\r\ntwo\r\n0\r\n\r\n")
            await peer.gone()

        async with serving(script) as server, asking(server.url) as upstream:
            reply = await ask(upstream)
            assert await reply.read() == b"one"
            step.set()
            assert await reply.read() == b"two"
            assert await reply.read() == b""
            assert upstream.pool.idle == 1

    run(test())


def test_what_was_not_read_yet_comes_joined(run: Run) -> None:
    async def test() -> None:
        async with (
            serving(serve(CHUNKED + b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")) as server,
            asking(server.url) as upstream,
        ):
            reply = await ask(upstream)
            await until(lambda: upstream.pool.idle == 1)
            assert [await reply.read(), await reply.read()] == [b"onetwo", b""]

    run(test())


@pytest.mark.parametrize(
    "framed",
    [
        b"content-length: 11\r\n\r\nhello world",
        b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    ],
)
def test_byte_by_byte_is_the_same(run: Run, framed: bytes) -> None:
    async def test() -> None:
        async def script(peer: Peer) -> None:
            while True:
                await peer.request()
                for byte in HEAD + framed:
                    peer.send(bytes([byte]))
                    await asyncio.sleep(0)

        async with serving(script) as server, asking(server.url) as upstream:
            for _ in range(3):
                reply = await ask(upstream)
                assert (reply.status, await whole(reply)) == (200, b"hello world")
            assert server.accepted == 1

    run(test())


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_replies_without_a_body(run: Run, status: bytes) -> None:
    async def test() -> None:
        async with (
            serving(serve(b"HTTP/1.1 " + status + b"\r\nx: y\r\n\r\n")) as server,
            asking(server.url) as upstream,
        ):
            for _ in range(2):
                reply = await ask(upstream)
                assert await reply.read() == b""
            assert server.accepted == 1

    run(test())


def test_head_has_no_body_and_keeps_the_connection(run: Run) -> None:
    async def test() -> None:
        async def script(peer: Peer) -> None:
            head = await peer.head()
            assert head.startswith(b"HEAD ")
            assert b"content-length" not in head
            peer.send(HEAD + b"content-length: 1000\r\n\r\n")
            await peer.request()
            peer.send(OK)
            await peer.gone()

        async with serving(script) as server, asking(server.url) as upstream:
            reply = await ask(upstream, request=outgoing(b"", method="HEAD"))
            assert (reply.status, await reply.read()) == (200, b"")
            assert await whole(await ask(upstream)) == b"ok"
            assert server.accepted == 1

    run(test())


def test_informational_replies_are_skipped(run: Run) -> None:
    async def test() -> None:
        hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
        async with serving(serve(hints + OK)) as server, asking(server.url) as upstream:
            for _ in range(2):
                reply = await ask(upstream)
                assert (reply.status, list(reply.headers)) == (200, [(b"content-length", b"2")])
                assert await whole(reply) == b"ok"
            assert server.accepted == 1

    run(test())


def test_the_end_of_the_connection_may_end_the_body(run: Run) -> None:
    async def test() -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(HEAD + b"\r\nall of it")
            peer.close()

        async with serving(script) as server, asking(server.url) as upstream:
            reply = await ask(upstream)
            assert await whole(reply) == b"all of it"
            assert upstream.pool.open == 0

    run(test())


@pytest.mark.parametrize(
    ("sent", "kind", "body"),
    [
        (b"", "reset", None),
        (b"HTTP/1.1 2", "reset", None),
        (HEAD + b"content-length: 10\r\n", "reset", None),
        (HEAD + b"content-length: 10\r\n\r\n123", "cut", b"123"),
        (CHUNKED + b"3\r\nabc\r\n", "cut", b"abc"),
        (CHUNKED + b"3\r\nabc\r\n0\r\n", "cut", b"abc"),
        (CHUNKED + b"9\r\nabc", "cut", b"abc"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "garbage", None),
        (CHUNKED + b"3\r\nabc\r\nzz\r\n", "garbage", b"abc"),
        (HEAD + b"x: " + b"a" * 70_000 + b"\r\n\r\n", "garbage", None),
    ],
)
def test_a_broken_reply_is_broken_and_never_sent_again(run: Run, sent: bytes, kind: str, body: bytes | None) -> None:
    async def test() -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(sent)
            peer.close()

        async with serving(script) as server, asking(server.url) as upstream:
            told = Sent()
            got: list[bytes] = []

            async def read() -> None:
                reply = await upstream.send(outgoing(), patient(), told)
                while piece := await reply.read():
                    got.append(piece)

            with pytest.raises(Broken) as broken:
                await read()
            assert broken.value.kind == kind
            assert (b"".join(got) or None) == body
            assert "127.0.0.1" in str(broken.value)
            assert (told.times, server.accepted, upstream.pool.open) == (1, 1, 0)

    run(test())


@pytest.mark.parametrize("sent", [b"", HEAD + b"content-length: 10\r\n\r\n123"])
def test_a_reset_is_broken(run: Run, sent: bytes) -> None:
    async def test() -> None:
        read = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            if sent:
                peer.send(sent)
                await read.wait()
            peer.reset()

        async with serving(script) as server, asking(server.url) as upstream:

            async def read_twice() -> None:
                reply = await ask(upstream)
                assert await reply.read() == b"123"
                read.set()
                await reply.read()

            with pytest.raises(Broken) as broken:
                await read_twice()
            assert broken.value.kind == "reset"
            assert upstream.pool.open == 0

    run(test())


@pytest.mark.parametrize("behind", [b"HTT", OK, b"\0garbage", b"ok"])
def test_bytes_behind_the_reply_end_the_connection(run: Run, behind: bytes) -> None:
    async def test() -> None:
        async with serving(serve(OK + behind)) as server, asking(server.url) as upstream:
            for _ in range(2):
                assert await whole(await ask(upstream)) == b"ok"
                assert (upstream.pool.open, upstream.pool.idle) == (0, 0)
            assert server.accepted == 2

    run(test())


@pytest.mark.parametrize(
    ("sent", "timeouts", "says"),
    [
        (b"", patient(first_byte=0.05), "gave no reply in time"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 2", patient(first_byte=0.05), "gave no reply in time"),
        (b"", patient(total=0.05), "total"),
        (HEAD + b"content-length: 5\r\n\r\nab", patient(idle=0.05), "silent"),
        (HEAD + b"content-length: 5\r\n\r\n", patient(idle=0.05), "silent"),
        (HEAD + b"content-length: 5\r\n\r\nab", patient(total=0.05), "total"),
    ],
)
def test_time_outs(run: Run, sent: bytes, timeouts: Timeouts, says: str) -> None:
    async def test() -> None:
        noticed = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(sent)
            await peer.gone()
            noticed.set()

        async with serving(script) as server, asking(server.url) as upstream:
            with pytest.raises(Broken, match=says) as broken:
                await whole(await ask(upstream, timeouts))
            assert broken.value.kind == "timeout"
            await noticed.wait()
            assert upstream.pool.open == 0

    run(test())


def test_each_piece_starts_the_idle_time_anew(run: Run) -> None:
    async def test() -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(CHUNKED)
            for _ in range(10):
                await asyncio.sleep(0.03)  # the upstream's pace, not a wait for something
                peer.send(b"1\r\nx\r\n")
            peer.send(b"0\r\n\r\n")
            await peer.gone()

        async with serving(script) as server, asking(server.url) as upstream:
            assert await whole(await ask(upstream, patient(idle=0.2))) == b"x" * 10
            assert upstream.pool.idle == 1

    run(test())


def test_the_total_runs_while_nobody_reads(run: Run) -> None:
    async def test() -> None:
        noticed = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(CHUNKED + b"100000\r\n" + b"x" * 0x100000)
            await peer.gone()
            noticed.set()

        async with serving(script) as server, asking(server.url) as upstream:
            reply = await ask(upstream, patient(total=0.2, idle=0.1))
            await noticed.wait()
            assert upstream.pool.open == 0
            assert set(await reply.read()) == set(b"x")
            with pytest.raises(Broken, match="total"):
                await reply.read()

    run(test())


def test_two_readers_are_a_bug(run: Run) -> None:
    async def test() -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(CHUNKED)
            await peer.gone()

        async with serving(script) as server, asking(server.url) as upstream:
            reply = await ask(upstream)
            first = asyncio.create_task(reply.read())
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError):
                await reply.read()
            await reply.close()
            with pytest.raises(Broken):
                await first

    run(test())
