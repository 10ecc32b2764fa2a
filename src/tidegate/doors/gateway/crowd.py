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
        idle = (one for one in self.connections if isinstance(one, Counted) and one.waited(now) >= _GRACE)
        leaving = nsmallest(1 + self.most // _SHARE, idle, key=Counted.due)
        for one in leaving:
            self.connections.discard(one)  # its end is told to it only in the loop's next turn
            one.transport.abort()
        return bool(leaving)


def make_counted(protocol: type[Patient], most: int, full: Callable[[], None]) -> type[Patient]:
    """The same protocol for at most so many clients."""
    return type("Counted", (Counted, protocol), {"most": most, "full": staticmethod(full)})
