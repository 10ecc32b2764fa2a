"""One attempt: what a send of a call has learned, and the charge that it becomes."""

from collections.abc import Mapping

from tidegate.core.call import Call
from tidegate.core.ports import Clock
from tidegate.core.telling import Telling
from tidegate.model.hold import Charge, Hold
from tidegate.model.labels import is_label
from tidegate.model.usage import Metered, Usage
from tidegate.policy.plan import Plan
from tidegate.policy.settlement import CostOf, Ending, bill_of, outcome_of


class Attempt:
    """One send of a call."""

    # As nearly every attempt begins.
    charge: Charge | None = None
    """None until it is settled."""
    sent = False
    """True once the first byte was handed to the socket."""
    status: int | None = None
    request_id: str | None = None
    _first_byte: float | None = None

    def __init__(self, call: Call, plan: Plan, hold: Hold, clock: Clock, telling: Telling) -> None:
        self.call_id = call.call_id
        self.telling = telling
        self.plan = plan
        self.hold = hold
        self._clock = clock
        self._started = clock.ticks()

    def mark_sent(self) -> None:
        """From here on it may cost money."""
        self.sent = True

    def replied(self, status: int, said: Mapping[bytes, bytes]) -> None:
        """The headers of a reply are here."""
        self.status = status
        self._first_byte = self._clock.ticks()
        request_id = said.get(b"request-id")
        if request_id is not None:
            text = request_id.decode("latin-1")
            self.request_id = text if is_label(text) else None

    def close(self, ending: Ending, metered: Metered, cost_of: CostOf, output_bytes: int = 0) -> Charge:
        """The charge, for the way the attempt ended; kept, so that there is only ever one."""
        ask, status, first_byte = self.hold.ask, self.status, self._first_byte
        caller, bound, started = ask.caller, ask.bound, self._started
        bill = bill_of(ending, metered, bound, cost_of, status, self.plan.on_cut, output_bytes)
        # By position: for more than 15 names CPython makes a dictionary first, which takes six times as long.
        self.charge = Charge(
            ask.attempt_id,
            ask.call_id,
            self.hold.admitted_at,
            int((self._clock.ticks() - started) * 1000 + 0.5),
            None if first_byte is None else int((first_byte - started) * 1000 + 0.5),
            caller.app,
            caller.user_id,
            caller.route,
            ask.model,
            metered.model or ask.model,
            ask.upstream,
            outcome_of(ending, metered, status),
            metered.error_type,
            status,
            ask.attempt,
            metered.stop_reason,
            metered.usage or Usage(),
            ask.max_tokens,
            bound.cost,
            bill.cost,
            bill.exactness,
            ask.price_version,
            self.request_id,
        )
        return self.charge
