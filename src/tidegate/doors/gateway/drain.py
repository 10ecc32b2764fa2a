"""The orderly end of a gateway, under uvicorn.

    SIGTERM           nobody else is let in; a new call on an open connection is refused (`draining`)
    drain - words     what still runs is cancelled: a stream says an `error` event, any other call gets a `draining`
                      reply; all of them settle
    drain             clients that have not taken it are cut off
    drain + settling  the process ends, whatever the store has still not written; its leases end instead

Each step comes as soon as nothing is left to wait for.  A second Ctrl-C waits for nothing but the settlements.
"""

import asyncio
import socket
from collections.abc import Callable, Collection
from typing import Any, Final

import uvicorn

WORDS: Final = 2.0
"""Seconds before the end of the drain in which clients are told; at most a quarter of it."""
EACH: Final = 0.001
"""Seconds more for each of them: thousands of settlements take their time."""
SETTLING: Final = 5.0
"""Seconds after the drain that settlements have: there may be thousands, and a store that is busy."""
_LOOK: Final = 0.02
"""Seconds between two looks whether all have gone; uvicorn has no event for it."""


class Server(uvicorn.Server):
    """uvicorn's server with an end that keeps to its time.

    `closing` gives what runs beside the requests: streams whose clients have left, on their way to their end.
    `waits_for` is told how many calls the end waits for, when it waits.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        drain: float,
        closing: Callable[[], Collection[asyncio.Future[Any]]],
        waits_for: Callable[[int], None],
    ) -> None:
        super().__init__(config)
        self._drain = drain
        self._closing = closing
        self._waits_for = waits_for

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """In place of uvicorn's, which waits in whole seconds and cuts nobody off."""
        end = asyncio.get_running_loop().time() + self._drain
        state = self.server_state
        for server in self.servers:
            server.close()
        for sock in sockets or []:
            sock.close()
        for connection in list(state.connections):
            connection.shutdown()
        if running := self._running():
            self._waits_for(len(running))
        await self._gone(end, self._words)
        for task in self._running():
            task.cancel()
        await self._gone(end, lambda: 0.0)
        for connection in list(state.connections):
            transport = connection.transport
            assert transport is not None  # it was connected
            transport.abort()
        await self._settled(SETTLING)

    def _words(self) -> float:
        """Seconds that it takes to tell all who run on."""
        return min(WORDS + EACH * len(self._running()), self._drain / 4)

    async def _gone(self, end: float, before: Callable[[], float]) -> None:
        """Wait until nobody is connected and nothing runs, or until so many seconds before the end."""
        loop = asyncio.get_running_loop()
        while (self.server_state.connections or self._running()) and not self.force_exit:
            left = end - before() - loop.time()
            if left <= 0:
                return
            await asyncio.sleep(min(_LOOK, left))

    async def _settled(self, seconds: float) -> None:
        """Wait until nothing runs any more, for so long; a request that ends leaves its settlement behind."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while (running := self._running()) and (left := until - loop.time()) > 0:
            await asyncio.wait(running, timeout=left)

    def _running(self) -> set[asyncio.Future[Any]]:
        return {*self.server_state.tasks, *self._closing()}
