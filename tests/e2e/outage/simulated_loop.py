"""An event loop whose clock jumps to the next timer as soon as nothing is left to do: silence costs no time."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class JumpingLoop(asyncio.SelectorEventLoop):
    """Time passes only where everybody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self._at = 1_000.0

    def time(self) -> float:
        return self._at

    def _run_once(self) -> None:
        own: Any = self
        if not own._ready and own._scheduled:
            self._at = max(self._at, own._scheduled[0]._when)
        own_run: Any = super()
        own_run._run_once()

    @property
    def timers(self) -> int:
        """Timers that will still ring."""
        own: Any = self
        return sum(not handle.cancelled() for handle in own._scheduled)


def simulate(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in simulated time."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(main)
