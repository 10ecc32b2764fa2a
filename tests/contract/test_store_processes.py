"""Several processes on one file, and what is left when one of them is killed."""

import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random

import pytest

from contract.child import GENEROUS
from contract.places import RULES, Place, place
from tidegate.databases.sqlite import BlockingFile
from unit.policy.holds import CENT, LEASE

KEYS = 3
TESTS = Path(__file__).parents[1]
LAYOUTS = ["sqlite-blocking", "sqlite-blocking-two"]


class Process:
    """A child that takes commands."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "contract.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
            text=True,
        )

    def tell(self, *words: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()

    def lines(self) -> Iterator[list[str]]:
        """What it says, until it is done or dead."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not line.endswith("\n"):
                return  # cut in the middle of a word
            words = line.split()
            if words == ["done"]:
                return
            yield words

    def hear(self) -> list[str]:
        return next(self.lines())

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def children() -> Iterator[tuple[Process, Process]]:
    with ExitStack() as stack:
        pair = Process(), Process()
        for child in pair:
            stack.callback(child.close)
        assert [child.hear() for child in pair] == [["ready"], ["ready"]]
        yield pair


def paths(folder: Path, layout: str) -> tuple[Path, Path]:
    store = folder / "store.db"
    return store, folder / "ledger.db" if layout.endswith("two") else store


@pytest.mark.parametrize("layout", LAYOUTS)
def test_two_processes_spend_a_budget_to_the_last_cent(
    children: tuple[Process, Process], folder: Path, layout: str
) -> None:
    for child, kind, name in zip(children, ("async", "blocking"), ("a", "b"), strict=True):
        child.tell("spend", *paths(folder, layout), kind, name, 30 if kind == "async" else 120, 1)
    spent = [len([words for words in child.lines() if words[0] == "spent"]) for child in children]
    assert sum(spent) == 100
    with place(layout, folder, RULES) as here:
        assert here.money() == (KEYS * 100 * CENT, 0)
        assert sum(cost for cost, _ in here.ledger().values()) == 100 * CENT
        assert here.state() == here.fresh_state()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_totals_of_two_processes_are_exact(children: tuple[Process, Process], folder: Path, layout: str) -> None:
    for child, kind in zip(children, ("async", "blocking"), strict=True):
        child.tell("live", *paths(folder, layout), kind, kind, 40 if kind == "async" else 150)
    said = [words for child in children for words in child.lines()]
    with place(layout, folder, GENEROUS) as here:
        settled = {attempt: int(cost) for word, attempt, cost in said if word == "charged"}
        left = {attempt: int(cost) for word, attempt, cost in said if word == "held" and attempt.endswith("left")}
        assert Counter(words[0] for words in said)["held"] == 6 * 40 + 150
        assert {name: cost for name, (cost, _) in here.ledger().items()} == settled
        assert here.open_holds() == left.keys()
        assert here.money() == (KEYS * sum(settled.values()), KEYS * sum(left.values()))
        assert here.state() == here.fresh_state()
        expect_all_charged(here, said)


def expect_all_charged(here: Place, said: list[list[str]]) -> None:
    """After the leases have ended: one charge for each hold that anybody was told of, and the store agrees."""
    here.run(here.store.sweep(time.time_ns() // 1000 + 2 * LEASE))
    ledger = {name: cost for name, (cost, _) in here.ledger().items()}
    assert len(here.rows("SELECT 1 FROM charges")) == len(ledger)
    assert here.rows("SELECT 1 FROM adjustments") == []
    for word, attempt, cost in said:
        if word == "charged":
            assert ledger[attempt] == int(cost)
        elif word == "released":
            assert attempt not in ledger
        elif attempt.endswith("left"):
            assert ledger[attempt] == int(cost)
        elif attempt.endswith("settled"):
            assert 0 <= ledger[attempt] <= int(cost)
        else:
            assert ledger.get(attempt, int(cost)) == int(cost)
    assert here.open_holds() == set()
    assert here.money() == (KEYS * sum(ledger.values()), 0)
    assert not [tally for key, tally in here.tallies().items() if key[0] == "c"]
    assert here.state() == here.fresh_state()


@pytest.mark.parametrize("kind", ["async", "blocking"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_kill_9_at_any_moment(folder: Path, layout: str, kind: str) -> None:
    """One after the other takes over the file of a process that was killed."""
    rng = Random(f"{layout} {kind}")
    said: list[list[str]] = []
    for round_ in range(3):
        with closing(Process()) as child:
            child.hear()
            child.tell("live", *paths(folder, layout), kind, f"{kind}{round_}-", 0)
            wanted = rng.randint(1, 300)
            for words in child.lines():
                said.append(words)
                wanted -= 1
                if wanted == 0:
                    child.kill()  # what it has still said is read to its end
            assert wanted <= 0
        with place(layout, folder, GENEROUS) as here:
            assert here.state() == here.fresh_state()
            durable = here.open_holds() | set(here.ledger())
            for word, attempt, _ in said:
                if word == "held" and not attempt.endswith("released"):
                    assert attempt in durable
            expect_all_charged(here, said)


def test_a_fresh_file_opened_by_several_at_once(children: tuple[Process, Process], folder: Path) -> None:
    for number in range(25):
        both = folder / f"{number}.db", folder / (f"{number}.db" if number % 2 else f"{number}-ledger.db")
        for child in children:
            child.tell("open", *both)
        assert [child.hear() for child in children] == [["opened"], ["opened"]]
        for path in set(both):
            with closing(sqlite3.connect(path)) as db:
                rows = db.execute("SELECT part, script FROM migrations").fetchall()
                assert len(set(rows)) == len(rows) > 0
                assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            BlockingFile(path).close()
