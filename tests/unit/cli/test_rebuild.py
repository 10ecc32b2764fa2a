"""`tidegate rebuild`: budgets from the ledger and the open holds, whatever stood in the store."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.cli import exits
from tidegate.core.run_now import run_now
from tidegate.databases.sqlite import BlockingFile
from tidegate.ledgers.sqlite import SqliteLedger
from tidegate.model.call import Bound, Caller
from tidegate.model.hold import Adjustment, Ask, Hold
from tidegate.model.times import parse_rfc3339
from tidegate.policy.budgets import Tally
from tidegate.policy.rules import Budget, Limit, Rules
from tidegate.policy.scopes import Scopes
from tidegate.stores.rebuild import Rebuilt, rebuild
from tidegate.stores.sqlite import SqliteStore
from unit.cli.conftest import Cli
from unit.cli.ledgers import charge, write

Files = tuple[BlockingFile, BlockingFile]
"""Of the store and of the ledger."""

NOW = parse_rfc3339("2026-11-22T10:00:00Z")
RULES = Rules(
    limits=(Limit(per=("user",), counts="concurrent", amount=5),),
    budgets=(
        Budget(per=("organization",), amount=10**12, every="total"),
        Budget(per=("user", "model"), amount=10**12, every="month"),
        Budget(per=("app",), where=(("app", ("chat",)),), amount=10**12, every="day"),
    ),
)
TOTAL = "b|organization|total||total"
ALICE = "b|user+model|month||alice|haiku|2026-11-01"
TODAY = "b|app|day|app=chat|chat|2026-11-22"


def one_name(model: str) -> str:
    return "haiku" if "haiku" in model else model


def ask(attempt_id: str, cost: int) -> Ask:
    return Ask(
        attempt_id=attempt_id,
        call_id=f"call-{attempt_id}",
        attempt=1,
        caller=Caller("chat", "alice", "default"),
        model="claude-haiku-4-5",
        scope_model="haiku",
        upstream="anthropic",
        bound=Bound(cost=cost, input_cost=1, input_tokens=1, output_tokens=1),
        max_tokens=1,
        price_version="test",
        lease=600_000_000,
    )


@pytest.fixture(params=["one file", "two files"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Files]:
    store = BlockingFile(tmp_path / "store.db")
    ledger = store if request.param == "one file" else BlockingFile(tmp_path / "ledger.db")
    yield store, ledger
    store.close()
    ledger.close()


@pytest.fixture
def store(files: Files) -> SqliteStore:
    file, ledger_file = files
    ledger = SqliteLedger(ledger_file)
    return SqliteStore(file, Scopes(RULES), ledger, ledger.within if file is ledger_file else None)


def run(files: Files) -> Rebuilt:
    """A rebuild in another process, as far as the store can tell."""
    file, ledger_file = files
    own = BlockingFile(file.path)
    ledger = own if ledger_file is file else BlockingFile(ledger_file.path)
    try:
        return rebuild(own, ledger, RULES, one_name, NOW)
    finally:
        own.close()
        ledger.close()


def tallies(file: BlockingFile) -> dict[str, Tally]:
    rows = file.read(lambda db: db.execute("SELECT key, settled, held FROM tallies").fetchall())
    return {key: Tally(settled, held) for key, settled, held in rows}


def admitted(store: SqliteStore, attempt_id: str, cost: int, now: int = NOW) -> Hold:
    hold = run_now(store.admit(ask(attempt_id, cost), now))
    assert isinstance(hold, Hold)
    return hold


def test_what_the_store_has_is_what_a_rebuild_makes(files: Files, store: SqliteStore) -> None:
    for number in range(5):
        hold = admitted(store, f"a{number}", 5_000)
        run_now(store.settle(hold, charge(f"a{number}", at=hold.admitted_at, cost=1_000 + number)))
    admitted(store, "open", 7_000)
    found = run(files)
    assert found.changes == ()
    assert found.open_holds == 1
    money = Tally(5_010, 7_000)
    assert tallies(files[0]) == {TOTAL: money, ALICE: money, TODAY: money, "c|user|0||alice": Tally(0, 1)}


def test_a_store_that_knows_nothing_learns_all_of_it(files: Files, store: SqliteStore) -> None:
    write(
        files[1].path,
        charge("1", at="2026-11-22T09:00:00Z", cost=10),
        charge("2", at="2026-11-21T23:59:59.999999Z", cost=100),
        charge("3", at="2026-10-31T23:59:59Z", cost=1_000),
        charge("4", at="2026-11-02T00:00:00Z", cost=10_000, app="other", model_requested="opus"),
        adjustments=(Adjustment(adjusts="1", at=NOW, source="reconcile", cost_delta=-4),),
    )
    found = run(files)
    assert tallies(files[0]) == {
        TOTAL: Tally(11_106),
        ALICE: Tally(106),
        "b|user+model|month||alice|opus|2026-11-01": Tally(10_000),
        TODAY: Tally(6),
    }
    assert {change.key: (change.settled_before, change.settled) for change in found.changes}[TODAY] == (0, 6)


def test_a_running_gateway_reads_what_was_rebuilt(files: Files, store: SqliteStore) -> None:
    hold = admitted(store, "1", 5_000)  # the store has its state in memory now
    write(files[1].path, charge("old", at="2026-11-22T01:00:00Z", cost=10**12 - 6_000))
    run(files)
    refused = run_now(store.admit(ask("2", 5_000), NOW + 10))
    assert not isinstance(refused, Hold)
    assert refused.reason == "budget_held"
    run_now(store.settle(hold, charge("1", at=hold.admitted_at, cost=1)))
    assert isinstance(run_now(store.admit(ask("3", 5_000), NOW + 20)), Hold)


def test_a_charge_whose_hold_is_still_open_counts_once(tmp_path: Path) -> None:
    """Between the two steps of a settlement over two files."""
    file, ledger_file = BlockingFile(tmp_path / "store.db"), BlockingFile(tmp_path / "ledger.db")
    ledger = SqliteLedger(ledger_file)
    store = SqliteStore(file, Scopes(RULES), ledger)
    hold = admitted(store, "1", 5_000)
    run_now(ledger.append(charge("1", at=hold.admitted_at, cost=1_000)))
    run((file, ledger_file))
    assert tallies(file)[TOTAL] == Tally(0, 5_000)
    run_now(store.sweep(hold.lease_until))  # the sweep finds the charge and closes the hold
    run_now(store.save())
    assert tallies(file)[TOTAL] == Tally(1_000, 0)
    run((file, ledger_file))
    assert tallies(file)[TOTAL] == Tally(1_000, 0)
    file.close()
    ledger_file.close()


def test_budgets_that_are_gone_keep_only_what_is_held(files: Files, store: SqliteStore) -> None:
    hold = admitted(store, "1", 5_000)
    own = BlockingFile(files[0].path)
    ledger = own if files[0] is files[1] else BlockingFile(files[1].path)
    rebuild(own, ledger, Rules(), one_name, NOW)
    own.close()
    ledger.close()
    assert tallies(files[0])[TOTAL] == Tally(0, 5_000)
    run_now(store.settle(hold, charge("1", at=hold.admitted_at, cost=1)))
    run_now(store.save())
    assert tallies(files[0])[TOTAL] == Tally(1, 0)


CONFIG = """
[[budgets]]
per = "user"
amount = "5 USD"
every = "total"
"""


def test_the_command_tells_what_it_corrected(cli: Cli, home: Path) -> None:
    (home / "tidegate.toml").write_text(CONFIG)
    write(home / "tidegate.db", charge("1", cost=1_500_000_000))
    ran = cli("rebuild")
    assert ran.code == exits.OK
    assert "user, total" in ran.out
    assert "1.500000 USD" in ran.out
    assert "1 tallies, 0 open holds" in ran.err
    again = cli("rebuild", "--json")
    assert json.loads(again.out) == {"tallies": 1, "open_holds": 0, "changes": []}


def test_without_a_ledger_nothing_is_done(cli: Cli, home: Path) -> None:
    (home / "tidegate.toml").write_text(CONFIG)
    ran = cli("rebuild")
    assert ran.code == exits.NOT_FOUND
    assert ran.err.startswith("error: there is no ledger ")
    assert not (home / "tidegate.db").exists()


def test_memory_has_nothing_to_rebuild(cli: Cli, home: Path) -> None:
    (home / "tidegate.toml").write_text('[store]\nurl = "memory://"\n' + CONFIG)
    assert cli("rebuild").code == exits.USAGE
