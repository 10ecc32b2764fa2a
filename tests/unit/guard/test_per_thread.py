"""A thread is inside of the store once at a time; another thread does not mind."""

import sys
import threading
from itertools import count
from types import FrameType
from typing import Any

import pytest

from tidegate.core.run_now import run_now
from tidegate.doors.guard.per_thread import Inside, OnceLedger, OnceStore
from tidegate.model.errors import StoreDown

CALLS = {
    OnceStore: [("admit", 2), ("settle", 2), ("release", 1), ("renew", 2), ("sweep", 1)],
    OnceLedger: [("append", 1), ("adjust", 1), ("cost", 1), ("refused", 1)],
}
STEPS = [(kind, name, count) for kind, calls in CALLS.items() for name, count in calls]


class Inner:
    """Anything; runs `during` inside of each call."""

    def __init__(self) -> None:
        self.during: Any = lambda: None

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any) -> Any:
            self.during()
            return (name, args)

        return call


@pytest.mark.parametrize(("kind", "name", "count"), STEPS)
def test_each_step_passes_and_does_not_nest(kind: Any, name: str, count: int) -> None:
    inner = Inner()
    once = kind(inner, Inside())
    given = tuple(object() for _ in range(count))

    def step() -> Any:
        return run_now(getattr(once, name)(*given))

    result = step()
    assert result is None or result == (name, given)
    inner.during = step
    with pytest.raises(StoreDown, match="in the middle of a transaction"):
        step()
    inner.during = lambda: None
    step()


def test_store_and_ledger_are_one_place() -> None:
    inside, inner = Inside(), Inner()
    store, ledger = OnceStore(inner, inside), OnceLedger(inner, inside)
    inner.during = lambda: run_now(ledger.cost("a"))
    with pytest.raises(StoreDown):
        run_now(store.release("a"))


def test_threads_do_not_hinder_each_other() -> None:
    inner = Inner()
    once = OnceStore(inner, Inside())
    done: list[bool] = []

    def other() -> None:
        inner.during = lambda: None
        run_now(once.release("b"))
        done.append(True)

    def meanwhile() -> None:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    inner.during = meanwhile
    run_now(once.release("a"))
    assert done == [True]


class SoftTimeLimitError(Exception):
    """As the handler of a signal raises it, at any call of a function."""


def interrupted_at(number: int, once: OnceStore) -> bool:
    """Whether there was a call of that number to be interrupted at."""
    left = number

    def profile(frame: FrameType, event: str, _: object) -> None:
        nonlocal left
        if event != "call" or frame.f_code.co_filename == __file__:
            return
        left -= 1
        if left == 0:
            sys.setprofile(None)
            raise SoftTimeLimitError

    sys.setprofile(profile)
    try:
        run_now(once.release("a"))
    except SoftTimeLimitError:
        return True
    finally:
        sys.setprofile(None)
    return False


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_whoever_is_interrupted_may_come_again() -> None:
    inner = Inner()
    once = OnceStore(inner, Inside())
    numbers = count(1)
    while interrupted_at(next(numbers), once):
        assert run_now(inner.cost("a")) == ("cost", ("a",))
        run_now(once.release("b"))
    assert next(numbers) > 3
