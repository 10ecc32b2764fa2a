"""The keeper: chores, streams that nobody closed, and a store that comes and goes."""

import logging
import threading

import pytest

from tidegate.doors.guard.keeper import Keeper
from tidegate.model.errors import StoreDown


def test_it_does_its_chores_at_once_and_what_is_put() -> None:
    chores, left = threading.Event(), list[int]()
    keeper = Keeper(chores.set, left.append)
    keeper.put(1)
    keeper.start()
    keeper.put(2)
    keeper.settled()
    assert chores.is_set()
    assert left == [1, 2]
    keeper.stop()
    assert keeper._thread is not None
    assert not keeper._thread.is_alive()


def test_it_does_its_chores_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.doors.guard.keeper.EVERY", 0.001)
    rounds = threading.Semaphore(0)
    keeper = Keeper(rounds.release, lambda _: None)
    keeper.start()
    for _ in range(5):
        assert rounds.acquire(timeout=10)
    keeper.stop()


def test_chores_are_done_under_a_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.doors.guard.keeper.EVERY", 0.0)
    done: list[str] = []
    keeper = Keeper(lambda: done.append("chores"), lambda number: done.append(str(number)))
    for number in range(1, 50):
        keeper.put(number)
    keeper.start()
    keeper.settled()
    keeper.stop()
    assert done.count("chores") >= 49


def test_what_is_put_before_the_end_is_done() -> None:
    left: list[int] = []
    keeper = Keeper(lambda: None, left.append)
    keeper.start()
    for number in range(1, 100):
        keeper.put(number)
    keeper.stop()
    assert left == list(range(1, 100))


def test_a_store_that_is_down_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    down = True

    def chores() -> None:
        if down:
            raise StoreDown("tidegate.db is locked")

    keeper = Keeper(chores, lambda _: None)
    with caplog.at_level(logging.INFO, "tidegate"):
        for _ in range(3):
            keeper.once()
        down = False
        for _ in range(3):
            keeper.once()
    assert [record.getMessage() for record in caplog.records] == ["store_down tidegate.db is locked", "store_up"]


def test_a_bug_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    def chores() -> None:
        raise KeyError("secret")

    keeper = Keeper(chores, lambda _: None)
    keeper.once()
    assert "keeper_failed error=KeyError" in caplog.text
    assert "secret" not in caplog.text


def test_no_thread_at_the_end_of_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refused)
    keeper = Keeper(lambda: None, lambda _: None)
    keeper.start()
    keeper.stop()
