"""Every way a call can end, in front of the fake Claude: its books and the ledger tell the same story."""

import asyncio
import gc
import threading
from typing import Any

import anthropic
import httpx2
import pytest

import tidegate
from e2e.guard.place import Place, until
from e2e.money import MODEL

HELLO: dict[str, Any] = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "How high?"}]}


def ordered(orders: str, **more: Any) -> dict[str, Any]:
    """A request with orders for the fake."""
    return {**HELLO, "extra_headers": {"x-fake-fault": orders}, **more}


def agree(place: Place) -> None:
    """Each attempt that the fake saw has one charge, exact where it says so and never too small."""
    place.settled()
    seen = {row.request_id: row for row in place.fake.attempts()}
    charges = place.site.charges()
    assert len(charges) == len(seen)
    for charge in charges:
        row = seen.get(charge["upstream_request_id"])
        if row is not None:
            assert charge["total_cost"] >= row.cost
            assert charge["exactness"] != "actual" or charge["total_cost"] == row.cost
    assert sum(charge["total_cost"] for charge in charges) >= place.fake.totals().cost_settled
    assert place.site.holds() == {}


def test_success(place: Place) -> None:
    client = place.guarded()
    client.messages.create(**HELLO)
    with client.messages.stream(**HELLO) as found:
        found.until_done()
    assert [charge[1:] for charge in place.charges()] == [("ok", "actual")] * 2
    agree(place)


@pytest.mark.parametrize("events", [0, 1, 5])
def test_leaving_a_stream_ends_the_upstreams_work(place: Place, events: int) -> None:
    with place.guarded().messages.create(**ordered("gap=0.3; output_tokens=max"), stream=True) as found:
        for _ in range(events):
            next(found)
    assert place.charges()[0][1:] == ("aborted", "assumed")
    place.fake.wait(ended=1)
    assert place.fake.attempts()[0].ending == "disconnected"
    agree(place)


def test_a_stream_that_nobody_closes(place: Place) -> None:
    found = place.guarded().messages.create(**ordered("gap=0.3; output_tokens=max"), stream=True)
    next(found)
    del found
    gc.collect()
    place.settled()
    place.fake.wait(ended=1)
    assert place.fake.attempts()[0].ending == "disconnected"
    agree(place)


def test_an_async_stream_that_nobody_closes(place: Place) -> None:
    async def main() -> None:
        client = place.guarded_async()
        found = await client.messages.create(**ordered("gap=0.3; output_tokens=max"), stream=True)
        del found
        gc.collect()
        await asyncio.to_thread(place.fake.wait, ended=1)
        await client.close()

    asyncio.run(main())
    assert place.charges()[0][1:] == ("aborted", "assumed")
    assert place.fake.attempts()[0].ending == "disconnected"
    agree(place)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("orders", ["delay=30", "stall=headers", "stall=2", "gap=30"])
