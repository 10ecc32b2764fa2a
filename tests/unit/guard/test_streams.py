"""Streams through the guard: settled once, however they end."""

import asyncio
import contextlib
import gc
import gzip
import threading
import weakref
from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import pytest

import tidegate
from tidegate.doors.guard.engine import REGISTRY
from unit.guard.scripted import HELLO, PRICE, Scripted, charges, events, guarded, guarded_async, running, stream

INPUT = 10 * 1_000


def whole_output() -> int:
    """Exact input and the whole output part of a hold of `HELLO`."""
    return INPUT + 50 * 5_000


def settled() -> None:
    """Wait until the keeper has done what is on its queue."""
    running().keeper.settled()
    for thread in threading.enumerate():
        if thread.name == "tidegate-closing":
            thread.join(timeout=10)
    assert running().open_streams == 0
    assert running().books.open_holds == 0


def test_a_stream_read_to_its_end() -> None:
    inner = Scripted(stream())
    with guarded(inner).messages.stream(**HELLO) as found:
        assert found.get_final_text() == "High."
    assert charges() == [("ok", "actual", PRICE, "anonymous")]
    assert inner.body.closed == 1
    settled()


def test_it_is_settled_before_its_last_piece_goes_out() -> None:
    found = guarded(Scripted(stream())).messages.create(**HELLO, stream=True)
    seen = [(event.type, len(charges())) for event in found]
    assert seen[-1] == ("message_stop", 1)
    assert {count for _, count in seen[:-1]} == {0}


def test_pieces_go_out_as_they_come() -> None:
    inner = Scripted(stream())
    found = guarded(inner).messages.create(**HELLO, stream=True)
    next(found)
    assert inner.body.read == 1
    found.close()


def test_breaking_off() -> None:
    inner = Scripted(stream())
    with guarded(inner).messages.create(**HELLO, stream=True) as found:
        for _ in found:
            break
    assert charges() == [("aborted", "assumed", whole_output(), "anonymous")]
    assert inner.body.closed >= 1
    assert inner.body.read == 1
    settled()


def test_breaking_off_before_the_first_event() -> None:
    with guarded(Scripted(stream())).messages.create(**HELLO, stream=True):
        pass
    assert charges()[0][:2] == ("aborted", "assumed")
    settled()


def test_closing_twice_and_reading_after() -> None:
    found = guarded(Scripted(stream())).messages.create(**HELLO, stream=True)
    found.close()
    found.close()
    with pytest.raises(httpx2.StreamError):
        next(found)
    assert len(charges()) == 1


@pytest.mark.parametrize("begun", [False, True])
def test_never_closed(begun: bool) -> None:
    inner = Scripted(stream())
    found = guarded(inner).messages.create(**HELLO, stream=True)
    if begun:
        next(found)
    gone = weakref.ref(found)
    del found
    gc.collect()
    assert gone() is None
    settled()
    assert charges()[0][:2] == ("aborted", "assumed")
    assert inner.body.closed >= 1


def test_never_closed_in_a_cycle() -> None:
    found: Any = guarded(Scripted(stream())).messages.create(**HELLO, stream=True)
    next(found)
    found.itself = [found]
    del found
    assert running().open_streams == 1
    gc.collect()
    settled()
    assert charges()[0][:2] == ("aborted", "assumed")


def test_the_collector_in_the_middle_of_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """A response that is closed while its own thread is inside the store does not wait for itself."""
    inner = Scripted(lambda _: stream())
    client = guarded(inner)
    lost = client.messages.with_streaming_response.create(**HELLO, stream=True).__enter__()
    shared = running().shared
    (file,) = shared.files
    real = file.run_blocking
    closed: list[bool] = []

    def closing(work: Callable[[Any], Any]) -> Any:
        def first(db: Any) -> Any:
            if not closed:
                closed.append(True)
                lost.http_response.close()
            return work(db)

        return real(first)

    with monkeypatch.context() as patched:
        patched.setattr(file, "run_blocking", closing)
        with client.messages.create(**HELLO, stream=True) as found:
            assert len(list(found)) == 6
    running().keeper.once()
    assert sorted(charge[0] for charge in charges()) == ["aborted", "ok"]
    settled()


