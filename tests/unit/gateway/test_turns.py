"""The requests of one connection in one task."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tidegate.doors.gateway.turns import Turns


class Request:
    """As much of a cycle as the turns look at."""

    def __init__(self, name: str, log: list[Any]) -> None:
        self.name = name
        self.log = log
        self.task: asyncio.Task[None] | None = None
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.done = asyncio.Event()

    def failed(self, error: Exception) -> None:
        self.log.append(type(error))

    def ended(self) -> None:
        self.log.append(f"{self.name} ended")
        self.done.set()


class Connection:
    """The turns of a connection whose answers wait until they are told to go on."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.error: Exception | None = None
        self.turns = Turns(asyncio.get_running_loop(), self.tasks, self._answer)

    async def _answer(self, request: Any) -> None:
        self.log.append(f"{request.name} begins")
        request.begun.set()
        await request.go_on.wait()
        if self.error is not None:
            raise self.error

    def begin(self, name: str) -> Request:
        request = Request(name, self.log)
        self.turns.begin(request)  # type: ignore[arg-type]  # as much as is looked at
        return request


def run(test: Callable[[Connection], Awaitable[None]]) -> None:
    async def inside() -> None:
        await test(Connection())
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            await asyncio.wait(left)

    asyncio.run(inside())


async def finish(request: Request) -> None:
    request.go_on.set()
    await request.done.wait()


def test_one_task_for_one_request_after_another() -> None:
    async def test(connection: Connection) -> None:
        first = connection.begin("first")
        assert connection.tasks == {first.task}
        await finish(first)
        assert not connection.tasks, "who rests keeps nobody from ending"
        second = connection.begin("second")
        assert connection.tasks == {first.task}
        assert second.task is first.task
        await finish(second)
        connection.turns.end()
        assert second.task is not None
        await second.task

    run(test)


def test_a_request_waits_for_the_one_before() -> None:
    async def test(connection: Connection) -> None:
        first = connection.begin("first")
        await first.begun.wait()
        second = connection.begin("second")
        second.go_on.set()
        await finish(first)
        await second.done.wait()
        assert connection.log == ["first begins", "first ended", "second begins", "second ended"]
        connection.turns.end()

    run(test)


def test_an_error_is_told_and_the_next_is_answered() -> None:
    async def test(connection: Connection) -> None:
        connection.error = ValueError("a bug")
        await finish(connection.begin("first"))
        assert connection.log == ["first begins", ValueError, "first ended"]
        connection.error = None
        await finish(connection.begin("second"))
        assert connection.log[3:] == ["second begins", "second ended"]
        connection.turns.end()

    run(test)


def test_a_cancelled_request_ends_the_task_and_the_next_has_another() -> None:
    async def test(connection: Connection) -> None:
        first = connection.begin("first")
        assert first.task is not None
        await first.begun.wait()
        first.task.cancel()
        await asyncio.wait([first.task])
        assert first.task.cancelled()
        assert (connection.tasks, connection.log[-1]) == (set(), "first ended")
        second = connection.begin("second")
        assert second.task is not first.task
        await finish(second)
        connection.turns.end()

    run(test)


def test_the_end_of_the_connection_lets_the_request_at_hand_finish() -> None:
    async def test(connection: Connection) -> None:
        first = connection.begin("first")
        connection.turns.end()
        assert connection.tasks == {first.task}
        assert first.task is not None
        await finish(first)
        await asyncio.wait([first.task])
        assert not connection.tasks

    run(test)


def test_the_end_of_the_loop_may_come_first() -> None:
    """It cancels what waits; the connection is lost a moment later."""

    async def test(connection: Connection) -> None:
        first = connection.begin("first")
        assert first.task is not None
        await finish(first)
        first.task.cancel()
        connection.turns.end()
        await asyncio.wait([first.task])

    run(test)


@pytest.mark.parametrize("kept", [False, True])
def test_a_request_that_is_cancelled_before_it_begins_has_ended(kept: bool) -> None:
    """It comes in the very turn of the loop in which a gateway that ends cancels what runs."""

    async def test(connection: Connection) -> None:
        if kept:
            await finish(connection.begin("first"))
        late = connection.begin("late")
        assert late.task is not None
        late.task.cancel()
        await asyncio.wait([late.task])
        assert connection.log[-1] == "late ended"
        assert "late begins" not in connection.log
        assert not connection.tasks, "whoever waits for them would wait for ever"
        connection.turns.end()

    run(test)
