"""Several gateway processes on one socket: the parent forks them, replaces the dead, and ends them in order.

Rules:
1. The parent opens no event loop, no SQLite file and no thread: nothing of that survives a fork.
2. A child is in a process group of its own, so that Ctrl-C reaches it once, through the parent.
3. A child sees the parent's death, `kill -9` included, as the end of a pipe, and ends in order then.
4. What dies before it serves, three times in a row, will do so again: the parent gives up.
"""

import contextlib
import os
import select
import signal
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from msgspec import Struct

Serve = Callable[[Callable[[], None]], int]
"""Serves in this process until it is told to stop; calls its argument when it is ready; returns the exit code."""

MOST_EARLY_DEATHS = 3
_EARLY = 1.0
"""Seconds: who dies sooner has hardly served."""

_LONGEST_WAIT = 5.0
_USAGE = 2
"""The exit code for a wrong configuration: another try would end alike."""

_PID = struct.Struct("=q")


@contextlib.contextmanager
def orderly_end() -> Iterator[Callable[[], None]]:
    """Make SIGTERM and SIGINT end the block in order; gives what to call once the server takes them.

    Before that they end it at once.  Afterwards the server drains on the first one and sends it on here when it is
    done, which must not cut short what still has to be settled; a further one is somebody who will not wait.
    """
    serving = False
    seen = 0

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        if serving and seen == 1:
            return
        if number == signal.SIGTERM:
            raise SystemExit(0)
        raise KeyboardInterrupt

    def ready() -> None:
        nonlocal serving
        serving = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield ready
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def serve_many(
    count: int, serve: Serve, *, on_ready: Callable[[], None], complain: Callable[[str], None], patience: float
) -> int:
    """Run `serve` in `count` processes until SIGTERM or SIGINT; returns the exit code.

    Args:
        count: how many processes.
        serve: what each does.
        on_ready: called once, when all of them serve for the first time.
        complain: gets a line about each process that died.
        patience: seconds that they have to end before they are killed.
    """
    return _Parent(count, serve, on_ready, complain, patience).run()


class _Child(Struct):
    pid: int
    started: float
    ready: bool = False


class _Parent:
    def __init__(
        self, count: int, serve: Serve, on_ready: Callable[[], None], complain: Callable[[str], None], patience: float
    ) -> None:
        self._count = count
        self._serve = serve
        self._on_ready = on_ready
        self._complain = complain
        self._patience = patience
        self._children: dict[int, _Child] = {}
        self._starts: list[float] = []
        """When processes that are missing are to be started, monotonic."""
        self._early_deaths = 0
        self._announced = False
        self._code = 0
        self._kill_at: float | None = None
        """Set as soon as all must end."""
        self._signals: list[int] = []

    def run(self) -> int:
        self._ready_out, self._ready_in = os.pipe()
        self._life_out, self._life_in = os.pipe()
        self._wake_out, self._wake_in = os.pipe()
        for end in (self._ready_out, self._wake_out, self._wake_in):
            os.set_blocking(end, False)
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
        before = {number: signal.signal(number, self._note) for number in numbers}
        old_wakeup = signal.set_wakeup_fd(self._wake_in, warn_on_full_buffer=False)
        try:
            self._starts = [0.0] * self._count
            while self._children or self._starts:
                self._start_due()
                self._wait()
                self._read_ready()
                self._obey()
                self._reap()
        finally:
            signal.set_wakeup_fd(old_wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            for end in (self._ready_out, self._ready_in, self._life_out, self._life_in, self._wake_out, self._wake_in):
                os.close(end)
        return self._code

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._signals.append(number)

    def _start_due(self) -> None:
        now = time.monotonic()
        due = [at for at in self._starts if at <= now]
        self._starts = [at for at in self._starts if at > now]
        for _ in due:
            self._fork()

    def _fork(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._be_child()
        self._children[pid] = _Child(pid, time.monotonic())

    def _be_child(self) -> NoReturn:
        code = 1
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            for end in (self._ready_out, self._life_in, self._wake_out, self._wake_in):
                os.close(end)
            threading.Thread(target=end_with, args=(self._life_out,), daemon=True).start()
            code = self._serve(lambda: _write(self._ready_in, _PID.pack(os.getpid())))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:  # noqa: BLE001 - a child must never run on as a second parent
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _wait(self) -> None:
        """Until a signal, a ready child, the next start or the end of patience."""
        times = [*self._starts, *([self._kill_at] if self._kill_at is not None else [])]
        seconds = max(0.0, min(times) - time.monotonic()) if times else None
        ready, _, _ = select.select([self._wake_out, self._ready_out], [], [], seconds)
        if self._wake_out in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_out, 4096)

    def _read_ready(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._ready_out, 512 * _PID.size)
            for (pid,) in _PID.iter_unpack(data):
                if pid in self._children:
                    self._children[pid].ready = True
        if not self._announced and sum(child.ready for child in self._children.values()) == self._count:
            self._announced = True
            self._on_ready()

    def _obey(self) -> None:
        """The first signal asks for an orderly end; a second Ctrl-C does not wait for it."""
        while self._signals:
            number = self._signals.pop(0)
            if self._kill_at is None:
                self._end_all(0)
            elif number == signal.SIGINT:
                self._tell(signal.SIGINT)
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._tell(signal.SIGKILL)
            self._kill_at += _LONGEST_WAIT

    def _end_all(self, code: int) -> None:
        self._code = code
        self._starts = []
        self._kill_at = time.monotonic() + self._patience
        self._tell(signal.SIGTERM)

    def _tell(self, number: int) -> None:
        for pid in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _reap(self) -> None:
        for pid in list(self._children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self._buried(self._children.pop(pid), os.waitstatus_to_exitcode(status))

    def _buried(self, child: _Child, code: int) -> None:
        if self._kill_at is not None:
            self._code = self._code or max(0, code)
            return
        if code == _USAGE:
            self._end_all(code)
            return
        early = not child.ready or time.monotonic() - child.started < _EARLY
        self._early_deaths = self._early_deaths + 1 if early else 0
        self._complain(f"worker {child.pid} ended ({_how(code)})")
        if self._early_deaths >= MOST_EARLY_DEATHS:
            self._complain(f"{MOST_EARLY_DEATHS} workers in a row ended at once; giving up")
            self._end_all(1)
            return
        wait = min(_LONGEST_WAIT, 0.1 * 2.0**self._early_deaths)
        self._starts.append(time.monotonic() + wait)


def end_with(life: int) -> None:
    """Wait until nobody can write to this pipe any more, then stop this process in order."""
    while os.read(life, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _write(end: int, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(end, data)


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