def test_a_cut_is_told_inside_the_stream() -> None:
    cut = httpx2.RemoteProtocolError("peer closed")
    client = guarded(Scripted(stream(*events()[:3], cut)))
    with pytest.raises(anthropic.APIStatusError) as caught:
        list(client.messages.create(**HELLO, stream=True))
    assert (caught.value.status_code, caught.value.type) == (200, "api_error")
    assert charges() == [("cut", "assumed", whole_output(), "anonymous")]
    settled()


def test_an_end_without_message_stop_is_a_cut() -> None:
    client = guarded(Scripted(stream(*events()[:3])))
    with pytest.raises(anthropic.APIStatusError):
        list(client.messages.create(**HELLO, stream=True))
    assert charges()[0][0] == "cut"


def test_an_idle_timeout() -> None:
    client = guarded(Scripted(stream(*events()[:3], httpx2.ReadTimeout("slow"))))
    with pytest.raises(anthropic.APIStatusError) as caught:
        list(client.messages.create(**HELLO, stream=True))
    assert caught.value.type == "timeout_error"
    assert charges()[0][0] == "timeout"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_cut_of_a_compressed_stream_is_raised_as_without_the_guard(asynchronous: bool) -> None:
    data = gzip.compress(b"".join(events()))
    reply = stream(data[:40], httpx2.RemoteProtocolError("peer closed"), **{"content-encoding": "gzip"})

    async def main() -> None:
        found = await guarded_async(Scripted(reply)).messages.create(**HELLO, stream=True)
        with pytest.raises(httpx2.RemoteProtocolError, match="peer closed"):
            [event async for event in found]

    if asynchronous:
        asyncio.run(main())
    else:
        with pytest.raises(httpx2.RemoteProtocolError, match="peer closed"):
            list(guarded(Scripted(reply)).messages.create(**HELLO, stream=True))
    assert charges()[0][0] == "cut"


def test_a_compressed_stream_that_just_ends() -> None:
    data = gzip.compress(b"".join(events()[:3]))
    client = guarded(Scripted(stream(data, **{"content-encoding": "gzip"})))
    with pytest.raises(httpx2.RemoteProtocolError):
        list(client.messages.create(**HELLO, stream=True))
    assert charges()[0][0] == "cut"


def test_a_compressed_stream() -> None:
    data = gzip.compress(b"".join(events()))
    client = guarded(Scripted(stream(data[:50], data[50:], **{"content-encoding": "gzip"})))
    assert len(list(client.messages.create(**HELLO, stream=True))) == 6
    assert charges() == [("ok", "actual", PRICE, "anonymous")]


def test_the_total_time_ends_a_stream_between_two_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("tidegate.doors.guard.sending.time.monotonic", lambda: now[0])
    inner = Scripted(stream())
    found = guarded(inner, timeouts={"total": "60s"}).messages.create(**HELLO, stream=True)
    next(found)
    now[0] += 61
    with pytest.raises(anthropic.APIStatusError) as caught:
        list(found)
    assert caught.value.type == "timeout_error"
    assert inner.body.read == 1
    assert inner.body.closed >= 1
    assert charges()[0][0] == "timeout"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_interrupted_while_it_waits_for_a_piece(interrupt: type[BaseException]) -> None:
    client = guarded(Scripted(stream(*events()[:2], interrupt())))
    with pytest.raises(interrupt):
        list(client.messages.create(**HELLO, stream=True))
    assert charges()[0][:2] == ("aborted", "assumed")
    settled()


def test_interrupted_while_it_closes() -> None:
    inner = Scripted(stream())
    found = guarded(inner).messages.create(**HELLO, stream=True)
    next(found)

    def interrupted() -> None:
        raise KeyboardInterrupt

    inner.body.close = interrupted  # type: ignore[method-assign]  # the socket's close is where Ctrl-C strikes
    with pytest.raises(KeyboardInterrupt):
        found.close()
    assert charges()[0][:2] == ("aborted", "assumed")
    settled()


