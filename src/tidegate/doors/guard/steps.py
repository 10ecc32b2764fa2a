"""Two ways to await that a stream needs when its event loop ends: asyncio then closes all async generators at once.

The generators of a reply stand inside each other, from the SDK's down to the one that reads the socket.  Whoever
closes an outer one closes the inner ones, too; where that has to wait, asyncio finds the inner ones busy and complains
of each on standard error.  So those below the guard are not the loop's to close, but the guard's; and the guard
closes without waiting.
"""

import sys
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

PASSES: Final = 8
"""A connection that is closed lets the loop run once, to be fair; who does so again and again is waiting."""


def unlisted(work: Awaitable[T]) -> Awaitable[T]:
    """Await it; the async generators that begin before it first waits are not the loop's to close."""
    return _Stepped(work, _without_hooks, 0)


def at_once(work: Awaitable[T]) -> Awaitable[T]:
    """Await it; where it only lets the loop run, it goes on."""
    return _Stepped(work, lambda step: step(), PASSES)


class _Stepped(Generic[T]):
    """As `yield from`, step by step."""

    def __init__(self, work: Awaitable[T], begin: Callable[[Callable[[], Any]], Any], passes: int) -> None:
        self._work = work
        self._begin = begin
        self._passes = passes

    def __await__(self) -> Generator[Any, Any, T]:
        steps: Any = self._work.__await__()
        step: Callable[[], Any] = partial(self._begin, partial(steps.send, None))
        while True:
            try:
                waits = step()
            except StopIteration as end:
                result: T = end.value
                return result
            if waits is None and self._passes:  # `sleep(0)`
                self._passes -= 1
                step = partial(steps.send, None)
                continue
            try:
                step = partial(steps.send, (yield waits))
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it is the inner one's to handle
                step = partial(steps.throw, error)


def _without_hooks(step: Callable[[], Any]) -> Any:
    hooks = sys.get_asyncgen_hooks()
    # One that is lost is not closed in passing: its connection is, by whoever settles the stream.
    sys.set_asyncgen_hooks(firstiter=None, finalizer=_forget)
    try:
        return step()
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _forget(_: object) -> None:
    pass
