"""The circuit breaker: leaves an upstream alone while it does not work, and finds out when it works again.

One `Circuit` for each upstream and model family.  It is live state like limits and budgets: the fold of how attempts
ended, so all who share a store share it.  Rules:

1. Closed: ends are counted in a sliding window.  With at least `LEAST` of them, and more than `open_above` of them
   bad, it opens.
2. Open: nothing is admitted until `probe_at`.  Whoever asks then is the probe, and `probe_at` moves on by
   `probe_after`: one probe in each interval, whatever becomes of it.
3. A good end of a probe closes it, with an empty window.  What was admitted before it last opened or closed may still
   end either way, and says nothing any more.
4. Bad is what says that the upstream does not work: no connection, a time-out, a cut, 408, 5xx, an answer that began
   later than `slow`, and a caller who leaves without a first byte after waiting long enough for one (`enough`): else
   callers who are less patient than our time-outs would hide a dead upstream.  Good is any other answer; a caller who
   leaves earlier says nothing.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from tidegate.model.hold import Ask, Charge
from tidegate.model.times import SECOND
from tidegate.policy.rules import Breaker, Timeouts

LEAST: Final = 20
"""Attempts in the window below which nothing is concluded."""
SLOTS: Final = 10
"""Parts of the window that are forgotten at once."""
PACE: Final = 3600 / 128_000
"""Seconds that a token takes at most: what the official SDKs reckon with for whole answers."""

NEARLY: Final = 0.95
"""The part of a time-out that is long enough: a caller with the same one began to count before we did."""

Went = Literal[-1, 0, 1]
"""How an attempt speaks about its upstream: bad, not at all, good."""

BAD_OUTCOMES: Final = frozenset({"cut", "timeout"})

_FAMILY: Final = re.compile(r"claude-(?:\d[\d.-]*-)?([a-z]+)")


class Circuit(Struct, gc=False):
    """What is known of one upstream and model family; times in microseconds since 1970 UTC."""

    slots: list[tuple[int, int, int]] = []
    """Number of the slot, good ends, bad ends; oldest first."""
    probe_at: int = 0
    """When the next probe may go; 0: closed."""
    opened_at: int = 0
    """Since when it is open; 0: closed."""
    since: int = 0
    """The latest admission when it last opened or closed; 0: it never did."""


def circuit_name(upstream: str, model: str) -> str:
    """The name of a circuit, as `anthropic/haiku`; a model without a family stands for itself."""
    found = _FAMILY.match(model)
    return f"{upstream}/{found[1] if found else model}"


def wait(circuit: Circuit, now: int) -> int | None:
    """Microseconds until an attempt may be made: 0 as a probe; None: there is nothing to wait for."""
    return max(0, circuit.probe_at - now) if circuit.probe_at else None


def went(ask: Ask, charge: Charge) -> Went:
    """What the end of an attempt says about its upstream."""
    if charge.outcome == "ok" and not ask.slow:  # nearly always
        return 1
    if charge.outcome == "crashed":
        return 0
    if charge.outcome == "aborted":
        return -1 if charge.first_byte_ms is None and 0 < ask.patience <= charge.duration_ms else 0
    status = charge.status
    if charge.outcome in BAD_OUTCOMES or (status is not None and (status >= 500 or status == 408)):
        return -1
    return -1 if is_late(ask, charge.first_byte_ms) else 1


def is_late(ask: Ask, first_byte_ms: int | None) -> bool:
    """Whether an answer began so late that its upstream does not work."""
    return bool(ask.slow) and first_byte_ms is not None and first_byte_ms >= ask.slow


def patience(timeouts: Timeouts, max_tokens: int) -> Timeouts:
    """For a probe that wants a whole answer: to begin it may take as long as a stream, and to write what it takes.

    Without this a probe would wait `total` for an upstream that takes requests and never answers.
    """
    return replace(timeouts, first_byte=_whole_answer(timeouts, max_tokens))


def enough(timeouts: Timeouts, slow: float, max_tokens: int | None) -> int:
    """Milliseconds without a first byte after which whoever leaves has waited long enough.

    `max_tokens` is None for a stream: it should have begun by `slow`, or by `first_byte` where that is shorter or
    `slow` is 0.  A whole answer may take as long as that of a probe.
    """
    if max_tokens is None:
        seconds = min(slow or timeouts.first_byte, timeouts.first_byte)
    else:
        seconds = _whole_answer(timeouts, max_tokens)
    return int(seconds * NEARLY * 1000)


def _whole_answer(timeouts: Timeouts, max_tokens: int) -> float:
    """Seconds until an answer of so many tokens should be here."""
    return min(timeouts.total, timeouts.first_byte + max_tokens * PACE)


def probed(circuit: Circuit, at: int, breaker: Breaker) -> None:
    """A probe was admitted."""
    circuit.probe_at = at + int(breaker.probe_after * SECOND)


def ended(circuit: Circuit, how: Went, at: int, breaker: Breaker, *, admitted_at: int, last: int) -> None:
    """An attempt that was admitted at `admitted_at` ended at `at`; `last` is the latest admission of all."""
    if admitted_at <= circuit.since:
        return
    if circuit.probe_at:  # what was admitted since it opened is a probe
        if how == 1:
            circuit.probe_at = circuit.opened_at = 0
            circuit.since = last
        return
    if how == 0:
        return
    length = int(breaker.window * SECOND) // SLOTS or 1
    _count(circuit.slots, at // length, how)
    if how == -1 and _is_bad(circuit.slots, breaker.open_above):
        circuit.slots.clear()
        circuit.opened_at = at
        circuit.probe_at = at + int(breaker.probe_after * SECOND)
        circuit.since = last


def copy_of(circuits: Mapping[str, Circuit]) -> dict[str, Circuit]:
    """The circuits as they are now, for whoever looks at them while they change."""
    return {name: replace(one, slots=list(one.slots)) for name, one in circuits.items()}


def _count(slots: list[tuple[int, int, int]], slot: int, how: Went) -> None:
    if slots:
        last, good, bad = slots[-1]
        if last >= slot:  # ends come nearly in the order of time
            slots[-1] = (last, good + 1, bad) if how == 1 else (last, good, bad + 1)
            return
    slots.append((slot, 1, 0) if how == 1 else (slot, 0, 1))
    while slots[0][0] <= slot - SLOTS:
        del slots[0]


def _is_bad(slots: list[tuple[int, int, int]], open_above: float) -> bool:
    bad = sum(slot[2] for slot in slots)
    total = bad + sum(slot[1] for slot in slots)
    return total >= LEAST and bad > open_above * total
