"""The doors as a scenario uses them: opened for it, called through the official SDK, closed again."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import httpx2
from msgspec import Struct

import tidegate
from e2e.gateways import Site
from scenarios.breaker import state_of
from scenarios.calling import Asked, Got, call, call_async
from scenarios.table import DoorName, Hurry, Shape, Table
from scenarios.workshop import Workshop
from tidegate.config.load import load
from tidegate.core.run_now import run_now
from tidegate.doors.guard.engine import REGISTRY
from tidegate.observe.std import LOGGER

Line = dict[str, Any]

STUCK: Final = 30.0
"""Seconds after which the client takes a gateway for stuck."""


class Opening(Struct, frozen=True, kw_only=True):
    """What a door is opened with."""

    site: Site
    upstream: str
    settings: Table
    key: Table
    draining: bool
    sdk_retries: int
    patience: httpx2.Timeout
    """The client's own."""


class Door(Protocol):
    """An open door."""

    lines: list[Line]
    """Its log; whole after the end."""

    def call(self, one: Asked) -> Got:
        """Make a call and take what comes."""

    def holding(self, one: Asked) -> AbstractContextManager[None]:
        """A stream of which one event was read, and which stays open as long as the block."""

    def settled(self) -> None:
        """Wait until everything that it has begun is settled."""

    def breaker(self) -> str:
        """The state of the circuit breaker, as breaker.py says it."""


class GatewayDoor:
    """Through the gateway, with the SDK in front of it."""

    def __init__(self, workshop: Workshop, opening: Opening, lines: list[Line]) -> None:
        self.lines = lines
        site = opening.site
        given = opening.key.get("given")
        key = given or (site.new_key(**opening.key) if opening.key else site.key)
        self._client = workshop.blocking.with_options(
            base_url=workshop.gateway.url, api_key=key, max_retries=opening.sdk_retries, timeout=STUCK
        )
        settings = load(_file(site), environ=site.environ, directory=site.folder, overrides=opening.settings)
        self._server = workshop.gateway
        self._browser = workshop.browser
        self._assembled = self._server.open(settings, draining=opening.draining)

    def call(self, one: Asked) -> Got:
        return call(self._client, one)

    def holding(self, one: Asked) -> AbstractContextManager[None]:
        return _holding(self._client, one)

    def settled(self) -> None:
        self._server.on_loop(self._assembled.settled())

    def breaker(self) -> str:
        """What everybody reads at /readyz, and beside it what the store has counted."""
        shown = self._browser.get(f"{self._server.url}/readyz").json()["breaker"]
        return state_of(self._server.on_loop(self._assembled.circuits()), shown)

    def close(self) -> None:
        self._server.on_loop(self._assembled.close())
        self.lines += self._assembled.lines()


class GuardDoor:
    """Through the guard, in this thread or on an event loop."""

    def __init__(self, workshop: Workshop, opening: Opening, lines: list[Line], *, suspending: bool) -> None:
        self.lines = lines
        self._run = workshop.run
        self._suspending = suspending
        base: Any = workshop.suspending if suspending else workshop.blocking
        bare = base.with_options(base_url=opening.upstream, timeout=opening.patience)
        known = set(REGISTRY.engines)
        guarded = tidegate.guard(bare, config=_file(opening.site), app="tests", **opening.settings)
        (self._engine,) = (REGISTRY.engines[new] for new in set(REGISTRY.engines) - known)
        self._client = guarded.with_options(max_retries=opening.sdk_retries)

    def call(self, one: Asked) -> Got:
        return self._run(call_async(self._client, one)) if self._suspending else call(self._client, one)

    def holding(self, one: Asked) -> AbstractContextManager[None]:
        return self._holding_async(one) if self._suspending else _holding(self._client, one)

    @contextlib.contextmanager
    def _holding_async(self, one: Asked) -> Iterator[None]:
        async def opened() -> Any:
            stream = await one.bound(self._client)()
            await anext(stream)
            return stream

        stream = self._run(opened())
        try:
            yield
        finally:
            self._run(stream.close())

    def settled(self) -> None:
        running = self._engine.running()
        running.keeper.settled()
        running.keeper.once()

    def breaker(self) -> str:
        """What the store has."""
        return state_of(run_now(self._engine.running().books.circuits()))

    def close(self) -> None:
        self._engine.end()
        for key in [key for key, one in REGISTRY.engines.items() if one is self._engine]:
            del REGISTRY.engines[key]


OPENERS: dict[DoorName, Callable[[Workshop, Opening, list[Line]], GatewayDoor | GuardDoor]] = {
    "guard sync": partial(GuardDoor, suspending=False),
    "guard async": partial(GuardDoor, suspending=True),
    "gateway": GatewayDoor,
}


@contextlib.contextmanager
def opened(workshop: Workshop, name: DoorName, opening: Opening) -> Iterator[Door]:
    """A door that is closed with the block."""
    with _listening() as lines:
        door = OPENERS[name](workshop, opening, lines)
        try:
            yield door
        finally:
            door.close()


def hurried(hurry: Hurry, shape: Shape, seconds: float) -> tuple[Table, httpx2.Timeout]:
    """The settings and the client's own time-outs, where one of them is short.

    A whole answer has no time-out of its own for its first byte: its first byte comes when all is written.
    """
    patient = httpx2.Timeout(60.0)
    if hurry in ("", "gap"):
        return {}, patient
    timeouts = {hurry: seconds}
    if hurry == "first_byte" and shape == "json":
        timeouts["total"] = seconds
    if hurry == "connect":
        patient = httpx2.Timeout(60.0, connect=seconds)
    elif hurry in ("first_byte", "idle"):
        patient = httpx2.Timeout(60.0, read=seconds)
    return {"timeouts": timeouts}, patient


@contextlib.contextmanager
def _holding(client: Any, one: Asked) -> Iterator[None]:
    with one.bound(client)() as stream:
        next(stream)
        yield


def _file(site: Site) -> Path:
    return site.folder / "tidegate.toml"


@contextlib.contextmanager
def _listening() -> Iterator[list[Line]]:
    """The fields of every record that the guard logs meanwhile; nobody else hears of them."""
    lines: list[Line] = []
    log = _Log(lines)
    LOGGER.addHandler(log)
    LOGGER.propagate = False
    LOGGER.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        LOGGER.removeHandler(log)
        LOGGER.propagate = True
        LOGGER.setLevel(logging.NOTSET)


class _Log(logging.Handler):
    """Keeps the fields of every record."""

    def __init__(self, lines: list[Line]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(dict(getattr(record, "tidegate", {"event": record.getMessage()})))
