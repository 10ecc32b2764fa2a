"""Awaiting without the loop's hooks, and without letting it run: everything else is as with `await`."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any

import pytest

from tidegate.doors.guard.steps import PASSES, at_once, unlisted

WAYS = pytest.mark.parametrize("way", [unlisted, at_once])
Way = Callable[[Awaitable[Any]], Awaitable[Any]]


@WAYS
def test_what_comes_back(way: Way) -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(done.set_result, "well")
        return await done + "!"

    async def main() -> str:
        found: str = await way(work())
        return found

    assert asyncio.run(main()) == "well!"


@WAYS
@pytest.mark.parametrize("waits", [0, 1, 2])
def test_what_is_raised(way: Way, waits: int) -> None:
    async def work() -> None:
        for _ in range(waits):
            await asyncio.sleep(0.001)
        raise KeyError("x")

    async def main() -> None:
        await way(work())

    with pytest.raises(KeyError):
        asyncio.run(main())


@WAYS
def test_cancelled_where_it_waits(way: Way) -> None:
    seen: list[str] = []

    async def work() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            await asyncio.sleep(0.001)  # what is tidied up may wait, too
            seen.append("tidied")
        return "after all"

    async def main() -> str:
        async def inner() -> str:
            found: str = await way(work())
            return found

        task = asyncio.create_task(inner())
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert asyncio.run(main()) == "after all"
    assert seen == ["cancelled", "tidied"]


@WAYS
def test_closed_where_it_waits(way: Way) -> None:
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            seen.append("closed")

    async def main() -> None:
        async def inner() -> None:
            await way(work())

        coroutine = inner()
        coroutine.send(None)
        coroutine.close()

    asyncio.run(main())
    assert seen == ["closed"]


async def counting(seen: list[str]) -> AsyncIterator[int]:
    try:
        yield 1
        await asyncio.sleep(0)
        yield 2
    finally:
        seen.append("closed")


def test_generators_that_begin_are_not_the_loops() -> None:
    seen: list[str] = []

    async def main() -> list[int]:
        loop: Any = asyncio.get_running_loop()
        listed, own = counting(seen), counting(seen)

        async def begin() -> int:
            return await anext(own)

        found = [await anext(listed), await unlisted(begin())]
        assert list(loop._asyncgens) == [listed]
        assert await anext(own) == 2
        return found

    assert asyncio.run(main()) == [1, 1]
    gc.collect()
    assert seen == ["closed"], "the one of the loop; the other one was its owner's to close"


def test_what_begins_later_is_the_loops() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        later = counting([])

        async def work() -> int:
            await asyncio.sleep(0.001)
            return await anext(later)

        assert await unlisted(work()) == 1
        assert list(loop._asyncgens) == [later]
        await later.aclose()  # type: ignore[attr-defined]  # a generator

    asyncio.run(main())


@pytest.mark.parametrize("fails", [False, True])
def test_the_hooks_are_put_back(fails: bool) -> None:
    async def main() -> None:
        before = sys.get_asyncgen_hooks()

        async def work() -> None:
            assert sys.get_asyncgen_hooks() != before
            if fails:
                raise KeyError("x")

        try:
            await unlisted(work())
        except KeyError:
            assert fails
        assert sys.get_asyncgen_hooks() == before

    asyncio.run(main())


class Turns:
    """Lets the loop run so often."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __await__(self) -> Generator[None, None, str]:
        for _ in range(self.times):
            yield
        return "done"


@pytest.mark.parametrize(("times", "turns"), [(0, 0), (1, 0), (PASSES, 0), (PASSES + 3, 3)])
def test_the_loop_does_not_run_in_between(times: int, turns: int) -> None:
    """But whoever lets it run again and again is waiting for something: so it does."""
    steps: Any = at_once(Turns(times)).__await__()
    for _ in range(turns):
        assert steps.send(None) is None
    with pytest.raises(StopIteration) as end:
        steps.send(None)
    assert end.value.value == "done"
