"""What a route makes of a request: how many tokens it lets the model write."""

from msgspec.structs import replace

from tidegate.model.call import Reading
from tidegate.model.refusal import Refusal
from tidegate.policy.rules import Route


def apply_route(reading: Reading, route: Route) -> Reading | Refusal:
    """The reading with the `max_tokens` to send, the same object when nothing changes; or a Refusal.

    When the number differs from the request's, the body must be edited (`with_max_tokens`).
    """
    cap, asked = route.max_tokens, reading.max_tokens
    if cap is None or (asked is not None and asked <= cap):
        return reading
    if asked is None:
        return replace(reading, max_tokens=cap)
    if route.when_above == "refuse":
        detail = f"max_tokens may be at most {cap} on this route"
        return Refusal(reason="max_tokens_too_large", scope="route", detail=detail)
    # The API refuses a max_tokens that does not exceed thinking.budget_tokens, so a clamp stops above it.
    floor = min(asked, (reading.thinking_budget or 0) + 1)
    return replace(reading, max_tokens=max(cap, floor)) if max(cap, floor) != asked else reading