def test_cancelled(place: Place, orders: str, *, stream: bool) -> None:
    async def main() -> None:
        client = place.guarded_async()

        async def ask() -> None:
            found: Any = await client.messages.create(**ordered(orders), stream=stream)
            if stream:
                async for _ in found:
                    pass

        task = asyncio.create_task(ask())
        await asyncio.to_thread(place.fake.wait, open_at_least=1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(place.fake.wait, ended=1)
        await client.close()

    asyncio.run(main())
    assert place.charges()[0][1] == "aborted"
    agree(place)


def test_cancelled_between_two_attempts(place: Place) -> None:
    place.configure('[retry]\nbase = "30s"\ncap = "30s"\n')

    async def main() -> None:
        client = place.guarded_async()
        task = asyncio.create_task(client.messages.create(**ordered("status=529")))
        await asyncio.to_thread(until, place.site.charges)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.close()

    asyncio.run(main())
    assert [charge[1:] for charge in place.charges()] == [("upstream_error", "actual")]
    agree(place)


@pytest.mark.parametrize(
    ("orders", "outcome"),
    # The SDK leaves at an error event, before the stream has ended.
    [
        ("cut=3", "cut"),
        ("reset=3", "cut"),
        ("cut_chunked=3", "cut"),
        ("error_event=3", "cut"),
        ("stall=3", "timeout"),
    ],
)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_streams_that_break(place: Place, orders: str, outcome: str, *, asynchronous: bool) -> None:
    def caught(error: BaseException) -> None:
        assert isinstance(error, anthropic.APIStatusError)
        assert error.status_code == 200
        assert tidegate.friendly(error).status in (502, 504, 529)

    async def main() -> None:
        client = place.guarded_async().with_options(timeout=httpx2.Timeout(10, read=0.3))
        with pytest.raises(anthropic.APIStatusError) as found:
            [event async for event in await client.messages.create(**ordered(orders), stream=True)]
        caught(found.value)
        await client.close()

    if asynchronous:
        asyncio.run(main())
    else:
        client = place.guarded().with_options(timeout=httpx2.Timeout(10, read=0.3))
        with pytest.raises(anthropic.APIStatusError) as found:
            list(client.messages.create(**ordered(orders), stream=True))
        caught(found.value)
    assert place.charges()[0][1] == outcome
    agree(place)


@pytest.mark.parametrize("orders", ["status=529", "status=500", "reset=before", "reset=headers"])
def test_attempts_do_not_multiply(place: Place, orders: str) -> None:
    """The gate sends four times; the SDK, told to repeat three times, repeats nothing."""
    with pytest.raises(anthropic.APIStatusError):
        place.guarded(max_retries=3).messages.create(**ordered(orders))
    assert len(place.fake.attempts()) == 4
    assert len(place.charges()) == 4


def test_nobody_there(place: Place) -> None:
    with anthropic.Anthropic(base_url="http://127.0.0.1:9", api_key="k") as client:
        guarded = tidegate.guard(client, config=place.config).with_options(max_retries=3)
        with pytest.raises(anthropic.OverloadedError) as caught:
            guarded.messages.create(**HELLO)
    assert caught.value.response.headers["x-tidegate-reason"] == "upstream_down"
    assert tidegate.friendly(caught.value).retry_after == 5
    assert place.charges() == []
    agree(place)


@pytest.mark.parametrize("on_cut", ["drain", "estimate"])
def test_what_happens_on_a_cut_is_the_operators_choice(place: Place, on_cut: str) -> None:
    client = place.guarded({"policy": {"on_cut": on_cut}})
    with client.messages.create(**ordered("gap=0.001"), stream=True) as found:
        next(found)
    exactness = {"drain": "actual", "estimate": "estimated"}[on_cut]
    assert place.charges()[0][1:] == ("aborted", exactness)
    if on_cut == "drain":
        assert place.fake.attempts()[0].ending == "ok"
        agree(place)


def test_a_stream_closed_by_another_thread(place: Place) -> None:
    found = place.guarded().messages.create(**ordered("gap=0.3; output_tokens=max"), stream=True)
    next(found)
    ended: list[BaseException] = []

    def read() -> None:
        try:
            list(found)
        except BaseException as error:  # noqa: BLE001 - whatever the reader gets
            ended.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    found.close()
    thread.join(20)
    assert not thread.is_alive()
    until(lambda: place.running()[0].open_streams == 0)
    assert [charge[1] for charge in place.charges()] in (["aborted"], ["cut"])
    agree(place)


def test_callers_in_threads_tasks_and_executors(place: Place) -> None:
    client = place.guarded()

    def ask() -> None:
        client.messages.create(**HELLO)

    with tidegate.caller(user="u-bound", route="chat"):
        bound = threading.Thread(target=tidegate.bind(ask))
    bound.start()
    bound.join()
    ask()

    async def main() -> None:
        awaited = place.guarded_async()

        async def one(name: str) -> None:
            with tidegate.caller(user=name):
                await awaited.messages.create(**HELLO)

        await asyncio.gather(*(one(f"u-{n}") for n in range(20)))
        with tidegate.caller(user="u-executor"):
            await asyncio.get_running_loop().run_in_executor(None, tidegate.bind(ask))
            await asyncio.to_thread(ask)  # to_thread carries the whole context by itself
        await awaited.close()

    asyncio.run(main())
    users = [charge[0] for charge in place.charges()]
    assert users[:2] == ["u-bound", "anonymous"]
    assert sorted(users[2:22]) == sorted(f"u-{n}" for n in range(20))
    assert users[22:] == ["u-executor"] * 2
    agree(place)
