"""The ports of the Gate: what it needs from the outside, as Protocols.

Every method that may take time is awaited.  Behind an async door it may suspend; behind the blocking door it simply
blocks and never suspends, so that `run_now` can drive the same flow.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from tidegate.model.facts import CallRefused, Fact
from tidegate.model.hold import Adjustment, Ask, Charge, Hold
from tidegate.model.refusal import Refusal
from tidegate.policy.breaker import Circuit
from tidegate.policy.rules import Timeouts

Headers = Sequence[tuple[bytes, bytes]]
"""Names in lower case, in the order of the wire."""


class Outgoing(Struct, frozen=True):
    """A request as it goes upstream; credentials are added by the upstream."""

    method: str
    target: str
    """Path and query, such as `/v1/messages?beta=true`."""
    headers: Headers
    body: bytes
    via: Any = None
    """What the door needs to send it; None where the upstream has its own way."""


class Reply(Protocol):
    """An upstream's reply whose body is still to be read."""

    status: int
    headers: Headers

    def whole(self) -> bytes | None:
        """What was not read yet, once, when all of the body is here; None: it must be read."""

    async def read(self) -> bytes:
        """The next piece of the body as it came, b"" at its end; raises Broken when it is lost."""

    async def close(self) -> None:
        """Leave the rest unread; the upstream sees the connection end.  Safe to call twice."""


class Upstream(Protocol):
    """A place that serves Claude."""

    name: str

    def send(self, request: Outgoing, timeouts: Timeouts, on_sent: Callable[[], None]) -> Awaitable[Reply]:
        """Send once and return when the reply's headers are here.  Raises NotSent or Broken, never retries.

        `on_sent` is called right before the first byte is handed to the socket: from there on it may cost money.
        `timeouts.total` bounds the whole attempt, reading of the body included.
        """

    async def renew_key(self) -> bool:
        """Read the credential anew from where it comes from; True when it is another one now."""


class Clock(Protocol):
    """Time."""

    def now(self) -> int:
        """Wall time, microseconds since 1970 UTC; may jump."""

    def ticks(self) -> float:
        """Monotonic seconds."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class Store(Protocol):
    """Shared live state: limits, budgets, holds.  Every method is one atomic step; raises StoreDown."""

    async def admit(self, ask: Ask, now: int) -> Hold | Refusal:
        """Hold what the attempt asks in every scope that applies, or nothing at all.  Durable when it returns."""

    async def settle(self, hold: Hold, charge: Charge) -> bool:
        """Write the charge and turn the hold into its cost, exactly once; must finish even when cancelled.

        The same charge may come again, when nobody knows whether the first time was written: it changes nothing.

        False when the lease had ended and the hold was charged meanwhile; an adjustment has then been written.
        """

    async def release(self, attempt_id: str, lost_at: int = 0) -> None:
        """Give a hold back whose request never left, if there is one; must finish even when cancelled.

        When the lease had ended and the hold was charged meanwhile, an adjustment takes the charge back, once.

        `lost_at`: when its upstream could not be reached, microseconds since 1970 UTC; 0: it was not tried.
        """

    async def probed(self, attempt_id: str, now: int) -> None:
        """The answer to a probe has begun: its circuit closes before the attempt is settled."""

    async def circuits(self) -> Mapping[str, Circuit]:
        """The breaker's circuits by name, as they are now."""

    async def renew(self, attempt_ids: Sequence[str], until: int) -> None:
        """Move the ends of leases to `until`, by the clock, microseconds since 1970 UTC; not of those being charged."""

    async def sweep(self, now: int) -> Sequence[Charge]:
        """Charge every hold whose lease has ended, whole and `assumed`; returns those charges.

        `now` is by the clock.  A lease that was made in its future, before the clock was set back, ends once it was
        seen unchanged for its own length.
        """


class Ledger(Protocol):
    """All charges, append-only: the truth about money.  Raises StoreDown."""

    async def append(self, charge: Charge) -> bool:
        """Write a charge; False when that attempt already has one."""

    async def adjust(self, adjustment: Adjustment) -> bool:
        """Write a correction; False when that attempt already has one from this source."""

    async def cost(self, attempt_id: str) -> int | None:
        """Nano-dollars of an attempt, corrections included; None when it has no charge."""

    async def refused(self, refused: CallRefused) -> None:
        """Record a refusal."""


Observe = Callable[[Fact], None]
"""Told of every fact; must not block and must not raise."""