def test_a_connection_that_cannot_be_closed() -> None:
    inner = Scripted(stream())
    found = guarded(inner).messages.create(**HELLO, stream=True)
    next(found)

    def failing() -> None:
        raise OSError("no such socket")

    inner.body.close = failing  # type: ignore[method-assign]  # as a socket does that is gone
    found.close()
    assert charges()[0][0] == "aborted"


def test_drain_reads_to_the_end() -> None:
    inner = Scripted(stream())
    with guarded(inner, policy={"on_cut": "drain"}).messages.create(**HELLO, stream=True) as found:
        next(found)
    assert inner.body.read == 6
    assert charges() == [("aborted", "actual", PRICE, "anonymous")]


def test_ctrl_c_ends_a_drain() -> None:
    inner = Scripted(stream(*events()[:3], KeyboardInterrupt(), *events()[3:]))
    found = guarded(inner, policy={"on_cut": "drain"}).messages.create(**HELLO, stream=True)
    next(found)
    with pytest.raises(KeyboardInterrupt):
        found.close()
    assert inner.body.read == 4
    assert charges()[0][:2] == ("aborted", "assumed")
    settled()


def test_who_interrupts_the_reading_waits_for_no_drain() -> None:
    inner = Scripted(stream(*events()[:3], KeyboardInterrupt(), *events()[3:]))
    with pytest.raises(KeyboardInterrupt):
        list(guarded(inner, policy={"on_cut": "drain"}).messages.create(**HELLO, stream=True))
    assert inner.body.read == 4
    assert charges()[0][:2] == ("aborted", "assumed")


def test_what_nobody_closed_is_not_drained() -> None:
    inner = Scripted(stream())
    found = guarded(inner, policy={"on_cut": "drain"}).messages.create(**HELLO, stream=True)
    next(found)
    del found
    gc.collect()
    settled()
    assert inner.body.read == 1
    assert charges()[0][:2] == ("aborted", "assumed")


