"""How many clients may be connected at once: each may need a connection to an upstream, and that is a file, too.

Rules:
1. Of the files that a process may open, some are set aside for databases and logs.  Clients get their share of the
   others; the rest is for upstreams.  So connections that ask nothing cannot take the files of those who ask.
2. Whoever comes when all places are taken gets that of a client who has kept us waiting: for a head, or for another
   request.  Those who would be closed first by their time-out go first.
3. When nobody has, the newcomer is told to come back, and closed.
"""

from asyncio import Transport
from collections.abc import Callable
from heapq import nsmallest
from math import inf
from time import monotonic
from typing import ClassVar

from tidegate.doors.gateway.protocol import Patient
from tidegate.model.refusal import Refusal

FULL = Refusal(reason="queue_full", retry_after=1)

_SET_ASIDE = 64
"""Files for databases, reports, names, logs and the loop."""
_GRACE = 1.0
"""Seconds that a client may always take."""
_SHARE = 64
"""Of so many places one is freed at once: looking for them costs a look at all."""
_PAUSE = 0.25
"""Seconds until the next look when there was too little to find: a flood must not buy a look with each connection."""
_MINUTE = 60.0


def most_clients(files: int | None, upstreams: int) -> int | None:
    """Clients that a process with so many files and upstreams may serve at once; None: any number."""
    if files is None:
        return None
    return max(1, (files - _SET_ASIDE) // (1 + upstreams))


class Counted(Patient):
    """A connection among at most `most`."""

    most: ClassVar[int]
    full: ClassVar[Callable[[], None]]
    """Told when somebody is turned away."""
    next_look: ClassVar[float] = -inf

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as in Patient
        """A client is here, and stays if there is room."""
        super().connection_made(transport)
        if len(self.connections) > self.most and not self._make_room():
            self.connections.discard(self)
            self._say_and_close(FULL)
            transport.close()
            type(self).full()

    def waited(self, now: float) -> float:
        """Seconds that this client has kept us waiting; negative while it is being answered."""
        if self._running is not None or self.transport.is_closing() or self.transport.get_write_buffer_size():
            return -1.0
        asked = self.cycle is not None
        rests = asked and not self._open
        return (self.timeout_keep_alive if rests else self.patience) - (self._deadline - now)

    def due(self) -> float:
        """When its time-out would close it, on the loop's clock."""
        return self._deadline

    def _make_room(self) -> bool:
        now = self.loop.time()
        if now < self.next_look:
            return False
        wanted = 1 + self.most // _SHARE
        others = (one for one in self.connections if isinstance(one, Counted) and one is not self)
        idle = (one for one in others if one.waited(now) >= _GRACE)
        leaving = nsmallest(wanted, idle, key=Counted.due)
        if len(leaving) < wanted:
            type(self).next_look = now + _PAUSE
        for one in leaving:
            self.connections.discard(one)  # its end is told to it only in the loop's next turn
            one.transport.abort()
        return bool(leaving)


class TurnedAway:
    """Counts who is turned away, and tells it once a minute."""

    def __init__(self, tell: Callable[[int], None], ticks: Callable[[], float] = monotonic) -> None:
        self._tell = tell
        self._ticks = ticks
        self._next = -inf
        self._clients = 0

    def __call__(self) -> None:
        """One more."""
        self._clients += 1
        now = self._ticks()
        if now >= self._next:
            self._next = now + _MINUTE
            clients, self._clients = self._clients, 0
            self._tell(clients)


def make_counted(protocol: type[Patient], most: int, full: Callable[[], None]) -> type[Patient]:
    """The same protocol for at most so many clients."""
    return type("Counted", (Counted, protocol), {"most": most, "full": staticmethod(full)})
