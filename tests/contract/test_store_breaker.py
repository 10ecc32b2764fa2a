"""The breaker in every store: shared by all who share the store, kept by a restart, moved by nobody who asks in vain.

Run as a program, it is another process on the same file; commands come in by line, answers go out:

    fail COUNT      admit that many attempts and let them fail
    ask NAME        one attempt: `probe`, `sent`, or `open SECONDS`
    well NAME       the attempt of that name ends well
"""

import asyncio
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import resources
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from contract.places import FILES, RULES, TWINS, Place, frequent_snapshots, place
from tidegate.core.run_now import run_now
from tidegate.databases.sqlite import BlockingFile
from tidegate.ledgers.sqlite import SqliteLedger
from tidegate.model.call import Caller
from tidegate.model.hold import Ask, Hold
from tidegate.model.refusal import Refusal
from tidegate.model.times import SECOND, parse_rfc3339
from tidegate.policy.breaker import LEAST, Circuit
from tidegate.policy.crash import crashed
from tidegate.policy.rules import Breaker
from tidegate.policy.scopes import Scopes
from tidegate.stores.sqlite import SqliteStore
from unit.policy.holds import CENT, ask, bill

NOW = parse_rfc3339("2026-11-22T12:00:00Z")
HAIKU = "anthropic/haiku"
AFTER = int(Breaker().probe_after * SECOND)
PRESENT = Breaker()
TESTS = Path(__file__).parents[1]

IDS = count()


def an_ask(name: str = "", cost: int = 0, **fields: Any) -> Ask:
    number = next(IDS)
    caller = Caller("chat", f"user{number}", "default")
    return replace(ask(name or f"a{number}", cost, caller=caller, tokens=(0, 0)), circuit=HAIKU, **fields)


def admit(here: Place, now: int, name: str = "", cost: int = 0) -> Hold | Refusal:
    return here.run(here.store.admit(an_ask(name, cost), now))


def sent(here: Place, now: int, name: str = "") -> Hold:
    hold = admit(here, now, name)
    assert isinstance(hold, Hold), hold
    return hold


def refused(here: Place, now: int) -> Refusal:
    refusal = admit(here, now)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "breaker_open"
    return refusal


def fail(here: Place, hold: Hold) -> None:
    charge = replace(bill(hold, 0, duration_ms=0), outcome="upstream_error", status=529)
    here.run(here.store.settle(hold, charge))


def go_down(here: Place, now: int = NOW) -> int:
    """Twenty attempts fail; the time after the last of them."""
    holds = [sent(here, now) for _ in range(LEAST)]
    for hold in holds:
        fail(here, hold)
    last = max(hold.admitted_at for hold in holds)
    assert refused(here, last).retry_after == pytest.approx(PRESENT.probe_after, abs=0.001)
    return last


def circuit(here: Place) -> Circuit:
    return here.run(here.store.circuits()).get(HAIKU, Circuit())


# -- every store


def test_it_opens_tells_how_long_probes_once_and_closes(here: Place) -> None:
    last = go_down(here)
    assert circuit(here).probe_at == pytest.approx(last + AFTER, abs=1_000)
    assert refused(here, last + 2 * SECOND).retry_after == pytest.approx(3, abs=0.001)
    probe = sent(here, last + AFTER)
    assert probe.probe
    assert refused(here, last + AFTER).retry_after == pytest.approx(5, abs=0.001)
    here.run(here.store.settle(probe, bill(probe, 0)))
    assert circuit(here).probe_at == 0
    assert not sent(here, last + AFTER).probe


def test_a_stream_closes_it_when_its_answer_begins(here: Place) -> None:
    last = go_down(here)
    probe = sent(here, last + AFTER)
    here.run(here.store.probed(probe.ask.attempt_id, last + AFTER + SECOND))
    assert circuit(here).probe_at == 0
    assert not sent(here, last + AFTER + SECOND).probe
    fail(here, probe)
    assert circuit(here).probe_at == 0


def test_whom_nobody_could_reach_opens_it(here: Place) -> None:
    for hold in [sent(here, NOW) for _ in range(LEAST)]:
        here.run(here.store.release(hold.ask.attempt_id, NOW))
    assert circuit(here).probe_at == NOW + AFTER


def test_who_left_says_nothing(here: Place) -> None:
    for hold in [sent(here, NOW) for _ in range(3 * LEAST)]:
        here.run(here.store.release(hold.ask.attempt_id))
    for hold in [sent(here, NOW) for _ in range(LEAST)]:
        charge = replace(bill(hold, 0, duration_ms=0), outcome="aborted", status=None)
        here.run(here.store.settle(hold, charge))
    assert circuit(here) == Circuit()


