"""Facts: what observers are told.  Same field names as the ledger; never content."""

from msgspec import Struct

from tidegate.model.call import Caller
from tidegate.model.hold import Charge
from tidegate.model.refusal import Refusal


class AttemptSettled(Struct, frozen=True, gc=False):
    """One attempt has its charge."""

    charge: Charge


class CallSucceeded(Struct, frozen=True, gc=False):
    """The caller got an answer; `charge` is that of its last attempt."""

    charge: Charge
    duration_ms: int
    cost: int
    """Nano-dollars of all attempts of the call."""
    degraded: str | None = None
    """The step that answered, as `x-tidegate-degraded` says it; None: the first."""


class CallFailed(Struct, frozen=True, gc=False, kw_only=True):
    """The caller got an error, or a stream that broke, after at least one attempt was tried."""

    call_id: str
    caller: Caller
    model: str
    duration_ms: int
    attempts: int
    error_type: str
    reason: str
    """A name of the catalogue of texts: a refusal's reason or an outcome."""
    status: int | None
    cost: int
    upstream_request_id: str | None = None
    degraded: str | None = None
    """`static`: the caller has read a sentence of the route instead."""


class CallRefused(Struct, frozen=True, gc=False, kw_only=True):
    """The gate answered by itself."""

    call_id: str
    at: int
    caller: Caller
    model: str
    refusal: Refusal


class HoldExceeded(Struct, frozen=True, gc=False):
    """A bill above its hold: counted, logged and alerted, never hidden."""

    charge: Charge


class LeaseExpired(Struct, frozen=True, gc=False):
    """A hold whose owner never settled was charged whole."""

    charge: Charge


class KeyRejected(Struct, frozen=True, gc=False):
    """An upstream does not take our key; told once for each key."""

    upstream: str


Fact = AttemptSettled | CallSucceeded | CallFailed | CallRefused | HoldExceeded | LeaseExpired | KeyRejected
