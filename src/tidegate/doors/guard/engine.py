"""One engine for each process and settings: a Gate for threads and one for event loops, over one store and one ledger.

Rules:
1. A guard refers to its engine, never to what runs inside: that is made anew in a forked child, and after the end.
2. Before a fork the files are closed; parent and child open them when they next need them.  The holds, streams and
   debts of the parent stay the parent's: the child forgets them.
3. The keeper begins with the first call, so that a process which only forks others has no thread.
4. At the end of the process open streams are settled as aborted, without touching the network, and debts are paid.
   A call that a daemon thread still waits for keeps its hold; whoever sweeps next charges it.
"""

import atexit
import contextlib
import itertools
import os
import threading
import weakref
from pathlib import Path
from typing import Final, NamedTuple

import anyio
import msgspec

from tidegate.assemble import Shared, assemble_guard
from tidegate.config.settings import Settings
from tidegate.core.call import Exchange
from tidegate.core.gate import Gate
from tidegate.core.run_now import run_now
from tidegate.databases.sqlite import BlockingFile
from tidegate.doors.guard.books import ThreadBooks
from tidegate.doors.guard.keeper import Keeper
from tidegate.doors.guard.per_thread import Inside, OnceLedger, OnceStore
from tidegate.doors.guard.retries import ThreadRetries
from tidegate.doors.guard.sending import GuardUpstream, Via
from tidegate.model.texts import Texts
from tidegate.observe.std import LOGGER
from tidegate.system.clock import AsyncClock, BlockingClock

PATIENCE: Final = 10.0
"""Seconds that a fork waits for what another thread has begun; then it goes on without."""


class Clock(AsyncClock):
    """The Clock of any event loop that anyio knows, as the SDK's."""

    async def sleep(self, seconds: float) -> None:
        """Wait without blocking the loop."""
        await anyio.sleep(seconds)


class _Open(NamedTuple):
    """A stream that is not settled, and what tells when it is lost."""

    exchange: Exchange
    via: Via
    watch: "weakref.ref[object]"


class Running:
    """What one process runs."""

    def __init__(self, shared: Shared) -> None:
        inside = Inside()
        store, ledger = OnceStore(shared.store, inside), OnceLedger(shared.ledger, inside)
        upstream = GuardUpstream()
        self.shared = shared
        self.clock = BlockingClock()
        self.books = ThreadBooks(store, self.clock, shared.observe)
        rules = shared.settings.rules
        retries = ThreadRetries(rules.retry.budget, rules.breaker.window)
        self.blocking: Gate = shared.gate(store, ledger, upstream, self.clock, self.books, retries)
        self.suspending: Gate = shared.gate(store, ledger, upstream, Clock(), self.books, retries)
        self.keeper = Keeper(lambda: run_now(self.blocking.keep()), self.settle)
        self.kept = False
        self.warned = False
        """Whether it was said that a call named no user."""
        self._streams: dict[int, _Open] = {}
        self._numbers = itertools.count(1)

    @property
    def open_streams(self) -> int:
        """Streams that are not settled yet."""
        return len(self._streams)

    def watch(self, stream: object, exchange: Exchange, via: Via) -> int:
        """Take care of a stream: when it is lost, or the process ends, its exchange is settled."""
        number = next(self._numbers)
        put = self.keeper.put
        self._streams[number] = _Open(exchange, via, weakref.ref(stream, lambda _: put(number)))
        return number

    def forget(self, number: int) -> None:
        """The stream is settled."""
        self._streams.pop(number, None)

    def settle(self, number: int, *, ending: bool = False) -> None:
        """Settle a stream that nobody reads any more; `ending`: the process does."""
        found = self._streams.pop(number, None)
        if found is None:
            return
        via = found.via
        via.closing = via.leaving = via.detached = True
        try:
            run_now(found.exchange.close())
        except Exception as bug:  # noqa: BLE001 - the others must be settled, too; this one's lease ends
            say_bug(bug)
            self.books.leave(via.call_id)
        if via.drop is not None and not ending:
            via.drop()

    def end(self) -> None:
        """The process ends."""
        self.keeper.stop()
        for number in list(self._streams.copy()):
            self.settle(number, ending=True)
        if self.books.owed:
            self.keeper.once()
        self.shared.close()


