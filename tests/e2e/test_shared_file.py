"""Two processes on one file: each applies what the other wrote exactly once, also over a snapshot."""

from pathlib import Path

import pytest

from tidegate.core.run_now import run_now
from tidegate.databases.sqlite import BlockingFile
from tidegate.ledgers.sqlite import SqliteLedger
from tidegate.model.call import Bound, Caller
from tidegate.model.hold import Ask, Charge, Hold
from tidegate.model.usage import Usage
from tidegate.policy.crash import crashed
from tidegate.policy.rules import Budget, Rules
from tidegate.policy.scopes import Scopes
from tidegate.stores import sqlite_journal
from tidegate.stores.sqlite import SqliteStore

RULES = Rules(budgets=(Budget(per=("user",), amount=10**12, every="total"),))
NOW = 1_790_000_000_000_000


class Process:
    """What a gateway process has of the file."""

    def __init__(self, file: Path) -> None:
        self.file = BlockingFile(file)
        ledger = SqliteLedger(self.file)
        self.store = SqliteStore(self.file, Scopes(RULES), ledger, ledger.within)

    def spend(self, number: int, user: str) -> None:
        ask = Ask(
            attempt_id=f"attempt-{number:06d}",
            call_id="call",
            attempt=1,
            caller=Caller("app", user, "default"),
            model="m",
            scope_model="m",
            upstream="x",
            bound=Bound(cost=100, input_cost=50, input_tokens=1, output_tokens=1),
            max_tokens=1,
            price_version="1",
            lease=10**12,
        )
        hold = run_now(self.store.admit(ask, NOW))
        assert isinstance(hold, Hold)
        assert run_now(self.store.settle(hold, paid(hold)))

    def settled(self, user: str) -> int:
        return self.store._journal.live.states.tally(f"b|user|total||{user}|total").settled


def paid(hold: Hold) -> Charge:
    whole = crashed(hold, NOW)
    fields = {name: getattr(whole, name) for name in whole.__struct_fields__}
    return Charge(**{**fields, "outcome": "ok", "exactness": "actual", "cost": 60, "usage": Usage()})


@pytest.mark.parametrize("before", [0, 1, 15, 16, 17, 40, 100])
def test_a_process_that_lags_over_a_snapshot_counts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """Users that it has never seen spend while another process writes the snapshot."""
    monkeypatch.setattr(sqlite_journal, "SNAPSHOT", 64)
    monkeypatch.setattr(sqlite_journal, "TAIL", 128)
    busy, lazy = Process(tmp_path / "t.db"), Process(tmp_path / "t.db")
    for number in range(before):
        busy.spend(number, f"user-{number}")
    lazy.spend(1_000, "lazy")  # it has read everything up to here
    for number in range(before, before + 60):
        busy.spend(number, f"user-{number}")
    lazy.spend(1_001, "lazy")
    wrong = {
        user: lazy.settled(user)
        for user in [f"user-{number}" for number in range(before + 60)]
        if lazy.settled(user) != 60
    }
    assert wrong == {}
    assert lazy.settled("lazy") == 120
    for process in (busy, lazy):
        process.file.close()
