"""A hold: money and tokens set aside before an attempt is sent; and the charge that follows it."""

from msgspec import Struct

from tidegate.model.call import Bound, Caller
from tidegate.model.usage import Exactness, Outcome, Usage


class Ask(Struct, frozen=True, gc=False, kw_only=True, array_like=True):
    """What one attempt asks the store to hold."""

    attempt_id: str
    call_id: str
    attempt: int
    """1 for the first send of a call."""
    caller: Caller
    model: str
    """The requested model, as the ledger keeps it."""
    scope_model: str
    """The model's one name in scopes, so that two spellings share a budget."""
    upstream: str
    bound: Bound
    max_tokens: int
    price_version: str
    lease: int
    """Microseconds from admission to the end of the lease."""
    circuit: str = ""
    """The breaker's circuit, as `anthropic/haiku`; empty: none."""
    slow: int = 0
    """Milliseconds after which the first byte is late; 0: never."""
    patience: int = 0
    """Milliseconds after which a caller who leaves without a first byte has waited long enough; 0: never."""
    before: tuple[str, ...] = ()
    """The models' names in scopes that earlier attempts of the call were sent for; empty for the first."""


Entry = tuple[str, int, int]
"""One scope that a hold counts in: the key of its state, what was put there, and how long a limit counts it
(microseconds; 0 for budgets and concurrency)."""


class Hold(Struct, frozen=True, gc=False, kw_only=True, array_like=True):
    """A durable promise: this attempt may cost up to `ask.bound.cost`."""

    ask: Ask
    admitted_at: int
    """Store time, microseconds since 1970 UTC."""
    lease_until: int
    """By the clock, not in store time; microseconds since 1970 UTC, 0 once a sweep is charging it."""
    entries: tuple[Entry, ...]
    probe: bool = False
    """This attempt finds out whether its upstream works again."""


class Charge(Struct, frozen=True, gc=False):
    """The ledger's row for one attempt; the field names are the columns of `charges`."""

    attempt_id: str
    call_id: str
    started_at: int
    """Microseconds since 1970 UTC; RFC 3339 in the table."""
    duration_ms: int
    first_byte_ms: int | None
    app: str
    user_id: str
    route: str
    model_requested: str
    model: str
    upstream: str
    outcome: Outcome
    error_type: str | None
    status: int | None
    attempt: int
    stop_reason: str | None
    usage: Usage
    """Flattened into the token columns."""
    max_tokens: int
    held: int
    cost: int
    exactness: Exactness
    price_version: str
    upstream_request_id: str | None


class Adjustment(Struct, frozen=True, gc=False, kw_only=True):
    """A later correction of a charge."""

    adjusts: str
    """The attempt id of the charge."""
    at: int
    """Microseconds since 1970 UTC."""
    source: str
    """`late_settlement`, `late_release`, `reconcile`, ...; at most one per attempt and source."""
    cost_delta: int
    """Nano-dollars, may be negative."""
