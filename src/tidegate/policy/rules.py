"""The rules that an operator writes: limits, budgets, routes; frozen, with ids that survive a change of amount."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

ScopeName = Literal["organization", "app", "user", "route", "model"]
Counts = Literal["requests", "input_tokens", "output_tokens", "tokens", "concurrent"]
Period = Literal["day", "week", "month", "total"]
BoundMode = Literal["strict", "counted", "estimated"]

Selector = tuple[tuple[ScopeName, tuple[str, ...]], ...]
"""Which calls a rule applies to: every named scope must have one of the values.  Sorted; empty means all."""


class Limit(Struct, frozen=True, kw_only=True):
    """At most `amount` of what it counts in any `window`, for each combination of `per`."""

    per: tuple[ScopeName, ...]
    where: Selector = ()
    counts: Counts
    amount: int
    window: int = 0
    """Microseconds; 0 for `concurrent`."""


class Budget(Struct, frozen=True, kw_only=True):
    """At most `amount` nano-dollars per calendar period (UTC), for each combination of `per`."""

    per: tuple[ScopeName, ...]
    where: Selector = ()
    amount: int
    every: Period
    alert_at: tuple[int, ...] = ()
    """Percent."""


class Route(Struct, frozen=True, kw_only=True):
    """What a route allows; the route `default` serves every undeclared one."""

    name: str
    max_tokens: int | None = None
    when_above: Literal["clamp", "refuse"] = "clamp"
    models: tuple[str, ...] = ()
    """Empty: all."""
    fallback: tuple[str, ...] = ()
    bound: BoundMode | None = None
    unbounded: Literal["refuse", "estimate"] | None = None
    on_cut: Literal["assume", "drain", "estimate"] | None = None
    lose_thinking: bool = False
    """A fallback to another model may lose the thinking of earlier turns, which only its own model can read."""


class Retry(Struct, frozen=True, kw_only=True):
    """How often and how patiently an attempt is repeated; seconds."""

    attempts: int = 5
    base: float = 1.0
    cap: float = 16.0
    deadline: float = 60.0
    budget: float = 0.2


class Breaker(Struct, frozen=True, kw_only=True):
    """When an upstream is left alone; seconds."""

    open_above: float = 0.5
    window: float = 10.0
    probe_after: float = 5.0
    slow: float = 60.0
    """A stream whose answer begins later than that counts as a failure; 0: never."""


class Timeouts(Struct, frozen=True, kw_only=True):
    """How long each phase of an attempt may take; seconds."""

    connect: float = 5.0
    first_byte: float = 120.0
    idle: float = 90.0
    total: float = 600.0


class Rules(Struct, frozen=True, kw_only=True):
    """Everything that decides about a call."""

    limits: tuple[Limit, ...] = ()
    budgets: tuple[Budget, ...] = ()
    routes: Mapping[str, Route] = {}
    bound: BoundMode = "counted"
    unbounded: Literal["refuse", "estimate"] | None = None
    """None: `refuse` in strict, `estimate` otherwise."""
    unknown_model: Literal["refuse", "dearest"] = "refuse"
    on_cut: Literal["assume", "drain", "estimate"] = "assume"
    require_user: bool = False
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    timeouts: Timeouts = Timeouts()

    def route(self, name: str) -> Route:
        """The declared route of that name, else `default`, else one that allows everything."""
        if not self.routes:
            return _OPEN_ROUTE
        return self.routes.get(name) or self.routes.get("default") or _OPEN_ROUTE


_OPEN_ROUTE = Route(name="default")
