"""`tidegate usage`: reports as table, JSON and CSV."""

import csv
import io
import json
import time
from pathlib import Path

import pytest

from tidegate.cli import exits
from tidegate.cli.usage import usd
from tidegate.model.hold import Adjustment
from tidegate.model.usage import Usage
from unit.cli.conftest import Cli
from unit.cli.ledgers import charge, write

NOW = time.time_ns() // 1000
DAY = 24 * 3600 * 1_000_000


@pytest.fixture
def ledger(home: Path) -> None:
    write(
        home / "tidegate.db",
        charge("1", at=NOW - 5, cost=2_000_000_001),
        charge("2", at=NOW - 4, user_id="bob", route="sum", outcome="cut", exactness="assumed", cost=500),
        charge("3", at=NOW - 3, call_id="call-2", user_id="bob", route="sum", attempt=2, cost=700),
        charge("4", at=NOW - 9 * DAY, user_id="carol", cost=9, usage=Usage(cache_read_tokens=7)),
        adjustments=(Adjustment(adjusts="2", at=NOW, source="reconcile", cost_delta=-100),),
    )


def test_json_has_nano_dollars_and_exact_dollars(cli: Cli, ledger: None) -> None:
    document = json.loads(cli("usage", "users", "--since", "7d", "--json").out)
    assert document["by"] == "users"
    alice, bob = document["rows"]
    assert (alice["name"], alice["cost"], alice["cost_usd"]) == ("alice", 2_000_000_001, "2.000000001")
    assert (bob["calls"], bob["attempts"], bob["failed"]) == (1, 2, 1)
    assert (bob["cost"], bob["not_exact"], bob["not_exact_usd"]) == (1_100, 400, "0.000000400")
    assert document["total"]["cost"] == 2_000_001_101
    assert document["total"]["calls"] == 2


@pytest.mark.parametrize("by", ["users", "routes", "models", "apps", "days"])
def test_every_grouping_sums_to_the_same(cli: Cli, ledger: None, by: str) -> None:
    document = json.loads(cli("usage", by, "--json").out)
    assert document["total"]["cost"] == sum(row["cost"] for row in document["rows"]) == 2_000_001_110
    assert document["total"]["calls"] == 3


def test_csv_is_one_line_a_row(cli: Cli, ledger: None) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("usage", "routes", "--csv").out)))
    assert [row["route"] for row in rows] == ["default", "sum"]
    assert rows[1]["cost"] == "1100"
    assert rows[1]["cost_usd"] == "0.000001100"


def test_the_table_names_the_money(cli: Cli, ledger: None) -> None:
    ran = cli("usage")
    assert ran.code == exits.OK
    assert "cost, USD" in ran.out
    assert "2.000000" in ran.out
    assert "total" in ran.out


def test_since_and_until_bound_the_report(cli: Cli, ledger: None) -> None:
    assert len(json.loads(cli("usage", "--since", "2000-01-01", "--json").out)["rows"]) == 3
    old = json.loads(cli("usage", "--since", "20d", "--until", "8d", "--json").out)
    assert [row["name"] for row in old["rows"]] == ["carol"]


def test_until_includes_its_day(cli: Cli, home: Path) -> None:
    write(home / "tidegate.db", charge("1", at="2026-11-01T23:59:59Z"), charge("2", at="2026-11-02T00:00:00Z"))
    document = json.loads(cli("usage", "days", "--since", "2026-11-01", "--until", "2026-11-01", "--json").out)
    assert [row["name"] for row in document["rows"]] == ["2026-11-01"]


def test_an_empty_ledger_tells_how_to_begin(cli: Cli, home: Path) -> None:
    ran = cli("usage")
    assert ran.code == exits.OK
    assert "tidegate keys create" in ran.err
    assert "http://127.0.0.1:8787" in ran.err
    assert ran.out == ""
    assert list(home.iterdir()) == []
    assert json.loads(cli("usage", "--json").out)["rows"] == []


def test_an_empty_span_says_that_there_is_more(cli: Cli, home: Path) -> None:
    write(home / "tidegate.db", charge("1", at="2020-01-01T00:00:00Z"))
    assert "the ledger has others" in cli("usage").err


@pytest.mark.parametrize(
    "arguments",
    [("bananas",), ("--since", "yesterday"), ("--json", "--csv"), ("--since", "1d", "--until", "2d"), ("--since", "7")],
)
def test_wrong_usage(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert cli("usage", *arguments).code == exits.USAGE


@pytest.mark.parametrize(
    ("nano", "text"),
    [(0, "0.000000000"), (1, "0.000000001"), (-1_500_000_000, "-1.500000000"), (10**18, "1000000000.000000000")],
)
def test_usd_is_exact(nano: int, text: str) -> None:
    assert usd(nano) == text