def test_one_probe_an_interval_whatever_becomes_of_it(here: Place) -> None:
    """One hangs, one fails, one is given back, one is killed and swept: the next goes on time."""
    at = go_down(here)
    for number, end in enumerate(("hangs", "fails", "given back", "unreached", "swept")):
        at += AFTER + SECOND // 100
        probe = sent(here, at, f"probe{number}")
        assert probe.probe
        if end == "fails":
            fail(here, probe)
        elif end == "given back":
            here.run(here.store.release(probe.ask.attempt_id))
        elif end == "unreached":
            here.run(here.store.release(probe.ask.attempt_id, at + 4 * SECOND))
        elif end == "swept":
            here.run(here.store.sweep(at + 3600 * SECOND))
        assert refused(here, at + AFTER - SECOND).retry_after == pytest.approx(1, abs=0.01)


def test_a_budget_does_not_use_up_the_probe(here: Place) -> None:
    last = go_down(here)
    for _ in range(3):
        refusal = admit(here, last + AFTER, cost=101 * CENT)
        assert isinstance(refusal, Refusal)
        assert refusal.reason == "budget_spent"
    assert sent(here, last + AFTER).probe


def test_who_is_refused_by_it_has_used_nothing(here: Place) -> None:
    go_down(here)
    before = here.state()
    for _ in range(5):
        refused(here, NOW + SECOND)
    assert here.state() == before


def test_each_family_and_each_upstream_has_its_own(here: Place) -> None:
    last = go_down(here)
    for other in ("anthropic/sonnet", "two/haiku"):
        hold = here.run(here.store.admit(replace(an_ask(), circuit=other), last))
        assert isinstance(hold, Hold)
        assert not hold.probe
    refused(here, last)


def test_a_settlement_that_comes_twice_counts_once(here: Place) -> None:
    for hold in [sent(here, NOW) for _ in range(LEAST - 1)]:
        fail(here, hold)
        fail(here, hold)
    assert circuit(here).probe_at == 0


def test_what_was_swept_says_nothing_even_when_it_comes_late(here: Place) -> None:
    holds = [sent(here, NOW) for _ in range(2 * LEAST)]
    here.run(here.store.sweep(NOW + 3600 * SECOND))
    for hold in holds:
        fail(here, hold)
    assert circuit(here) == Circuit()


def test_a_look_is_a_copy(here: Place) -> None:
    fail(here, sent(here, NOW))
    before = circuit(here)
    assert [slot[2] for slot in before.slots] == [1]
    fail(here, sent(here, NOW))
    assert [slot[2] for slot in before.slots] == [1]
    assert [slot[2] for slot in circuit(here).slots] == [2]


# -- files: shared and kept


@pytest.fixture(params=FILES + TWINS)
def file_here(request: pytest.FixtureRequest, folder: Path) -> Iterator[Place]:
    with frequent_snapshots(), place(request.param, folder, RULES) as found:
        yield found


def test_a_restart_keeps_it(file_here: Place) -> None:
    last = go_down(file_here)
    before = circuit(file_here)
    file_here.reopen()
    assert circuit(file_here) == before
    refused(file_here, last + SECOND)
    probe = sent(file_here, last + AFTER)
    file_here.reopen()
    refused(file_here, last + AFTER + SECOND)
    file_here.run(file_here.store.settle(probe, bill(probe, 0)))
    file_here.reopen()
    assert circuit(file_here).probe_at == 0


def test_a_restart_keeps_a_window_that_is_half_full(file_here: Place) -> None:
    for _ in range(LEAST - 1):
        fail(file_here, sent(file_here, NOW))
    file_here.reopen()
    assert circuit(file_here).probe_at == 0
    fail(file_here, sent(file_here, NOW))
    assert circuit(file_here).probe_at > 0


@pytest.mark.parametrize("every", [1, 2, 1000])
@pytest.mark.parametrize("tail", [0, 3, 1000])
def test_two_on_one_file_share_it_wherever_the_snapshots_fall(folder: Path, every: int, tail: int) -> None:
    with frequent_snapshots(every, tail), place("sqlite-blocking", folder, RULES) as one:
        other = one.open()
        last = go_down(one)
        answer = one.run(other.admit(an_ask(), last + SECOND))
        assert isinstance(answer, Refusal)
        assert answer.reason == "breaker_open"
        probe = one.run(other.admit(an_ask(), last + AFTER))
        assert isinstance(probe, Hold)
        assert probe.probe
        refused(one, last + AFTER)
        one.run(other.settle(probe, bill(probe, 0)))
        assert circuit(one) == one.run(other.circuits())[HAIKU]
        assert not sent(one, last + AFTER).probe


