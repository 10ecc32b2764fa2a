"""Degradation: where a call goes on when its upstream does not work, in the order that its route lists.

Rules:
1. The first step is the upstream with the lowest priority number.  A route without `fallback` goes on with the other
   upstreams in the order of their priority; one with it does what it lists, and nothing else.
2. A step is taken after an outage only: no connection, a time-out, a cut, 408, 409, 429 or 5xx after the retries, or
   an open breaker.  What is the caller's own fault, a limit or a budget is not helped by another place.
3. Another model is never asked behind the back of an app key's list of models, nor where earlier turns have thinking
   that it cannot read, unless the route says `lose_thinking`.
4. When the deadline of the retries is over, one more step may be sent, without retries, and after it only a sentence.
5. A transparent key's client owns all of this.
"""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tidegate.model.refusal import Refusal
from tidegate.policy.final import Failed
from tidegate.policy.retry import is_retryable
from tidegate.policy.rules import Route

HEADER: Final = b"x-tidegate-degraded"
"""Names the step that answered, when it was not the first."""

_THINKING: Final = re.compile(rb'"type"[ \t\r\n]*:[ \t\r\n]*"(?:redacted_)?thinking"')


class Step(Struct, frozen=True, gc=False):
    """One place that may answer a call."""

    upstream: str = ""
    model: str | None = None
    """Another model than the caller's."""
    static: str | None = None
    """The text of an answer of our own."""
    name: str = ""
    """As `x-tidegate-degraded` says it; empty for the first step."""


def steps(route: Route, upstreams: Sequence[str]) -> tuple[Step, ...]:
    """What is tried for a call of this route; `upstreams` by priority, never empty."""
    first = Step(upstream=upstreams[0])
    if not route.fallback:
        return (first, *(_step(f"upstream:{name}", upstreams) for name in upstreams[1:]))
    kept = [entry for entry in route.fallback if entry.partition(":")[0] != "upstream" or entry[9:] in upstreams[1:]]
    return (first, *(_step(entry, upstreams) for entry in kept))


def _step(entry: str, upstreams: Sequence[str]) -> Step:
    kind, _, rest = entry.partition(":")
    if kind == "upstream":
        return Step(upstream=rest, name=entry)
    if kind == "model":
        return Step(upstream=upstreams[0], model=rest, name=entry)
    return Step(static=rest, name="static")


def is_outage(result: Failed | Refusal) -> bool:
    """Whether another place may help; see rule 2."""
    if isinstance(result, Refusal):
        return result.reason in ("breaker_open", "upstream_down")  # the latter: its tokens could not be counted
    return is_retryable(replace(result.failure, should_retry=None))  # what must not be repeated here may go elsewhere


def has_thinking(body: bytes) -> bool:
    """Whether earlier turns in a request have thinking; a quotation of it has its quotes escaped."""
    return _THINKING.search(body) is not None
