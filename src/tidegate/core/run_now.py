"""Run the core's flow without an event loop.

House rules of the flow, so that one text serves every door:
1. No loop, task, lock or time-out in the core: those are ports.
2. No shared state is changed across an `await`: atomicity belongs to the store.
3. What may happen twice is made idempotent by the attempt's id.
4. `settle` and `release` finish even under cancellation (the port's promise), and leases end.
5. Expected outcomes are values; only bugs and dead stores raise.
"""

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_now(coro: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine whose ports never suspend; RuntimeError when one does."""
    try:
        coro.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # StopIteration.value is typed Any
    finally:
        coro.close()
    raise RuntimeError("a blocking door was given a port that suspends")
