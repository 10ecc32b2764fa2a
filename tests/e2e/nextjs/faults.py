"""Every fault that the fake Claude can produce, and what a person then sees, by route and by way of answering."""

from typing import Literal, NamedTuple

Seen = Literal["answer", "note", "refused", "broken", "lost"]
"""The answer; the answer with a note below it; a sentence instead of it; a sentence behind its first words; one of
these two, because what a lost connection had already delivered may be lost with it."""

LETTERS: dict[str, Seen] = {"A": "answer", "N": "note", "R": "refused", "B": "broken", "L": "lost"}

WAYS = (("chat", True), ("chat", False), ("chat-ai-sdk", True), ("chat-ai-sdk", False))
"""Route, and whether the answer is streamed: the four letters of a row stand in this order."""


class Fault(NamedTuple):
    """An order for the fake, and what is to be seen of it."""

    orders: str
    route: str
    stream: bool
    seen: Seen


QUICK = {
    **{f"status={status}": "RRRR" for status in (302, 400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 431)},
    **{f"status={status}": "RRRR" for status in (500, 502, 503, 504, 529)},
    "status=502; html": "RRRR",
    "status=529; retry_after=Wed, 21 Oct 2099 07:28:00 GMT": "RRRR",
    "status=503; should_retry": "RRRR",
    **{f"spend={kind}": "RRRR" for kind in ("tier", "self", "credit", "workspace")},
    # A connection that breaks; a JSON reply has then not begun, and the gateway asks again before it gives up.
    "reset=before": "RRRR",
    "reset=headers": "RRRR",
    "reset=1": "RRRR",
    "reset=5": "LRLR",
    "cut=1": "RRRR",
    "cut=5": "BRBR",
    "cut_chunked=headers": "RRRR",
    "cut_chunked=5": "BRBR",
    "gzip=force; cut=6": "LRLR",
    # A reply that is not what it should be.
    "error_event=1": "RARA",
    "error_event=5": "BABA",
    "error_event=5; error_event_type=api_error": "BABA",
    "error_event=5; error_event_type=rate_limit_error": "BABA",
    "error_event=5; error_event_type=timeout_error": "BABA",
    "error_event=5; error_event_type=billing_error": "BABA",
    "malformed": "BRBR",
    "empty": "RRRR",
    "content_type=text/html": "ARAA",
    "say=": "NNNN",
    # What the model does.
    "refuse=before": "NNNN",
    "refuse=after": "NNNN",
    "output_tokens=max": "NNNN",
    # Unusual, and no fault; the AI SDK reads a reply more strictly than Anthropic's SDK.
    "gzip": "AAAA",
    "huge=100000": "AAAA",
    "no_usage": "AARR",
    "progressive": "AAAA",
    "future": "AARA",
    "pings=3": "AAAA",
    "iterations=fallback": "AAAA",
    "stop_reason=pause_turn": "AAAA",
    "thinking_tokens=20": "AAAA",
}
SILENT = {"stall=before": "RRRR", "stall=headers": "RRRR", "stall=1": "RRRR", "stall=5": "BRBR"}
"""These need a gateway that gives up soon."""


def each_way(faults: dict[str, str]) -> list[Fault]:
    """A row for each of the four ways."""
    return [
        Fault(orders, route, stream, LETTERS[letter])
        for orders, letters in faults.items()
        for (route, stream), letter in zip(WAYS, letters, strict=True)
    ]
