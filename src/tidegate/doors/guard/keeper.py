"""The keeper: one daemon thread for the chores of every second, and for streams that nobody closed.

A stream that the garbage collector takes is only put on the queue there; to settle it means to write to a file and to
close a socket, which must not happen in the middle of whatever was running.
"""

import queue
import threading
import time
from collections.abc import Callable
from typing import Final

from tidegate.model.errors import StoreDown
from tidegate.observe.std import LOGGER

EVERY: Final = 1.0
"""Seconds between two rounds."""

_STOP: Final = 0
"""Streams are numbered from 1."""


class Keeper:
    """Runs `chores` at its start and every second, and `left` for each number that is put on its queue."""

    def __init__(self, chores: Callable[[], None], left: Callable[[int], None]) -> None:
        self._chores = chores
        self._left = left
        self._queue: queue.SimpleQueue[int | threading.Event] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._store_up = True
        self.put = self._queue.put
        """Safe at any time, also inside the garbage collector."""

    def start(self) -> None:
        """Begin; at the end of the interpreter no thread can, and the chores are done by whoever comes next."""
        thread = threading.Thread(target=self._run, name="tidegate-keeper", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return
        self._thread = thread

    def stop(self) -> None:
        """End the thread; what is on the queue is done first."""
        self.put(_STOP)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=10)

    def settled(self) -> None:
        """Wait until everything that was on the queue is done."""
        done = threading.Event()
        self.put(done)
        done.wait(timeout=10)

    def once(self) -> None:
        """One round; a store that is down is told once, and again when it is back."""
        try:
            self._chores()
        except StoreDown as down:
            if self._store_up:
                LOGGER.error("store_down %s", down, extra={"tidegate": {"event": "store_down"}})
            self._store_up = False
        except Exception as bug:  # noqa: BLE001 - the thread must live on: leases depend on it
            LOGGER.error("keeper_failed error=%s", type(bug).__name__, extra={"tidegate": {"event": "keeper_failed"}})
        else:
            if not self._store_up:
                LOGGER.info("store_up", extra={"tidegate": {"event": "store_up"}})
            self._store_up = True

    def _run(self) -> None:
        due = 0.0
        while True:
            now = time.monotonic()
            if now >= due:
                self.once()
                due = now + EVERY
            try:
                item = self._queue.get(timeout=max(0.0, due - time.monotonic()))
            except queue.Empty:
                continue
            if item == _STOP:
                return
            if isinstance(item, threading.Event):
                item.set()
            else:
                self._left(item)
