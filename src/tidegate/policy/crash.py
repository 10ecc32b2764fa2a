"""The charge of a hold that nobody settled: the whole hold, assumed."""

from tidegate.model.hold import Charge, Hold
from tidegate.model.usage import Usage


def crashed(hold: Hold, now: int) -> Charge:
    """What a lease that ended costs; `now` in microseconds since 1970 UTC."""
    ask = hold.ask
    return Charge(
        attempt_id=ask.attempt_id,
        call_id=ask.call_id,
        started_at=hold.admitted_at,
        duration_ms=max(0, now - hold.admitted_at) // 1000,
        first_byte_ms=None,
        app=ask.caller.app,
        user_id=ask.caller.user_id,
        route=ask.caller.route,
        model_requested=ask.model,
        model=ask.model,
        upstream=ask.upstream,
        outcome="crashed",
        error_type=None,
        status=None,
        attempt=ask.attempt,
        stop_reason=None,
        usage=Usage(),
        max_tokens=ask.max_tokens,
        held=ask.bound.cost,
        cost=ask.bound.cost,
        exactness="assumed",
        price_version=ask.price_version,
        upstream_request_id=None,
    )
