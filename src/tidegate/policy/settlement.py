"""Settlement: what one attempt cost and how it ended; the table of the design as code.

The first row that applies decides about the money:

| what is known                                          | cost                                        | exactness   |
|--------------------------------------------------------|---------------------------------------------|-------------|
| the reply was an HTTP error                            | 0                                           | `actual`    |
| the model refused before any output                    | 0                                           | `actual`    |
| final usage                                            | the parts at their prices                   | `actual`    |
| `message_start`, and `on_cut = "estimate"`             | exact input + output seen, at most the hold | `estimated` |
| `message_start`                                        | exact input + the output part of the hold   | `assumed`   |
| nothing (time-out, reset, crash, garbage)              | the whole hold                              | `assumed`   |

A crash never uses the fourth and fifth rows: who crashed cannot be trusted to have seen all.  An assumed or estimated
bill is never smaller than the usage that was already reported.

The money does not ask how the call ended for the caller; the outcome does not ask what it cost.  An answer that was
aborted by its caller after the final usage is `aborted` and `actual`.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from tidegate.model.call import Bound
from tidegate.model.usage import Bill, Metered, Outcome, Part, Usage

Ending = Literal["ok", "upstream_error", "cut", "aborted", "timeout", "crashed"]
"""What the Gate saw: the reply's end came, it was an error reply, the upstream was lost, the caller left, ..."""

CostOf = Callable[[str, Usage], int]
"""Nano-dollars of that usage at that model's price.  For a model that is not known, the empty name of a reply that
named none included, it uses the price of admission: no other is known to be right."""

BYTES_PER_TOKEN = 4
"""Of output text, when nothing better is known."""


def bill_of(
    ending: Ending,
    metered: Metered,
    bound: Bound,
    cost_of: CostOf,
    status: int | None = None,
    on_cut: str = "assume",
    output_bytes: int = 0,
) -> Bill:
    """The money of the table above, for one attempt that was sent.

    Args:
        ending: how it ended, as the Gate saw it.
        metered: what the meter read; `Metered()` when there was nothing to read.
        bound: of its hold.
        cost_of: the prices of admission.
        status: the reply's HTTP status; None when no reply came.
        on_cut: of the rules; `drain` settles like `assume` what could not be drained.
        output_bytes: output text seen, for `on_cut = "estimate"`.
    """
    if status is not None and status >= 300:
        return Bill(0, "actual")
    if metered.stop_reason == "refusal" and metered.silent:
        return Bill(0, "actual")
    said = _price(metered.parts, cost_of)
    if metered.finished:
        return Bill(said, "actual")
    if not metered.started or ending == "crashed":
        return Bill(max(bound.cost, said), "assumed")
    most = _price(_without_output(metered.parts), cost_of) + bound.cost - bound.input_cost
    if on_cut == "estimate":
        seen = _price(_with_output(metered.parts, output_bytes // BYTES_PER_TOKEN), cost_of)
        return Bill(max(said, min(seen, most)), "estimated")
    return Bill(max(said, most), "assumed")


def outcome_of(ending: Ending, metered: Metered, status: int | None) -> Outcome:
    """How the attempt ended for its caller."""
    if ending in ("aborted", "crashed"):
        return ending
    if status is not None and status >= 300:
        return "upstream_error"
    if not metered.ended:
        # The end of the connection is not the end of the answer: that is message_stop.
        return "cut" if ending == "ok" else ending
    if ending == "upstream_error":
        return ending
    # All was said before the connection was lost or the time was up; but an error event makes it a cut.
    if metered.error_type is not None:
        return "cut"
    return "model_refusal" if metered.stop_reason == "refusal" else "ok"


def _price(parts: tuple[Part, ...], cost_of: CostOf) -> int:
    if len(parts) == 1:  # nearly always, and a generator takes longer than the price
        return cost_of(parts[0].model, parts[0].usage)
    return sum(cost_of(part.model, part.usage) for part in parts)


def _without_output(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    return tuple(Part(p.model, msgspec.structs.replace(p.usage, output_tokens=0, thinking_tokens=0)) for p in parts)


def _with_output(parts: tuple[Part, ...], seen: int) -> tuple[Part, ...]:
    """The parts, the last of them with at least `seen` output tokens."""
    last = parts[-1]
    tokens = max(seen, last.usage.output_tokens)
    return (*parts[:-1], Part(last.model, msgspec.structs.replace(last.usage, output_tokens=tokens)))