class Engine:
    """What guards with the same settings share in this process."""

    def __init__(self, settings: Settings, texts: Texts) -> None:
        self.texts = texts
        self._settings = settings
        self._lock = threading.Lock()
        self._locked = False
        self._paused: list[BlockingFile] = []
        self._running: Running | None = None

    def running(self) -> Running:
        """What runs in this process, started when it does not; raises ConfigError."""
        running = self._running
        if running is not None and running.kept:
            return running
        running = self.assembled()
        with self._lock:
            if not running.kept:
                running.kept = True
                running.keeper.start()
        return running

    def assembled(self) -> Running:
        """The same without a keeper: nothing happens by itself; raises ConfigError."""
        with self._lock:
            if self._running is None:
                self._running = Running(assemble_guard(self._settings, self.texts))
            return self._running

    def end(self) -> None:
        """Settle what is open and close the files; whoever calls afterwards starts it again."""
        running, self._running = self._running, None
        if running is not None:
            running.end()

    def before_fork(self) -> None:
        """Rule 2.  Until the fork is over nobody opens a file either."""
        self._locked = self._lock.acquire(timeout=PATIENCE)
        running = self._running
        if running is not None:
            self._paused = [file for file in running.shared.files if file.pause()]

    def after_fork_in_parent(self) -> None:
        """Rule 2."""
        for file in self._paused:
            file.resume()
        self._paused = []
        if self._locked:
            self._lock.release()

    def after_fork_in_child(self) -> None:
        """Rule 2.  What the parent had is kept, unused: closing its connections would be wrong."""
        if self._running is not None:
            _PARENTS.append(self._running)
        self._lock = threading.Lock()
        self._paused = []
        self._running = None


class _Registry:
    """The engines of this process, by their settings."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.locked = False
        """Whether this thread holds the lock while it forks."""
        self.engines: dict[bytes, Engine] = {}
        self.hooked = False
        self.forks = 0
        """How often this process has been forked from another one."""


REGISTRY: Final = _Registry()
_PARENTS: Final[list[Running]] = []


def engine_for(settings: Settings, texts: Texts) -> Engine:
    """The engine of these settings, ready; raises ConfigError."""
    key = _key(settings, texts)
    with REGISTRY.lock:
        if not REGISTRY.hooked:
            REGISTRY.hooked = True
            atexit.register(end_all)
            os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
        engine = REGISTRY.engines.get(key)
        if engine is None:
            engine = Engine(settings, texts)
            engine.assembled()
            REGISTRY.engines[key] = engine
            for notice in settings.notices:
                LOGGER.warning(notice, extra={"tidegate": {"event": "notice"}})
    return engine


def end_all() -> None:
    """Settle and close everything: the end of the process, or of a test."""
    for engine in list(REGISTRY.engines.copy().values()):
        with contextlib.suppress(Exception):  # the others are ended, too
            engine.end()


def say_bug(bug: BaseException) -> None:
    """Log a bug of ours by its kind and place only: its text may have content in it."""
    trace = bug.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "?" if trace is None else f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    fields = {"event": "guard_bug", "error": type(bug).__name__, "place": place}
    LOGGER.error("guard_bug error=%s place=%s", fields["error"], place, extra={"tidegate": fields})


def _key(settings: Settings, texts: Texts) -> bytes:
    """Equal for settings that make equal engines; never shown or stored."""
    secret = settings.key_secret
    parts = (
        settings.rules,
        settings.store,
        settings.ledger,
        dict(settings.prices),
        str(settings.directory.resolve()),
        None if secret is None else secret.reveal(),
        dict(texts),
    )
    return msgspec.msgpack.encode(parts)


def _before() -> None:
    REGISTRY.locked = REGISTRY.lock.acquire(timeout=PATIENCE)
    for engine in REGISTRY.engines.values():
        engine.before_fork()


def _in_parent() -> None:
    for engine in REGISTRY.engines.values():
        engine.after_fork_in_parent()
    if REGISTRY.locked:
        REGISTRY.lock.release()


def _in_child() -> None:
    REGISTRY.forks += 1
    REGISTRY.lock = threading.Lock()
    for engine in REGISTRY.engines.values():
        engine.after_fork_in_child()
