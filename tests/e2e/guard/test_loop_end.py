"""Streams that are open when their event loop ends: settled, their connections ended, and not a word on stderr."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from e2e.guard.place import Place
from e2e.guard.test_settlement import HELLO, agree

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
SLOW: dict[str, Any] = {**HELLO, "extra_headers": {"x-fake-fault": "gap=0.2; output_tokens=max; tokens_per_event=1"}}
MANY = 12


@pytest.mark.parametrize("loop", LOOPS)
def test_streams_left_open(place: Place, loop: str) -> None:
    """asyncio closes the generators of all of them at once, in no order."""
    complaints: list[dict[str, Any]] = []
    kept: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        kept.append(place.guarded_async())
        for number in range(MANY):
            kept.append(await kept[0].messages.create(**SLOW, stream=True))
            for _ in range(1 + number % 3):
                await anext(kept[-1])

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(main())
    assert [context["message"] for context in complaints] == []
    place.settled()
    assert [charge[1:] for charge in place.charges()] == [("aborted", "assumed")] * MANY
    place.fake.wait(ended=MANY)
    assert {row.ending for row in place.fake.attempts()} == {"disconnected"}
    agree(place)


@pytest.mark.parametrize("loop", LOOPS)
def test_streams_lost_while_their_loop_runs(place: Place, loop: str) -> None:
    """Their connections end, although their generators are not the loop's to close."""
    complaints: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        client = place.guarded_async()
        for number in range(MANY):
            found = await client.messages.create(**SLOW, stream=True)
            for _ in range(number % 3):
                await anext(found)
            del found
        gc.collect()
        await asyncio.to_thread(place.fake.wait, ended=MANY)
        await client.close()

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(main())
    assert [context["message"] for context in complaints] == []
    assert {row.ending for row in place.fake.attempts()} == {"disconnected"}
    agree(place)


@pytest.mark.parametrize("events", [0, 1, 3])
def test_a_connection_is_used_again(place: Place, events: int) -> None:
    """What was read to its end goes back to the client's own pool, as without the guard; what was left does not."""

    async def main() -> None:
        client = place.guarded_async()
        for number in range(2):
            async with await client.messages.create(**(SLOW if number else HELLO), stream=True) as found:
                if number:
                    for _ in range(events):
                        await anext(found)
                else:
                    [event async for event in found]
        await client.messages.create(**HELLO)
        pool = client._client._transport.inner._pool  # type: ignore[attr-defined]  # the client's own
        assert [connection.is_idle() for connection in pool.connections] == [True]
        await client.close()

    asyncio.run(main())
    first, left, last = [row.connection for row in place.fake.attempts()]
    assert first == left
    assert last != left
    agree(place)
