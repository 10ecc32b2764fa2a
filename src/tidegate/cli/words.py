"""Limits, budgets and places in words, for people who start a gateway."""

from collections.abc import Iterable

from tidegate.model.money import show_usd
from tidegate.model.times import SECOND
from tidegate.policy.rules import Budget, Counts, Limit, Period, ScopeName, Selector

_COUNTS: dict[Counts, str] = {
    "requests": "requests",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "tokens": "tokens",
    "concurrent": "calls at a time",
}
_EVERY: dict[Period, str] = {"day": "a day", "week": "a week", "month": "a month", "total": "in total"}
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def limit_words(limit: Limit) -> str:
    """`20 requests a minute for each user`."""
    every = f" {_window(limit.window)}" if limit.window else ""
    return f"{limit.amount:,} {_COUNTS[limit.counts]}{every} {_scope(limit.per, limit.where)}"


def budget_words(budget: Budget) -> str:
    """`500 USD a month for the organization`."""
    amount = show_usd(budget.amount).removesuffix(" USD").rstrip("0").rstrip(".")
    return f"{amount} USD {_EVERY[budget.every]} {_scope(budget.per, budget.where)}"


def _window(micros: int) -> str:
    for seconds, unit in _UNITS:
        count, rest = divmod(micros, seconds * SECOND)
        if count and not rest:
            return f"a {unit}" if count == 1 else f"in {count:,} {unit}s"
    return f"in {micros / SECOND:g} seconds"


def _scope(per: Iterable[ScopeName], where: Selector) -> str:
    """Whom a rule counts together: `for each user`, `for the app reports`, `for each user (only app chat)`."""
    fixed = {name for name, values in where if len(values) == 1}
    each = [name for name in per if name != "organization" and name not in fixed]
    alone = [f"{name} {values[0]}" for name, values in where if name in fixed and name in set(per) and not each]
    only = [f"{name} {' or '.join(values)}" for name, values in where if f"{name} {values[0]}" not in alone]
    whom = f"each {' and '.join(each)}" if each else f"the {' and '.join(alone) or 'organization'}"
    return f"for {whom}" + (f" (only {', '.join(only)})" if only else "")