def test_who_must_forget_what_it_knew_counts_nothing_twice(folder: Path) -> None:
    """As after a rebuild, or a transaction that was rolled back: all is read again."""
    with place("sqlite-blocking", folder, RULES) as here:
        for _ in range(LEAST - 2):
            fail(here, sent(here, NOW))
        with closing(sqlite3.connect(folder / "store.db", isolation_level=None)) as db:
            db.execute("UPDATE snapshot SET epoch = epoch + 1")
        fail(here, sent(here, NOW))
        assert circuit(here).probe_at == 0
        assert sum(bad for _, _, bad in circuit(here).slots) == LEAST - 1


# -- real processes

CHILD = [sys.executable, "-m", "contract.test_store_breaker"]


class Process:
    """A child on a file; it answers each command with one line."""

    def __init__(self, file: Path) -> None:
        self._process = subprocess.Popen(
            [*CHILD, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
            text=True,
        )
        assert self._hear() == "ready"

    def tell(self, *words: object) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def processes(file: Path, number: int) -> Iterator[list[Process]]:
    made: list[Process] = []
    try:
        made += [Process(file) for _ in range(number)]
        yield made
    finally:
        for one in made:
            one.kill()


def test_processes_share_it_and_one_of_them_probes(folder: Path) -> None:
    """Two see half of the failures each; of all who ask at the same moment one is the probe, and it is killed."""
    with processes(folder / "store.db", 3) as (one, two, three):
        one.tell("fail", LEAST // 2)
        assert two.tell("ask", "x") == "sent"
        two.tell("fail", LEAST // 2)
        told = [child.tell("ask", "y").split()[0] for child in (one, two, three)]
        assert told == ["open"] * 3
        later([one, two, three], three.tell("ask", "z").split()[1])
        answers = asked_at_once([one, two, three])
        assert sorted(answer.split()[0] for answer in answers.values()) == ["open", "open", "probe"]
        (prober,) = [child for child, answer in answers.items() if answer == "probe"]
        prober.kill()
        left = [child for child in (one, two, three) if child is not prober]
        assert {child.tell("ask", "w").split()[0] for child in left} == {"open"}, "the interval is its own"
        later(left, left[0].tell("ask", "v").split()[1])
        name = "again"
        assert left[0].tell("ask", name) == "probe"
        left[0].tell("well", name)
        assert {child.tell("ask", f"{at}") for at, child in enumerate(left)} == {"sent"}


def later(children: list[Process], seconds: str) -> None:
    """That time goes by for all of them."""
    assert {child.tell("later", seconds) for child in children} == {"later"}


def asked_at_once(children: list[Process]) -> dict[Process, str]:
    answers: dict[Process, str] = {}
    threads = [
        Thread(target=lambda child=child, at=at: answers.update({child: child.tell("ask", f"once{at}")}))
        for at, child in enumerate(children)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_of_many_who_ask_at_once_one_is_the_probe(folder: Path) -> None:
    with frequent_snapshots(), place("sqlite-async", folder, RULES) as here:
        last = go_down(here)

        async def crowd() -> list[Hold | Refusal]:
            other = here.open()
            stores = [here.store, other]
            return await asyncio.gather(*[stores[at % 2].admit(an_ask(), last + AFTER) for at in range(40)])

        answers = here.run(crowd())
        assert len([one for one in answers if isinstance(one, Hold)]) == 1


# -- files from before there was a breaker


def old(value: Any) -> bytes:
    return msgspec.msgpack.encode(value)


def old_ask(name: str, cost: int) -> list[Any]:
    """As `Ask` was written: eleven fields, no circuit, no `slow`."""
    fields = msgspec.to_builtins(ask(name, cost))
    assert isinstance(fields, list)
    return list(fields[:11])


def test_an_old_journal_is_read_as_it_was_meant(folder: Path) -> None:
    """Four kinds of entries as the version before wrote them, in a file with the tables of that version."""
    path = folder / "store.db"
    entry = ["b|organization|month||2026-11-01", 7 * CENT, 0]
    entries = [
        ["admitted", [old_ask("settled", 7 * CENT), NOW, NOW + SECOND, [entry]]],
        ["admitted", [old_ask("released", 7 * CENT), NOW + 1, NOW + SECOND, [entry]]],
        ["admitted", [old_ask("open", 7 * CENT), NOW + 2, NOW + SECOND, [entry]]],
        ["settled", "settled", 5 * CENT, [10, 5]],
        ["released", "released"],
        ["renewed", ["open"], NOW + 9 * SECOND],
    ]
    with closing(sqlite3.connect(path)) as db:
        db.executescript((resources.files("tidegate.stores") / "sql" / "0001_state.sql").read_text())
        db.execute("CREATE TABLE migrations (part TEXT, script TEXT, PRIMARY KEY (part, script)) WITHOUT ROWID")
        db.execute("INSERT INTO migrations VALUES ('store', '0001_state.sql')")
        db.executemany("INSERT INTO journal VALUES (?, ?)", [(at, old(one)) for at, one in enumerate(entries, 1)])
        db.commit()
    with place("sqlite-blocking", folder, RULES) as here:
        assert circuit(here) == Circuit()
        assert here.open_holds() == {"open"}
        assert here.money() == (5 * CENT, 7 * CENT)
        state: Any = here.state()
        hold = state[2]["open"]
        assert (hold.probe, hold.ask.circuit, hold.ask.slow) == (False, "", 0)
        assert hold.lease_until == NOW + 9 * SECOND
        fail(here, hold)
        assert here.run(here.store.circuits()) == {}, "what had no circuit has none now"
        go_down(here, NOW + SECOND)


def test_a_file_whose_script_had_another_name_is_opened(folder: Path) -> None:
    """As a version made it in which the second script was named 0002-circuits.sql."""
    with place("sqlite-blocking", folder, RULES) as here:
        go_down(here)
        before = circuit(here)
    with closing(sqlite3.connect(folder / "store.db")) as db:
        db.execute("UPDATE migrations SET script = '0002-circuits.sql' WHERE script = '0002_circuits.sql'")
        db.commit()
    with place("sqlite-blocking", folder, RULES) as here:
        assert circuit(here) == before


def test_a_snapshot_of_an_old_hold_is_read_as_well(folder: Path) -> None:
    with place("sqlite-blocking", folder, RULES) as here:
        sent(here, NOW, "open")
        here.run(here.store.save())  # type: ignore[attr-defined]  # of files only
    with closing(sqlite3.connect(folder / "store.db")) as db:
        blob = old([old_ask("open", 0), NOW, NOW + SECOND, []])
        db.execute("UPDATE holds SET hold = ?", (blob,))
        db.commit()
    with place("sqlite-blocking", folder, RULES) as here:
        assert here.open_holds() == {"open"}
        here.run(here.store.sweep(NOW + 3600 * SECOND))
        assert here.open_holds() == set()


# -- the other process


class Child:
    """A store on a file; its time is the real one, and whatever it was told has gone by besides."""

    def __init__(self, path: Path) -> None:
        file = BlockingFile(path)
        ledger = SqliteLedger(file)
        self._store = SqliteStore(file, Scopes(RULES), ledger, ledger.within)
        self._holds: dict[str, Hold] = {}
        self._ids = count()
        self._ahead = 0

    def obey(self, command: str, argument: str) -> str:
        if command == "fail":
            for _ in range(int(argument)):
                self._end(self._admitted(), "upstream_error", 529)
            return "failed"
        if command == "later":
            self._ahead += round(float(argument) * SECOND)
            return "later"
        if command == "well":
            self._end(self._holds.pop(argument), "ok", 200)
            return "ended"
        answer = self._asked()
        if isinstance(answer, Refusal):
            return f"open {answer.retry_after}"
        self._holds[argument] = answer
        return "probe" if answer.probe else "sent"

    def _now(self) -> int:
        return time.time_ns() // 1000 + self._ahead

    def _asked(self) -> Hold | Refusal:
        return run_now(self._store.admit(an_ask(f"{os.getpid()}-{next(self._ids)}"), self._now()))

    def _admitted(self) -> Hold:
        hold = self._asked()
        assert isinstance(hold, Hold)
        return hold

    def _end(self, hold: Hold, outcome: Any, status: int) -> None:
        ended_at = self._now()
        charge = replace(
            crashed(hold, ended_at),
            outcome=outcome, status=status, cost=0, duration_ms=(ended_at - hold.admitted_at) // 1000,
        )  # fmt: skip
        run_now(self._store.settle(hold, charge))


def main(path: Path) -> None:
    child = Child(path)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(child.obey(*line.split()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
