"""Writing log lines on a thread of their own: whoever reads them slowly, or not at all, must not hold up a call."""

import atexit
import contextlib
import threading
from collections import deque
from typing import TextIO

MOST = 50_000
"""Lines that wait; beyond them new ones are dropped and counted."""

_PAUSE = 0.05
"""Seconds between two writes: one for many lines costs a call nearly nothing."""

_LAST = 2.0
"""Seconds that the end of the process waits for the last lines."""


class Lines:
    """A text file for loggers: `write` never waits and never fails."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._waiting: deque[str] = deque()
        self.lost = 0
        """Lines that were dropped or could not be written."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def write(self, text: str) -> int:
        """Take a text; it is written soon."""
        if len(self._waiting) < MOST:
            self._waiting.append(text)
        else:
            self.lost += 1
        return len(text)

    def msg(self, line: str) -> None:
        """Take a line, as structlog's own loggers do, without its end."""
        if len(self._waiting) < MOST:
            self._waiting.append(line + "\n")
        else:
            self.lost += 1

    def flush(self) -> None:
        """Nothing: the thread does it."""

    def isatty(self) -> bool:
        """Whether people look at the lines as they come."""
        return self._out.isatty()

    def close(self) -> None:
        """Write what waits, for a moment at most, and end."""
        self._stop.set()
        self._thread.join(_LAST)

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE):
            self._write()
        self._write()

    def _write(self) -> None:
        count = len(self._waiting)
        if not count:
            return
        text = "".join(self._waiting.popleft() for _ in range(count))
        try:
            self._out.write(text)
            self._out.flush()
        except (OSError, ValueError):  # a full disk, a closed pipe
            self.lost += count
            with contextlib.suppress(OSError, ValueError):
                self._out.flush()
