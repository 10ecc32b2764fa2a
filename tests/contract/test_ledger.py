"""What every ledger promises: the columns that others read, one charge per attempt, one correction per source."""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from msgspec.structs import asdict, replace

from contract.places import AnyFile
from tidegate.core.ports import Ledger
from tidegate.core.run_now import run_now
from tidegate.databases.sqlite import AsyncFile, BlockingFile
from tidegate.ledgers.sqlite import SqliteLedger
from tidegate.model.call import Caller
from tidegate.model.errors import StoreDown
from tidegate.model.facts import CallRefused
from tidegate.model.hold import Adjustment, Charge
from tidegate.model.refusal import Refusal
from tidegate.model.times import parse_rfc3339
from tidegate.model.usage import Usage

Run = Callable[[Coroutine[Any, Any, Any]], Any]

AT = parse_rfc3339("2026-11-22T12:00:00.000001Z")
CHARGES = """
attempt_id, call_id, started_at, duration_ms, first_byte_ms, app, user_id, route, model_requested, model, upstream,
outcome, error_type, status, attempt, stop_reason, input_tokens, cache_read_tokens, cache_write_5m_tokens,
cache_write_1h_tokens, output_tokens, thinking_tokens, web_searches, service_tier, speed, geo, max_tokens, held, cost,
exactness, price_version, upstream_request_id"""
"""As the design names them, in its order."""

CHARGE = Charge(
    attempt_id="a1",
    call_id="c1",
    started_at=AT,
    duration_ms=1500,
    first_byte_ms=120,
    app="chat",
    user_id="ann",
    route="default",
    model_requested="claude-haiku-4-5",
    model="claude-haiku-4-5-20251001",
    upstream="anthropic",
    outcome="ok",
    error_type="overloaded_error",
    status=200,
    attempt=2,
    stop_reason="end_turn",
    usage=Usage(
        input_tokens=1,
        cache_read_tokens=2,
        cache_write_5m_tokens=3,
        cache_write_1h_tokens=4,
        output_tokens=5,
        thinking_tokens=6,
        web_searches=7,
        service_tier="standard",
        speed="fast",
        geo="us",
    ),
    max_tokens=512,
    held=9_000_000_000_000_000_000,
    cost=12_345_678_901,
    exactness="actual",
    price_version="2026-11",
    upstream_request_id="req_1",
)
EMPTY = replace(
    CHARGE,
    attempt_id="a2",
    first_byte_ms=None,
    error_type=None,
    status=None,
    stop_reason=None,
    usage=Usage(),
    upstream_request_id=None,
)


class Desk:
    def __init__(self, run: Run, file: AnyFile, ledger: Ledger) -> None:
        self._run = run
        self._file = file
        self.ledger = ledger

    def append(self, charge: Charge) -> bool:
        return bool(self._run(self.ledger.append(charge)))

    def adjust(self, delta: int, source: str = "reconcile", adjusts: str = "a1") -> bool:
        adjustment = Adjustment(adjusts=adjusts, at=AT, source=source, cost_delta=delta)
        return bool(self._run(self.ledger.adjust(adjustment)))

    def cost(self, attempt_id: str = "a1") -> object:
        return self._run(self.ledger.cost(attempt_id))

    def refused(self, refused: CallRefused) -> None:
        self._run(self.ledger.refused(refused))

    def rows(self, query: str) -> list[Any]:
        """As another program reads the file."""
        with closing(sqlite3.connect(self._file.path)) as db:
            return db.execute(query).fetchall()


@pytest.fixture(params=["asyncio", "uvloop", "blocking", "within"])
def desk(request: pytest.FixtureRequest, folder: Path) -> Iterator[Desk]:
    path = folder / "ledger.db"
    if request.param in ("blocking", "within"):
        with closing(BlockingFile(path)) as file:
            ledger = SqliteLedger(file)
            if request.param == "blocking":
                yield Desk(run_now, file, ledger)
            else:

                def in_transaction(work: Coroutine[Any, Any, Any]) -> Any:
                    return file.run_blocking(lambda _db: run_now(work))

                yield Desk(in_transaction, file, ledger.within(file._db))
        return
    loop = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
    with closing(AsyncFile(path)) as async_file, asyncio.Runner(loop_factory=loop) as runner:
        yield Desk(runner.run, async_file, SqliteLedger(async_file))


def columns(desk: Desk, table: str) -> list[str]:
    return [row[1] for row in desk.rows(f"PRAGMA table_info({table})")]


# -- what others read


def test_the_columns_of_charges(desk: Desk) -> None:
    assert columns(desk, "charges") == CHARGES.replace("\n", " ").strip().split(", ")


def test_the_columns_of_the_other_tables(desk: Desk) -> None:
    assert columns(desk, "adjustments")[:4] == ["adjusts", "at", "source", "cost_delta"]
    assert set(columns(desk, "refusals")) >= {"at", "app", "user_id", "route", "model", "reason", "scope"}


def test_every_field_of_a_charge_is_in_its_column(desk: Desk) -> None:
    assert desk.append(CHARGE)
    assert desk.append(EMPTY)
    names = columns(desk, "charges")
    for charge, row in zip((CHARGE, EMPTY), desk.rows("SELECT * FROM charges ORDER BY attempt_id"), strict=True):
        expected = {**asdict(charge), **asdict(charge.usage), "started_at": "2026-11-22T12:00:00.000001Z"}
        del expected["usage"]
        assert dict(zip(names, row, strict=True)) == expected


