"""Refusals: the replies that the gate gives instead of sending, one row per reason."""

from typing import Literal

from msgspec import Struct

Reason = Literal[
    "rate_limited", "too_many_concurrent", "queue_full", "budget_held", "budget_spent", "upstream_spend_stop",
    "bad_request", "unknown_model", "unbounded_cost", "identity_required", "max_tokens_too_large",
    "bad_key", "key_revoked", "key_expired", "not_allowed", "not_found",
    "unknown_path", "bad_method", "too_large", "upstream_down", "breaker_open", "timeout", "draining",
    "store_down", "upstream_key_rejected",
]  # fmt: skip


class Shape(Struct, frozen=True, gc=False):
    """How a reason looks on the wire."""

    status: int
    type: str
    should_retry: bool | None = None
    """The `x-should-retry` header; None sends none."""


SHAPES: dict[Reason, Shape] = {
    "rate_limited": Shape(429, "rate_limit_error", should_retry=False),
    "too_many_concurrent": Shape(429, "rate_limit_error", should_retry=False),
    "queue_full": Shape(429, "rate_limit_error", should_retry=False),
    "budget_held": Shape(429, "rate_limit_error"),
    "budget_spent": Shape(429, "billing_error", should_retry=False),
    "upstream_spend_stop": Shape(429, "billing_error", should_retry=False),
    "bad_request": Shape(400, "invalid_request_error", should_retry=False),
    "unknown_model": Shape(400, "invalid_request_error", should_retry=False),
    "unbounded_cost": Shape(400, "invalid_request_error", should_retry=False),
    "identity_required": Shape(400, "invalid_request_error", should_retry=False),
    "max_tokens_too_large": Shape(400, "invalid_request_error", should_retry=False),
    "bad_key": Shape(401, "authentication_error"),
    "key_revoked": Shape(401, "authentication_error"),
    "key_expired": Shape(401, "authentication_error"),
    "not_allowed": Shape(403, "permission_error"),
    "not_found": Shape(404, "not_found_error"),
    "unknown_path": Shape(404, "not_found_error"),
    "bad_method": Shape(405, "invalid_request_error"),
    "too_large": Shape(413, "request_too_large"),
    "upstream_down": Shape(529, "overloaded_error", should_retry=False),
    "breaker_open": Shape(529, "overloaded_error", should_retry=False),
    "timeout": Shape(504, "timeout_error", should_retry=False),
    "draining": Shape(503, "api_error", should_retry=True),
    "store_down": Shape(503, "api_error", should_retry=False),
    "upstream_key_rejected": Shape(502, "api_error", should_retry=False),
}


class Refusal(Struct, frozen=True, gc=False, kw_only=True):
    """Why a call was not sent, for whom, and when to come back."""

    reason: Reason
    scope: str = ""
    """The scope that refused, such as `user` or `organization`; empty when none did."""
    retry_after: float | None = None
    """Seconds until another try can succeed."""
    resets_at: int | None = None
    """Microseconds since 1970 UTC at which a spent budget starts anew."""
    sized: bool = False
    """True when a smaller hold could have passed."""
    detail: str = ""
    """One more sentence for the caller, free of content: what to change."""
