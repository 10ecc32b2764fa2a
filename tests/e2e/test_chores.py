"""The chores of every second go on, whatever a round of them runs into: leases and the sweep depend on them."""

import asyncio
from typing import Any

from tidegate.doors.gateway.server import Chores
from tidegate.model.errors import StoreDown


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def error(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))

    info = error


def test_a_round_that_fails_is_told_and_is_not_the_last_one() -> None:
    failures: list[BaseException | None] = [RuntimeError("secret"), StoreDown("locked"), StoreDown("locked"), None]
    log = Log()

    async def keep() -> None:
        failure = failures.pop(0)
        if failure is not None:
            raise failure

    async def rounds() -> list[bool]:
        chores = Chores(keep, log)
        states = []
        for _ in range(4):
            await chores.once()
            states.append(chores.store_up)
        return states

    assert asyncio.run(rounds()) == [False, False, False, True]
    assert log.lines == [("chores_failed", {"error_type": "RuntimeError"}), ("store_up", {})]
