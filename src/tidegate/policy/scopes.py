"""Which rules apply to a call, and under which keys their states live."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from tidegate.model.call import Caller
from tidegate.model.labels import label
from tidegate.model.times import SECOND
from tidegate.policy.budgets import period_start
from tidegate.policy.prices import PriceBook
from tidegate.policy.rules import Budget, Counts, Limit, Rules, ScopeName, Selector

Kind = Literal["b", "c", "r", "i", "o", "t"]
"""First letter of every key: budget, concurrency, requests, input, output, total tokens."""

KIND_OF: dict[Counts, Kind] = {
    "concurrent": "c",
    "requests": "r",
    "input_tokens": "i",
    "output_tokens": "o",
    "tokens": "t",
}


class Applied(Struct, frozen=True):
    """A rule with the part of its key that does not depend on the call."""

    kind: Kind
    prefix: str
    per: tuple[ScopeName, ...]
    label: str
    """The scope as people read it: `user`, `app+route`."""
    amount: int
    window: int
    """Microseconds; 0 for budgets and concurrency."""
    every: str
    """The period of a budget; empty for limits."""
    where: Selector

    def key(self, values: dict[str, str]) -> str:
        """The key of the state for these scope values; that of a budget still lacks its period."""
        return "|".join([self.prefix, *[values[name] for name in self.per if name != "organization"]])


Keyed = tuple[tuple[Applied, str], ...]
"""Rules with their keys for one caller."""

Due = tuple[tuple[Kind, str, int, int, Applied], ...]
"""Rules taken apart: kind, key, window, amount, and the rule itself; the keys of budgets are those of the period."""

HOUR = 3600 * SECOND
"""Periods begin at full hours of UTC."""


class Scopes:
    """An index over the rules: what applies to a call costs the same with one rule or with a thousand."""

    def __init__(self, rules: Rules) -> None:
        applied = _without_twins([*map(_budget, rules.budgets), *map(_limit, rules.limits)])
        self._common = [rule for rule in applied if not _selects_user(rule)]
        self._by_user: dict[str, list[Applied]] = {}
        for rule in applied:
            for user in set(dict(rule.where).get("user", ())):  # named twice, it still counts once
                self._by_user.setdefault(user, []).append(rule)
        self._seen: dict[tuple[str, str, str], tuple[Applied, ...]] = {}
        self._keys: dict[tuple[Caller, str], Keyed] = {}
        self._due: dict[tuple[Caller, str], Due] = {}
        self._hour = -1

    def keyed(self, caller: Caller, model: str) -> Keyed:
        """All rules that apply with their keys; budgets first."""
        who = (caller, model)
        keyed = self._keys.get(who)
        if keyed is None:
            if len(self._keys) > _REMEMBERED:
                self._keys.clear()
            values = scope_values(caller, model)
            keyed = self._keys[who] = tuple((rule, rule.key(values)) for rule in self.applied(caller, model))
        return keyed

    def due(self, caller: Caller, model: str, now: int) -> Due:
        """All rules that apply as they stand at `now`, microseconds since 1970 UTC; budgets first."""
        hour = now // HOUR
        if hour != self._hour:
            self._due.clear()
            self._hour = hour
        who = (caller, model)
        due = self._due.get(who)
        if due is None:
            if len(self._due) > _REMEMBERED:
                self._due.clear()
            due = self._due[who] = tuple(
                (rule.kind, budget_key(rule, key, now) if rule.kind == "b" else key, rule.window, rule.amount, rule)
                for rule, key in self.keyed(caller, model)
            )
        return due

    def applied(self, caller: Caller, model: str) -> tuple[Applied, ...]:
        """All rules that apply; budgets first."""
        signature = (caller.app, caller.route, model)
        common = self._seen.get(signature)
        if common is None:
            if len(self._seen) > _REMEMBERED:  # routes and models are free strings: an attacker must not fill memory
                self._seen.clear()
            values = scope_values(caller, model)
            common = self._seen[signature] = tuple(rule for rule in self._common if _matches(rule, values))
        own = self._by_user.get(caller.user_id)
        if own is None:
            return common
        values = scope_values(caller, model)
        mine = [rule for rule in own if _matches(rule, values)]
        return tuple(sorted([*common, *mine], key=lambda rule: rule.kind != "b"))


_REMEMBERED = 10_000


def as_counted(rules: Rules, book: PriceBook, secret: bytes) -> Rules:
    """The rules for `Scopes`: what they select under the names that calls are counted by.

    Operators write users, routes and models as their applications do.  A call has labels, made with this `secret`, and
    the name of its model's price.
    """
    return replace(
        rules,
        limits=tuple(replace(rule, where=selected(rule.where, book, secret)) for rule in rules.limits),
        budgets=tuple(replace(rule, where=selected(rule.where, book, secret)) for rule in rules.budgets),
    )


def selected(where: Selector, book: PriceBook, secret: bytes) -> Selector:
    """The same selector under those names; sorted, each once."""
    return tuple(
        (scope, tuple(sorted({_counted(scope, name, book, secret) for name in names}))) for scope, names in where
    )


def _counted(scope: ScopeName, name: str, book: PriceBook, secret: bytes) -> str:
    price = book.find(name) if scope == "model" else None
    return label(name, secret) if price is None else price.model


def budget_key(rule: Applied, key: str, at: int) -> str:
    """The key of a budget's tally in the period of `at`; `key` is the one that `Scopes.keyed` gives."""
    return f"{key}|{period_name(rule.every, at)}"


def period_name(every: str, now: int) -> str:
    """`period_start`, remembered per hour."""
    return _period_name(every, now // HOUR)


@lru_cache(maxsize=64)
def _period_name(every: str, hour: int) -> str:
    return period_start(every, hour * HOUR)


def scope_values(caller: Caller, model: str) -> dict[str, str]:
    """The value of each scope name for a call."""
    return {"app": caller.app, "user": caller.user_id, "route": caller.route, "model": model}


def _budget(budget: Budget) -> Applied:
    prefix = "|".join(["b", "+".join(budget.per), budget.every, _where_text(budget.where)])
    label = "+".join(budget.per)
    return Applied("b", prefix, budget.per, label, budget.amount, 0, budget.every, budget.where)


def _limit(limit: Limit) -> Applied:
    kind = KIND_OF[limit.counts]
    prefix = "|".join([kind, "+".join(limit.per), str(limit.window), _where_text(limit.where)])
    return Applied(kind, prefix, limit.per, "+".join(limit.per), limit.amount, limit.window, "", limit.where)


def _where_text(where: Selector) -> str:
    return "&".join(f"{name}={','.join(values)}" for name, values in where)


def _without_twins(rules: Iterable[Applied]) -> list[Applied]:
    """Two rules that count the same thing share one state: only the tighter one is kept."""
    tightest: dict[str, Applied] = {}
    for rule in rules:
        other = tightest.get(rule.prefix)
        if other is None or rule.amount < other.amount:
            tightest[rule.prefix] = rule
    return list(tightest.values())


def _selects_user(rule: Applied) -> bool:
    return any(name == "user" for name, _ in rule.where)


def _matches(rule: Applied, values: dict[str, str]) -> bool:
    return all(name == "organization" or values[name] in allowed for name, allowed in rule.where)
