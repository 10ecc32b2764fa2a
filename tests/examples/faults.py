"""Every fault that the fake Claude can produce, and the status that a person is shown for it: whole, and streamed."""

from typing import Final, NamedTuple


class Shown(NamedTuple):
    """200: an answer; else a friendly sentence with that status, as the reply or as the last event of a stream."""

    whole: int
    streamed: int


FAULTS: Final[dict[str, Shown]] = {
    # an error instead of an answer
    **{f"status={status}": Shown(status, status) for status in (400, 404, 408, 413, 422, 500, 502, 503, 504, 529)},
    **{f"status={status}": Shown(502, 502) for status in (401, 403)},  # it is our key that is bad: not their business
    "status=429; retry_after=120": Shown(429, 429),
    "status=429; retry_after_ms=1": Shown(429, 429),
    "status=500; should_retry=false": Shown(500, 500),
    "status=529; html": Shown(529, 529),
    "status=409; error_type=strange_error; error_code=strange_code": Shown(409, 409),
    "status=302": Shown(529, 529),
    **{f"spend={kind}": Shown(429, 429) for kind in ("tier", "self", "credit", "workspace")},
    # too late
    "delay=30": Shown(504, 504),
    "first_byte=30": Shown(504, 504),
    "gap=30": Shown(504, 504),
    "stall=before": Shown(504, 504),
    "stall=headers": Shown(504, 504),
    "stall=2": Shown(504, 504),
    "stall=4": Shown(504, 504),
    # broken off
    "reset=before": Shown(529, 529),
    "reset=headers": Shown(529, 502),
    "reset=4": Shown(529, 502),
    "cut=0": Shown(529, 502),
    "cut=4": Shown(529, 502),
    "cut=4; gzip=force": Shown(529, 502),
    "cut_chunked=headers": Shown(529, 502),
    "cut_chunked=4": Shown(529, 502),
    "cut_chunked=4; gzip=force": Shown(529, 502),
    **{f"error_event={events}": Shown(200, 529) for events in (0, 4)},
    "error_event=4; error_event_type=api_error": Shown(200, 502),
    "error_event=4; error_event_type=rate_limit_error": Shown(200, 429),
    "error_event=4; error_event_type=strange_error": Shown(200, 502),
    # no answer at all
    "malformed": Shown(502, 502),
    "malformed; content_type=text/plain": Shown(502, 502),
    "empty": Shown(502, 502),
    "content_type=text/html": Shown(200, 502),  # what says that it is no stream cannot be passed on as one
    "refuse=before": Shown(422, 422),
    "refuse=after": Shown(422, 422),
    # odd, but an answer
    **{
        orders: Shown(200, 200)
        for orders in (
            "gzip", "gzip=force", "huge=200000", "no_usage", "progressive", "future",
            "pings=3", "stop_reason=strange_reason", "model=strange-model", "iterations=compaction",
            "iterations=advisor", "iterations=fallback", "thinking_tokens=20", "web_searches=2", "tool=strange_tool",
            "output_tokens=max", "input_tokens=9000", "tokens_per_event=1", "pace=quick",
        )
    },
}  # fmt: skip

EACH_KIND: Final = (
    "status=401", "status=404", "status=529", "status=429; retry_after=120", "spend=tier",
    "stall=headers", "stall=4", "reset=before", "cut=4; gzip=force", "cut_chunked=4",
    "error_event=4", "malformed", "empty", "content_type=text/html", "refuse=before", "refuse=after",
    "gzip", "no_usage", "future", "iterations=fallback",
)  # fmt: skip
"""One or two of each kind, for the places that differ from one where all are tried only in what is around them."""

LATE: Final = [orders for orders, shown in FAULTS.items() if shown.whole == 504 and "status" not in orders]
"""These take as long as the time-out."""

ADDED_UP: Final = {"no_usage": 502}
"""`messages.stream` adds up the usage while it reads, and breaks where there is none."""

NOT_FAULTS: Final = {
    "say": "the script's defaults say what is looked for afterwards",
    "message": "as `say`, for errors",
    "headers": "can only be ordered by a script",
    "bill": "what the fake bills",
    "linger": "as `bill`",
}
"""Orders that change nothing of what a person sees, or are in use everywhere, and why."""