def test_a_socket_that_never_closes_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread's lock, a transport of one's own: whatever the closing waits for, the keeper does not."""
    inner = Scripted(stream())
    found = guarded(inner).messages.create(**HELLO, stream=True)
    next(found)
    free = threading.Event()
    monkeypatch.setattr(inner.body, "close", free.wait)
    chores: list[bool] = []
    monkeypatch.setattr(running().keeper, "_chores", lambda: chores.append(True))
    try:
        del found
        gc.collect()
        running().keeper.settled()
        assert charges()[0][:2] == ("aborted", "assumed")
        assert running().open_streams == 0
        assert "tidegate-closing" in {thread.name for thread in threading.enumerate()}
    finally:
        free.set()
    settled()


@pytest.mark.parametrize("asynchronous", [False, True])
def test_interrupted_while_it_settles(asynchronous: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        found = await guarded_async(Scripted(stream())).messages.create(**HELLO, stream=True)
        await anext(found)
        with monkeypatch.context() as patched:
            patched.setattr(running().books, "settle", interrupted)
            with pytest.raises(KeyboardInterrupt):
                await found.close()

    if asynchronous:
        asyncio.run(main())
    else:
        found = guarded(Scripted(stream())).messages.create(**HELLO, stream=True)
        next(found)
        with monkeypatch.context() as patched:
            patched.setattr(running().books, "settle", interrupted)
            with pytest.raises(KeyboardInterrupt):
                found.close()
    settled()  # nothing is renewed any more


# -- event loops


def test_an_async_stream() -> None:
    inner = Scripted(stream())

    async def main() -> None:
        async with guarded_async(inner).messages.stream(**HELLO) as found:
            assert await found.get_final_text() == "High."

    asyncio.run(main())
    assert charges() == [("ok", "actual", PRICE, "anonymous")]
    settled()


def test_breaking_off_an_async_stream() -> None:
    inner = Scripted(stream())

    async def main() -> None:
        async with await guarded_async(inner).messages.create(**HELLO, stream=True) as found:
            async for _ in found:
                break

    asyncio.run(main())
    assert charges() == [("aborted", "assumed", whole_output(), "anonymous")]
    assert inner.body.closed >= 1


@pytest.mark.parametrize("begun", [False, True])
def test_an_async_stream_never_closed(begun: bool) -> None:
    inner = Scripted(stream())

    async def main() -> None:
        client = guarded_async(inner)
        found = await client.messages.create(**HELLO, stream=True)
        if begun:
            await anext(found)
        del found
        gc.collect()
        for _ in range(10):
            await asyncio.sleep(0)
        settled()
        async with asyncio.timeout(10):
            await inner.body.ended.wait()

    asyncio.run(main())
    assert charges()[0][:2] == ("aborted", "assumed")


def test_an_async_stream_outlives_its_loop() -> None:
    kept = []

    async def main() -> None:
        kept.append(await guarded_async(Scripted(stream())).messages.create(**HELLO, stream=True))

    asyncio.run(main())
    kept.clear()
    gc.collect()
    settled()
    assert charges()[0][:2] == ("aborted", "assumed")


class Slow(Scripted):
    """Never answers, or never says more; tells when it is asked."""

    def __init__(self, *, body: bool) -> None:
        super().__init__(stream())
        self.asked = asyncio.Event()
        self._body = body

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if not self._body:
            self.asked.set()
            await asyncio.Event().wait()
        found = await super().handle_async_request(request)
        pieces = self.body

        async def wait(_self: object) -> Any:
            yield events()[0]
            self.asked.set()
            await asyncio.Event().wait()

        pieces.__class__ = type("Waiting", (type(pieces),), {"__aiter__": wait})
        return found


@pytest.mark.parametrize("body", [False, True])
@pytest.mark.parametrize("on_cut", ["assume", "drain"])
def test_cancelled_where_it_waits(body: bool, on_cut: str) -> None:
    async def main() -> None:
        inner = Slow(body=body)
        client = guarded_async(inner, policy={"on_cut": on_cut})

        async def ask() -> None:
            async for _ in await client.messages.create(**HELLO, stream=True):
                pass

        task = asyncio.create_task(ask())
        await inner.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert charges()[0][:2] == ("aborted", "assumed")
    settled()


def test_cancelled_at_every_step() -> None:
    """Whatever the step: one charge at most, no hold left, and never a wait."""

    async def ask(client: anthropic.AsyncAnthropic) -> None:
        async with client.messages.stream(**HELLO) as found:
            await found.get_final_message()

    async def main(steps: int) -> bool:
        client = guarded_async(Scripted(stream()), limits=[])
        task = asyncio.create_task(ask(client))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return task.cancelled()

    steps = 0
    while asyncio.run(main(steps)):
        settled()
        assert len(charges()) <= steps
        steps += 1
    assert steps > 5
    assert charges()[-1][0] == "ok"


def test_a_timeout_around_a_stream() -> None:
    async def main() -> None:
        client = guarded_async(Slow(body=True))

        async def ask() -> None:
            async for _ in await client.messages.create(**HELLO, stream=True):
                pass

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask(), 0.01)

    asyncio.run(main())
    assert charges()[0][:2] == ("aborted", "assumed")


def test_a_task_that_is_never_finished() -> None:
    async def main() -> None:
        inner = Slow(body=False)
        kept.append(asyncio.ensure_future(guarded_async(inner).messages.create(**HELLO)))
        await inner.asked.wait()

    kept: list[Any] = []
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.set_exception_handler(lambda *_: None)
    loop.close()
    kept.clear()
    gc.collect()
    running().keeper.once()
    settled()
    assert charges()[0][:2] == ("aborted", "assumed")


def test_the_end_of_the_process_settles_what_is_open() -> None:
    inner = Scripted(stream())
    found = guarded(inner).messages.create(**HELLO, stream=True)
    next(found)
    (engine,) = REGISTRY.engines.values()
    engine.end()
    assert charges()[0][:2] == ("aborted", "assumed")
    assert inner.body.closed == 0
    found.close()
    assert len(charges()) == 1


def test_after_the_end_it_starts_again() -> None:
    client = guarded(Scripted())
    client.messages.create(**HELLO)
    (engine,) = REGISTRY.engines.values()
    engine.end()
    with tidegate.caller(user="u-2"):
        client.messages.create(**HELLO)
    assert [charge[3] for charge in charges()] == ["anonymous", "u-2"]
