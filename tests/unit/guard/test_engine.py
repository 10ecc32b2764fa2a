"""What a process shares, what a fork leaves behind, and how it ends."""

import os
import sqlite3
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

import tidegate
from tidegate.databases.sqlite import BlockingFile
from tidegate.doors.guard.engine import REGISTRY, end_all, say_bug
from tidegate.model.errors import StoreDown
from unit.guard.scripted import HELLO, Scripted, charges, guarded, rows, running, stream


def in_child(work: Callable[[], None]) -> None:
    """Run in a forked child; its failure is the test's."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - a child must never run on as a second test
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_the_keeper_begins_with_the_first_call() -> None:
    client = guarded(Scripted())
    (engine,) = REGISTRY.engines.values()
    assert not engine.assembled().kept
    client.messages.create(**HELLO)
    assert engine.assembled().kept
    assert engine.running() is engine.assembled()


def test_a_child_makes_calls_of_its_own() -> None:
    client = guarded(Scripted())
    client.messages.create(**HELLO)
    file = running().shared.files[0]
    before = file._db

    def work() -> None:
        with tidegate.caller(user="u-child"):
            client.messages.create(**HELLO)
        assert running().shared.files[0] is not file
        assert running().kept
        end_all()

    in_child(work)
    with tidegate.caller(user="u-parent"):
        client.messages.create(**HELLO)
    assert file._db is not before
    assert [charge[3] for charge in charges()] == ["anonymous", "u-child", "u-parent"]


def test_limits_and_budgets_hold_across_forks() -> None:
    client = guarded(Scripted(), limits=[{"per": "organization", "requests": "3/minute"}])
    client.messages.create(**HELLO)

    def work() -> None:
        client.messages.create(**HELLO)

    in_child(work)
    client.messages.create(**HELLO)
    with pytest.raises(Exception, match="limit for this organization"):
        client.messages.create(**HELLO)


def test_a_stream_of_the_parent_is_nothing_to_the_child() -> None:
    inner = Scripted(stream())
    client = guarded(inner)
    found = client.messages.create(**HELLO, stream=True)
    next(found)

    def work() -> None:
        found.close()
        client.with_options(max_retries=0)
        end_all()
        assert inner.body.closed == 0

    in_child(work)
    assert charges() == []
    assert running().books.open_holds == 1
    assert len(list(found)) == 5
    assert charges()[0][:2] == ("ok", "actual")


def test_a_process_that_only_forks_has_no_keeper() -> None:
    client = guarded(Scripted())
    for number in range(3):
        in_child(lambda: client.messages.create(**HELLO, extra_headers={"x-tidegate-user": f"u-{number}"}) and None)  # noqa: B023 - called at once
    (engine,) = REGISTRY.engines.values()
    assert not engine.assembled().kept
    assert sorted(charge[3] for charge in charges()) == ["u-0", "u-1", "u-2"]


def test_a_grandchild() -> None:
    client = guarded(Scripted())

    def work() -> None:
        client.messages.create(**HELLO)
        in_child(lambda: client.messages.create(**HELLO) and None)
        client.messages.create(**HELLO)

    in_child(work)
    assert len(charges()) == 3


def test_no_connection_lives_through_a_fork(folder: Path) -> None:
    guarded(Scripted()).messages.create(**HELLO)

    def work() -> None:
        links = [str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
        assert [link for link in links if link.startswith(str(folder))] == []

    in_child(work)


def test_threads_that_make_calls_while_others_fork() -> None:
    """Whatever the moment of the fork: neither parent nor child waits for ever, and every call is charged."""
    client = guarded(Scripted(), limits=[])
    stop = threading.Event()
    made: list[int] = []

    def work() -> None:
        while not stop.is_set():
            client.messages.create(**HELLO)
            made.append(1)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        in_child(lambda: client.messages.create(**HELLO) and None)
    stop.set()
    for thread in threads:
        thread.join()
    assert len(charges()) == len(made) + 8
    assert running().books.open_holds == 0


def test_a_child_whose_file_has_gone(folder: Path) -> None:
    client = guarded(Scripted()).with_options(max_retries=0)

    def work() -> None:
        for file in folder.glob("tidegate.db*"):
            file.unlink()
        (folder / "tidegate.db").mkdir()
        with pytest.raises(Exception, match="This service has trouble"):
            client.messages.create(**HELLO)

    in_child(work)


def test_other_files_in_one_process() -> None:
    guarded(Scripted()).messages.create(**HELLO)
    other = {"url": "sqlite:///other.db"}
    guarded(Scripted(), store=other, ledger=other).messages.create(**HELLO)
    assert len(charges()) == 1
    assert rows("SELECT count(*) FROM charges", "other.db") == [(1,)]


def test_a_bug_is_said_by_its_place(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyError) as caught:
        dict[str, int]().popitem()
    say_bug(caught.value)
    say_bug(ValueError("secret"))
    assert "secret" not in caplog.text
    assert "error=KeyError place=test_engine.py:" in caplog.text
    assert "error=ValueError place=?" in caplog.text


# -- the file under it


def test_a_paused_file_lets_nobody_in_and_opens_again(folder: Path) -> None:
    file = BlockingFile(folder / "a.db")
    file.run_blocking(lambda db: db.execute("CREATE TABLE t (n)"))
    assert file.pause()
    with pytest.raises(sqlite3.ProgrammingError):
        file._db.execute("SELECT 1")
    file.resume()
    assert file.run_blocking(lambda db: db.execute("INSERT INTO t VALUES (1)").rowcount) == 1
    assert file.pause()
    file.resume()
    assert file.read(lambda db: db.execute("SELECT n FROM t").fetchall()) == [(1,)]
    file.close()


def test_a_paused_file_that_cannot_be_opened_again(folder: Path) -> None:
    (folder / "a").mkdir()
    file = BlockingFile(folder / "a" / "a.db")
    assert file.pause()
    file.resume()
    for left in (folder / "a").iterdir():
        left.unlink()
    (folder / "a").rmdir()
    with pytest.raises(StoreDown, match="does its folder exist"):
        file.run_blocking(lambda db: db.execute("SELECT 1"))
    (folder / "a").mkdir()
    assert file.run_blocking(lambda db: db.execute("SELECT 1").fetchone()) == (1,)
    file.close()


def test_listeners_forget_what_they_knew_of_the_old_connection(folder: Path) -> None:
    told: list[str] = []

    class Listener:
        def before_commit(self, db: sqlite3.Connection) -> None:
            told.append("commit")

        def after_rollback(self) -> None:
            told.append("forget")

        def before_work(self, db: sqlite3.Connection) -> None:
            told.append("work")

    file = BlockingFile(folder / "a.db")
    file.listen(Listener())
    file.pause()
    file.resume()
    file.run_blocking(lambda db: None)
    file.close()
    assert told == ["forget", "work", "commit"]
