"""reference/ledger.md and the database name the same tables, columns, types and words; its queries run."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest

from docs.pages import Block, blocks, code_spans, one, page, plain, tables, text_of
from tidegate.databases.sqlite import BlockingFile
from tidegate.ledgers.sqlite import SqliteLedger
from tidegate.model.usage import Exactness, Outcome
from tidegate.policy.usage_json import GEOS, SPEEDS, TIERS

LEDGER = page("reference/ledger.md")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """An empty file with the tables of ledger and store."""
    path: Path = tmp_path_factory.mktemp("ledger") / "tidegate.db"
    file = BlockingFile(path)
    SqliteLedger(file)
    file.migrate("store", "tidegate.stores")
    file.close()
    with closing(sqlite3.connect(path)) as db:
        yield db


def columns(db: sqlite3.Connection, table: str) -> dict[str, str]:
    """Name and type, as the page writes it."""
    info = db.execute('SELECT name, type, "notnull", pk FROM pragma_table_info(?)', (table,)).fetchall()
    return {name: kind if needed or key else f"{kind} or null" for name, kind, needed, key in info}


@pytest.mark.parametrize("table", ["charges", "adjustments", "refusals", "keys"])
def test_the_columns_of_a_table(database: sqlite3.Connection, table: str) -> None:
    documented = {plain(row[0]): row[1] for row in one(LEDGER, f"`{table}`").rows}
    assert documented == columns(database, table)
    assert list(documented) == list(columns(database, table))


def test_the_view(database: sqlite3.Connection) -> None:
    more = {plain(row[0]) for row in one(LEDGER, "`costs`").rows}
    assert set(columns(database, "charges")) | more == set(columns(database, "costs"))


def test_every_table_is_named(database: sqlite3.Connection) -> None:
    (overview,) = [table for table in tables(LEDGER) if table.title == "Ledger"]
    (others,) = [line for line in text_of(LEDGER).split("\n") if line.startswith("These belong to the store")]
    named = {plain(cell) for cell in overview.column("table")} | set(code_spans(others))
    found = database.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')").fetchall()
    assert named == {name for (name,) in found}


def test_words() -> None:
    assert tuple(plain(cell) for cell in one(LEDGER, "Outcome").column("outcome")) == get_args(Outcome)
    assert {plain(cell) for cell in one(LEDGER, "Exactness").column("exactness")} == set(get_args(Exactness))
    meaning = {plain(row[0]): row[2] for row in one(LEDGER, "`charges`").rows}
    for column, known in (("service_tier", TIERS), ("speed", SPEEDS), ("geo", GEOS)):
        assert set(code_spans(meaning[column])) == {word for word in known.values() if word} | {"other"}


def test_sources_of_adjustments() -> None:
    source = (Path(__file__).parents[2] / "src/tidegate/stores/order.py").read_text()
    (row,) = [row for row in one(LEDGER, "`adjustments`").rows if row[0] == "`source`"]
    assert all(f'source="{name}"' in source for name in code_spans(row[2]))


@pytest.mark.parametrize("block", blocks(LEDGER, "sql"), ids=lambda block: f"line {block.line}")
def test_a_query_runs(database: sqlite3.Connection, block: Block) -> None:
    database.execute(block.text).fetchall()
