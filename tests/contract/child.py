"""Another process on the same files; run as `python -m contract.child`.  Commands come in by line, answers go out.

open STORE LEDGER      open both, with a store in it, and close them
spend STORE LEDGER KIND NAME COUNT CENTS
                       ask for COUNT holds of CENTS and settle each at its whole cost
live STORE LEDGER KIND NAME COUNT
                       COUNT attempts (0: for ever) that are settled, released or left open
"""

import asyncio
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from random import Random
from typing import Any

import uvloop

from contract.places import RULES
from tidegate.core.run_now import run_now
from tidegate.databases.sqlite import AsyncFile, BlockingFile
from tidegate.ledgers.sqlite import SqliteLedger
from tidegate.model.call import Caller
from tidegate.model.errors import TidegateError
from tidegate.model.hold import Hold
from tidegate.policy.rules import Budget, Limit, Rules
from tidegate.policy.scopes import Scopes
from tidegate.stores import sqlite_journal
from tidegate.stores.sqlite import SqliteStore
from unit.policy.holds import CENT, ask, bill

sqlite_journal.SNAPSHOT, sqlite_journal.TAIL = 23, 11

AT_ONCE = 6
"""Tasks of an asynchronous child."""

GENEROUS = Rules(
    budgets=tuple(Budget(per=budget.per, amount=10**9 * CENT, every=budget.every) for budget in RULES.budgets),
    limits=tuple(
        Limit(per=limit.per, counts=limit.counts, amount=10**9, window=limit.window) for limit in RULES.limits
    ),
)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def now() -> int:
    return time.time_ns() // 1000


class Child:
    """One opened store."""

    def __init__(self, store_path: str, ledger_path: str, kind: str, rules: Rules) -> None:
        make: type[AsyncFile | BlockingFile] = BlockingFile if kind == "blocking" else AsyncFile
        self.kind = kind
        self.ledger_file = make(Path(ledger_path))
        ledger = SqliteLedger(self.ledger_file)
        if store_path == ledger_path:
            self.file = self.ledger_file
            self.store = SqliteStore(self.file, Scopes(rules), ledger, ledger.within)
        else:
            self.file = make(Path(store_path))
            self.store = SqliteStore(self.file, Scopes(rules), ledger)

    def run(self, *work: Coroutine[Any, Any, None]) -> None:
        async def together() -> None:
            await asyncio.gather(*work)

        if self.kind == "blocking":
            for one in work:
                run_now(one)
        else:
            uvloop.run(together())

    def close(self) -> None:
        self.file.close()
        if self.ledger_file is not self.file:
            self.ledger_file.close()

    async def spend(self, name: str, count: int, cents: int) -> None:
        for number in range(count):
            wanted = ask(f"{name}-{number}", cents * CENT, caller=Caller("chat", f"{name}{number}", "default"))
            hold = await self.store.admit(wanted, now())
            if isinstance(hold, Hold):
                await self.store.settle(hold, bill(hold, cents * CENT))
                say("spent", cents)

    async def live(self, name: str, count: int) -> None:
        rng = Random(name)
        number = 0
        while not count or number < count:
            number += 1
            end = rng.choice(["settled", "settled", "settled", "released", "left"])
            cents = rng.randint(1, 9)
            attempt = f"{name}-{number}-{end}"
            caller = Caller("chat", f"user{rng.randint(0, 3)}", "default")
            hold = await self.store.admit(ask(attempt, cents * CENT, caller=caller), now())
            assert isinstance(hold, Hold)
            say("held", attempt, hold.ask.bound.cost)
            if end == "settled":
                charge = bill(hold, rng.randint(0, cents) * CENT)
                assert await self.store.settle(hold, charge)
                say("charged", attempt, charge.cost)
            elif end == "released":
                await self.store.release(attempt)
                say("released", attempt, 0)
            if number % 7 == 0:
                await self.store.sweep(now())


def obey(command: str, *words: str) -> None:
    if command == "open":
        store_path, ledger_path = words
        Child(store_path, ledger_path, "blocking", RULES).close()
        say("opened")
        return
    store_path, ledger_path, kind, name, count, *rest = words
    child = Child(store_path, ledger_path, kind, RULES if command == "spend" else GENEROUS)
    names = [f"{name}{task}" for task in range(1 if kind == "blocking" else AT_ONCE)]
    if command == "spend":
        child.run(*[child.spend(one, int(count), int(rest[0])) for one in names])
    else:
        child.run(*[child.live(one, int(count)) for one in names])
    child.close()
    say("done")


if __name__ == "__main__":
    say("ready")
    for line in sys.stdin:
        try:
            obey(*line.split())
        except TidegateError as error:
            say("failed", error)
