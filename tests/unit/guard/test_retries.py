"""One retry budget for a process, whatever the thread."""

import threading

import pytest

from tidegate.doors.guard.retries import ThreadRetries
from unit.guard.scripted import Scripted, guarded, running


def test_both_gates_share_it() -> None:
    guarded(Scripted())
    found = running()
    kept = {id(place._retries) for gate in (found.blocking, found.suspending) for place in gate._places.values()}
    assert len(kept) == 1
    assert all(isinstance(place._retries, ThreadRetries) for place in found.blocking._places.values())


def test_threads_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The window that it counts in is never changed by two threads at once."""
    retries = ThreadRetries(0.2, 10.0)
    inside = threading.Semaphore(1)
    real = retries._attempts.add

    def add(amount: int, now: int, length: int) -> None:
        assert inside.acquire(blocking=False)
        real(amount, now, length)
        inside.release()

    monkeypatch.setattr(type(retries._attempts), "add", lambda _, *args: add(*args))

    def work() -> None:
        for n in range(200):
            retries.attempted(float(n))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert retries._attempts.total == sum(amount for *_, amount in retries._attempts.entries)


def test_it_ends_storms() -> None:
    retries = ThreadRetries(0.2, 10.0)
    for n in range(10):
        retries.attempted(n / 10)
    assert [retries.allows(1.0) for _ in range(12)] == [True] * 10 + [False] * 2
