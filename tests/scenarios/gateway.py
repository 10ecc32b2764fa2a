"""The gateway's door in this process: one server on a real socket for a worker, a gateway of its own for a scenario.

What `tidegate serve` does in `doors/gateway/run.py` is done here in the same steps, but for what belongs to a process:
signals, and chores in the background (a scenario asks for them when it needs them).
"""

import asyncio
import contextlib
import io
import json
import threading
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar, cast

import uvloop

from tidegate.assemble import Running, assemble, load_texts
from tidegate.config.settings import Settings
from tidegate.doors.gateway.app import Gateway
from tidegate.doors.gateway.request import Request
from tidegate.doors.gateway.run import _gateway
from tidegate.doors.gateway.server import Chores, bind, make_server
from tidegate.policy.breaker import Circuit
from tidegate.policy.replies import refusal_reply

T = TypeVar("T")


class Assembled:
    """The gateway of one scenario; made, used and closed on the server's loop."""

    def __init__(self, settings: Settings, *, draining: bool) -> None:
        self.out = io.StringIO()
        with contextlib.redirect_stdout(self.out):
            self.running: Running = assemble(settings)
        self.chores = Chores(self.running.gate.keep, self.running.logger)
        self.app = _gateway(settings, self.running, self.chores, lambda: draining)
        self.calls: set[asyncio.Task[Any]] = set()

    async def settled(self) -> None:
        """Wait until nobody is served any more, and all is paid."""
        while self.calls:
            await asyncio.wait(self.calls)
        await self.app.settled()
        await self.chores.once()

    async def circuits(self) -> Mapping[str, Circuit]:
        """The breaker's circuits, as its store has them."""
        return await self.running.gate.books.circuits()

    async def close(self) -> None:
        """End it; its log is whole then."""
        await self.running.close()

    def lines(self) -> list[dict[str, Any]]:
        """Its log, after `close`."""
        return [json.loads(line) for line in self.out.getvalue().splitlines()]


class Switch:
    """The application of the server: requests go to the scenario's gateway, whichever that is."""

    def __init__(self) -> None:
        self.current: Assembled | None = None

    async def answer(self, request: Request) -> None:
        assembled, task = self.current, asyncio.current_task()
        assert assembled is not None
        assert task is not None
        assembled.calls.add(task)
        try:
            await assembled.app.answer(request)
        finally:
            assembled.calls.discard(task)


class GatewayServer:
    """The server."""

    def __init__(self) -> None:
        self._switch = Switch()
        self._socket = bind("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._loop = uvloop.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)
        self._thread.start()
        self._ready.wait()

    def on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the server's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def open(self, settings: Settings, *, draining: bool) -> Assembled:
        """A gateway that is served from here on."""

        async def made() -> Assembled:
            return Assembled(settings, draining=draining)

        assembled = self.on_loop(made())
        self._switch.current = assembled
        return assembled

    def close(self) -> None:
        """End the server and its thread."""
        self._loop.call_soon_threadsafe(setattr, self._server, "should_exit", True)
        self._thread.join(30)
        self._socket.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        texts = load_texts()
        self._server = make_server(
            cast("Gateway", self._switch),
            header_timeout=10.0,
            drain=1.0,
            refuse=lambda refusal: refusal_reply(refusal, "req_of_no_call", texts),
        )
        serving = asyncio.ensure_future(self._server.serve(sockets=[self._socket]))
        while not self._server.started and not serving.done():  # noqa: ASYNC110 - uvicorn sets a flag, it has no event
            await asyncio.sleep(0.001)
        self._ready.set()
        await serving