def test_times_are_rfc_3339_and_sort_as_text(desk: Desk) -> None:
    moments = ["1999-12-31T23:59:59Z", "2026-11-22T12:00:00Z", "2026-11-22T12:00:00.5Z", "2026-11-22T12:00:01Z"]
    for number, moment in enumerate(moments):
        desk.append(replace(CHARGE, attempt_id=f"{number}", started_at=parse_rfc3339(moment)))
    desk.adjust(1, adjusts="0")
    desk.refused(REFUSED)
    texts = [row[0] for row in desk.rows("SELECT started_at FROM charges ORDER BY attempt_id")]
    assert texts == sorted(texts)
    others = desk.rows("SELECT at FROM adjustments UNION ALL SELECT at FROM refusals")
    for text in [*texts, *(row[0] for row in others)]:
        assert text.endswith("Z")
        assert datetime.fromisoformat(text).utcoffset() == timedelta()


REFUSED = CallRefused(
    call_id="c1",
    at=AT,
    caller=Caller("chat", "ann", "default"),
    model="claude-haiku-4-5",
    refusal=Refusal(reason="budget_spent", scope="user", detail="not kept"),
)


def test_refusals_are_rows(desk: Desk) -> None:
    desk.refused(REFUSED)
    desk.refused(REFUSED)
    assert desk.rows("SELECT at, call_id, app, user_id, route, model, reason, scope FROM refusals") == [
        (
            *("2026-11-22T12:00:00.000001Z", "c1", "chat", "ann", "default"),
            *("claude-haiku-4-5", "budget_spent", "user"),
        )
    ] * 2  # fmt: skip


# -- money


def test_an_attempt_has_one_charge(desk: Desk) -> None:
    assert desk.append(CHARGE)
    assert not desk.append(CHARGE)
    assert not desk.append(replace(CHARGE, cost=1, outcome="crashed"))
    assert desk.rows("SELECT cost, outcome FROM charges") == [(12_345_678_901, "ok")]


def test_a_charge_has_one_adjustment_per_source(desk: Desk) -> None:
    desk.append(CHARGE)
    assert desk.adjust(-5, "late_settlement")
    assert not desk.adjust(-7, "late_settlement")
    assert desk.adjust(3, "reconcile")
    assert desk.rows("SELECT source, cost_delta FROM adjustments ORDER BY source") == [
        ("late_settlement", -5),
        ("reconcile", 3),
    ]


def test_the_cost_of_an_attempt_has_its_corrections_in_it(desk: Desk) -> None:
    assert desk.cost() is None
    desk.append(CHARGE)
    assert desk.cost() == CHARGE.cost
    desk.adjust(-5, "late_settlement")
    desk.adjust(3, "reconcile")
    desk.adjust(1000, adjusts="another")
    assert desk.cost() == CHARGE.cost - 2
    assert desk.cost("another") is None
    assert desk.rows("SELECT SUM(total_cost), SUM(cost) FROM costs") == [(CHARGE.cost - 2, CHARGE.cost)]


@pytest.mark.parametrize("column", ["app", "model", "exactness", "price_version"])
def test_what_cannot_be_written_is_not_taken_for_written(desk: Desk, column: str) -> None:
    """False means that the attempt has its charge already; a row that does not fit the table must not say so."""
    with pytest.raises((StoreDown, sqlite3.Error)):
        desk.append(replace(CHARGE, **{column: None}))
    with pytest.raises((StoreDown, sqlite3.Error)):
        desk.adjust(1, source=None)  # type: ignore[arg-type]  # what the table refuses
    assert desk.rows("SELECT 1 FROM charges UNION ALL SELECT 1 FROM adjustments") == []


def test_money_too_large_for_the_table_is_an_error(desk: Desk) -> None:
    with pytest.raises((StoreDown, OverflowError)):
        desk.append(replace(CHARGE, cost=2**63))
    assert desk.append(replace(CHARGE, cost=2**63 - 1))
    assert desk.cost() == 2**63 - 1


# -- migrations


def test_opening_again_changes_nothing(folder: Path) -> None:
    def schema(path: Path) -> list[Any]:
        with closing(sqlite3.connect(path)) as db:
            return db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()

    path = folder / "ledger.db"
    pictures = []
    for _ in range(3):
        with closing(BlockingFile(path)) as file:
            ledger = SqliteLedger(file)
            SqliteLedger(file)
            run_now(ledger.append(CHARGE))
        pictures.append(schema(path))
    assert pictures[0] == pictures[1] == pictures[2]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT COUNT(*) FROM charges").fetchone() == (1,)
        rows = db.execute("SELECT part, script FROM migrations").fetchall()
    assert len(rows) == len(set(rows))
    assert {script for _, script in rows} == {path.name for path in Path(_sql()).iterdir()}


def _sql() -> Path:
    module = __import__("tidegate.ledgers", fromlist=["sqlite"])
    return Path(module.__path__[0]) / "sql"


def test_every_script_ends_with_a_whole_statement() -> None:
    """What follows the last semicolon would be left out without a word."""
    for path in [*_sql().iterdir(), *(_sql().parents[1] / "stores" / "sql").iterdir()]:
        lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("--")]
        assert lines[-1].endswith(";"), path.name


def test_a_file_that_was_opened_again_takes_charges(folder: Path) -> None:
    """A charge behind a rollback, too: nothing of the connection of before is kept."""
    with closing(BlockingFile(folder / "ledger.db")) as file:
        ledger = SqliteLedger(file)

        def append(charge: Charge) -> bool:
            return file.run_blocking(lambda db: run_now(ledger.within(db).append(charge)))

        def append_and_fail(charge: Charge) -> bool:
            def work(db: sqlite3.Connection) -> bool:
                assert run_now(ledger.within(db).append(charge))
                raise LookupError

            return file.run_blocking(work)

        assert append(CHARGE)
        assert file.pause()
        file.resume()
        assert not append(CHARGE)
        with pytest.raises(LookupError):
            append_and_fail(EMPTY)
        assert append(EMPTY)
        assert not append(EMPTY)
