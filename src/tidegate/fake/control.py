"""The `/_fake/` endpoints: books, totals, reset, script, wait."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec

from tidegate.fake.command import BadCommandError
from tidegate.fake.request import Request
from tidegate.fake.script import read_script
from tidegate.fake.world import World

PREFIX = "/_fake/"
PATIENCE = 30.0
"""Seconds after which a wait gives up, where it names none."""


def is_control(request: Request) -> bool:
    """Whether a request is for us and not for the fake API."""
    return request.path.startswith(PREFIX)


class Control:
    """One control request; a wait may take its time."""

    def __init__(
        self,
        request: Request,
        world: World,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        after: Callable[[], None],
    ) -> None:
        self._request = request
        self._world = world
        self._transport = transport
        self._loop = loop
        self._after = after
        self._timer: asyncio.TimerHandle | None = None
        self._query = {name: values[-1] for name, values in parse_qs(request.query).items()}

    def start(self) -> None:
        """Answer, at once or when the awaited thing has happened."""
        action = ACTIONS.get((self._request.method, self._request.path))
        if action is None:
            self._write(404, {"error": f"no {self._request.method} {self._request.path}"})
            return
        try:
            status, shown = action(self._world, self._request, self._query)
        except (msgspec.DecodeError, BadCommandError, ValueError) as bad:
            self._write(400, {"error": str(bad)})
            return
        if status != 202:
            self._write(status, shown)
            return
        self._timer = self._loop.call_later(float(self._query.get("timeout", PATIENCE)), self._give_up)
        self._world.books.watchers.append(self._look)

    def left(self) -> None:
        """The one who waited went away."""
        self._forget()

    def _look(self) -> None:
        if _holds(self._world, self._query):
            self._forget()
            self._write(200, self._world.books.totals())

    def _give_up(self) -> None:
        self._forget()
        self._write(504, self._world.books.totals())

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._look in self._world.books.watchers:
            self._world.books.watchers.remove(self._look)

    def _write(self, status: int, shown: Any) -> None:
        body = msgspec.json.encode(shown)
        head = b"HTTP/1.1 %d Fake\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
        self._transport.write(head + body)
        self._after()


def _books(world: World, _: Request, query: dict[str, str]) -> tuple[int, Any]:
    since = int(query.get("since", 0))
    return 200, {"totals": world.books.totals(), "rows": [row for row in world.books.rows if row.seq > since]}


def _totals(world: World, _: Request, __: dict[str, str]) -> tuple[int, Any]:
    return 200, world.books.totals()


def _reset(world: World, _: Request, __: dict[str, str]) -> tuple[int, Any]:
    world.reset()
    return 200, world.books.totals()


def _script(world: World, request: Request, _: dict[str, str]) -> tuple[int, Any]:
    world.load(read_script(msgspec.json.decode(request.body)))
    return 200, {"rules": len(world.playing.script.rules)}


def _state(world: World, _: Request, __: dict[str, str]) -> tuple[int, Any]:
    return 200, {
        "totals": world.books.totals(),
        "settings": world.settings,
        "script": world.playing.script,
        "rules": world.playing.counts(),
    }


def _wait(world: World, _: Request, query: dict[str, str]) -> tuple[int, Any]:
    unknown = query.keys() - {*CONDITIONS, "timeout"}
    if unknown:
        raise ValueError(f"unknown condition {min(unknown)}; known: {', '.join(CONDITIONS)}")
    return (200, world.books.totals()) if _holds(world, query) else (202, None)


CONDITIONS: dict[str, Callable[[Any, int], bool]] = {
    "attempts": lambda totals, number: totals.attempts >= number,
    "requests": lambda totals, number: totals.requests >= number,
    "ended": lambda totals, number: totals.ended >= number,
    "open": lambda totals, number: totals.open == number,
    "open_at_least": lambda totals, number: totals.open >= number,
}
"""What a wait can wait for; several must hold together."""


def _holds(world: World, query: dict[str, str]) -> bool:
    totals = world.books.totals()
    return all(CONDITIONS[name](totals, int(value)) for name, value in query.items() if name != "timeout")


Action = Callable[[World, Request, dict[str, str]], tuple[int, Any]]
ACTIONS: dict[tuple[str, str], Action] = {
    ("GET", "/_fake/books"): _books,
    ("GET", "/_fake/totals"): _totals,
    ("GET", "/_fake/state"): _state,
    ("GET", "/_fake/wait"): _wait,
    ("POST", "/_fake/reset"): _reset,
    ("POST", "/_fake/script"): _script,
}
