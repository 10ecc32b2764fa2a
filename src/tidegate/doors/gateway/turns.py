"""The requests of a connection, one after another, in one task: to make one for each takes longer than to wait."""

from asyncio import AbstractEventLoop, Future, Task
from collections.abc import Callable, Coroutine
from typing import Any

from tidegate.doors.gateway.cycles import Cycle


class Turns:
    """What works on the requests of one connection.

    Its task is among `tasks`, which the end of the gateway waits for, as long as it works on one.
    """

    __slots__ = ("_answer", "_loop", "_next", "_over", "_task", "_tasks", "_turn")

    def __init__(
        self,
        loop: AbstractEventLoop,
        tasks: set[Task[None]],
        answer: Callable[[Cycle], Coroutine[Any, Any, None]],
    ) -> None:
        self._loop = loop
        self._tasks = tasks
        self._answer = answer
        self._task: Task[None] | None = None
        self._next: Cycle | None = None
        self._turn: Future[None] | None = None
        """What the task waits for when there is nothing to do."""
        self._over = False

    def begin(self, cycle: Cycle) -> None:
        """Answer this request, as soon as the one at hand is done."""
        self._next = cycle
        task = self._task
        if task is None:
            task = self._task = self._loop.create_task(self._work())
            task.add_done_callback(self._ended)
        else:
            self._wake()
        cycle.task = task
        self._tasks.add(task)

    def end(self) -> None:
        """The connection is lost: nothing follows."""
        self._over = True
        self._wake()

    def _wake(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None and not turn.done():  # at the end of the loop it may be cancelled
            turn.set_result(None)

    async def _work(self) -> None:
        while (cycle := self._next) is not None:
            self._next = None
            try:
                await self._answer(cycle)
            except Exception as error:  # noqa: BLE001 - one bug must not end what follows
                cycle.failed(error)
            finally:
                cycle.ended()
            if not (self._over or self._next):
                assert self._task is not None
                self._tasks.discard(self._task)
                cycle = None  # of thousands of connections that rest, the last requests would be a good part
                turn = self._turn = self._loop.create_future()
                await turn

    def _ended(self, task: Task[None]) -> None:
        """Nothing follows, or it was cancelled: perhaps before it could begin with a request."""
        self._tasks.discard(task)
        self._task = None
        cycle, self._next = self._next, None
        if cycle is not None:
            cycle.ended()
