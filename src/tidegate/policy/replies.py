"""Replies that the gate makes itself: refusals, errors inside streams, and friendly forms of the upstream's errors."""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from tidegate.model.refusal import SHAPES, Reason, Refusal
from tidegate.model.texts import Texts, fill
from tidegate.model.times import rfc3339
from tidegate.policy.error_json import ErrorInfo

Headers = list[tuple[bytes, bytes]]

RETRY_AFTER: dict[Reason, Literal["real", "one"]] = {
    "rate_limited": "real",
    "too_many_concurrent": "real",
    "queue_full": "real",
    "budget_held": "one",
    "upstream_down": "real",
    "breaker_open": "real",
    "draining": "one",
    "store_down": "real",
}
"""Reasons that carry `retry-after`: the refusal's own seconds, or always one."""

RESETS_AT: frozenset[Reason] = frozenset({"budget_spent", "upstream_spend_stop"})
"""Reasons that carry `x-tidegate-resets-at`, when it is known."""

UPSTREAM_TEXTS = {
    408: "upstream_timeout",
    429: "upstream_rate_limited",
    503: "upstream_overloaded",
    504: "upstream_timeout",
    529: "upstream_overloaded",
}
"""Names of the texts for errors of the upstream; `upstream_error` for every other status."""

_OF_THE_BODY = frozenset({
    b"content-type", b"content-length", b"content-encoding", b"transfer-encoding", b"trailer", b"connection",
    b"keep-alive", b"x-should-retry", b"etag", b"digest", b"content-digest",
})  # fmt: skip
"""Headers that belong to the body which is replaced, or to the connection."""

_encode = msgspec.json.Encoder().encode


def refusal_reply(refusal: Refusal, request_id: str, texts: Texts) -> tuple[int, Headers, bytes]:
    """Status, headers and body of a refusal, in Anthropic's error shape."""
    shape = SHAPES[refusal.reason]
    wait = seconds_to_wait(refusal)
    headers = [
        (b"content-type", b"application/json"),
        (b"request-id", request_id.encode()),
        (b"x-tidegate-reason", refusal.reason.encode()),
    ]
    if refusal.scope:
        headers.append((b"x-tidegate-scope", refusal.scope.encode()))
    if wait is not None:
        headers.append((b"retry-after", b"%d" % wait))
    if shape.should_retry is not None:
        headers.append((b"x-should-retry", b"true" if shape.should_retry else b"false"))
    if refusal.resets_at is not None and refusal.reason in RESETS_AT:
        headers.append((b"x-tidegate-resets-at", rfc3339(refusal.resets_at).encode()))
    return shape.status, headers, error_body(shape.type, refusal_text(refusal, texts), request_id)


def refusal_text(refusal: Refusal, texts: Texts) -> str:
    """What a person reads."""
    text = fill(
        texts,
        refusal.reason,
        scope=refusal.scope,
        retry_after=seconds_to_wait(refusal),
        resets_at=refusal.resets_at,
    )
    if not refusal.detail:
        return text
    detail = refusal.detail[0].upper() + refusal.detail[1:]
    return f"{text} {detail}" if detail.endswith(".") else f"{text} {detail}."


def seconds_to_wait(refusal: Refusal) -> int | None:
    """The `retry-after` of a refusal, rounded up and at least one; None when it has none."""
    kind = RETRY_AFTER.get(refusal.reason)
    if kind is None:
        return None
    if kind == "one" or refusal.retry_after is None or not math.isfinite(refusal.retry_after):
        return 1
    return max(1, math.ceil(refusal.retry_after))


def error_body(kind: str, message: str, request_id: str, code: str | None = None) -> bytes:
    """Anthropic's error object."""
    error: dict[str, object] = {"type": kind, "message": message}
    if code is not None:
        error["details"] = {"error_code": code}
    return _encode({"type": "error", "error": error, "request_id": request_id})


def sse_error(kind: str, message: str, request_id: str) -> bytes:
    """An error event, for a stream that cannot be finished; put it in at an event boundary."""
    return b"event: error\ndata: " + error_body(kind, message, request_id) + b"\n\n"


def friendly_error(
    status: int, headers: Sequence[tuple[bytes, bytes]], error: ErrorInfo, request_id: str, texts: Texts
) -> tuple[int, Headers, bytes]:
    """An upstream's error after the retries: its status, type, request id and headers, with a text for people.

    `request_id` is used when the upstream gave none.  Header names in lower case.
    """
    kept = [(name, value) for name, value in headers if name not in _OF_THE_BODY]
    said = next((value.decode("latin-1") for name, value in kept if name == b"request-id"), None)
    request_id = said or error.request_id or request_id
    if said is None:
        kept.append((b"request-id", request_id.encode()))
    kept += [(b"content-type", b"application/json"), (b"x-should-retry", b"false")]
    kind = "api_error" if error.type == "other" else error.type
    text = fill(texts, upstream_text(status))
    return status, kept, error_body(kind, text, request_id, error.code)


def upstream_text(status: int | None) -> str:
    """The name of the text for an error of the upstream; None: the connection failed."""
    return "upstream_error" if status is None else UPSTREAM_TEXTS.get(status, "upstream_error")
