"""The operator's rules out of their tables: limits, budgets, routes, and what goes with them."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from tidegate.config import read
from tidegate.config.keys import LISTS, QUANTITIES
from tidegate.config.locate import Path
from tidegate.config.read import Values
from tidegate.config.trouble import Trouble
from tidegate.config.where import Wheres
from tidegate.policy.prices import PriceBook
from tidegate.policy.rules import Breaker, Budget, Limit, Retry, Route, Rules, Selector, Timeouts


def read_rules(trouble: Trouble, upstreams: Iterable[str], book: PriceBook, notices: list[str]) -> Rules:
    """All rules; `upstreams` are the declared names that a route may fall back to."""
    policy = read.section(trouble, "policy")
    wheres = Wheres(trouble, book, policy.get("unknown_model", ""))
    retry, timeouts = _times(read.section(trouble, "retry"), read.section(trouble, "timeouts"), notices)
    return Rules(
        limits=_limits(trouble, wheres),
        budgets=_budgets(trouble, wheres),
        routes=_routes(trouble, list(upstreams)),
        retry=retry,
        breaker=Breaker(**read.section(trouble, "breaker")),
        timeouts=timeouts,
        **policy,
    )


def _times(retry: Values, timeouts: Values, notices: list[str]) -> tuple[Retry, Timeouts]:
    """A time-out or a retry deadline longer than the total counts as the total; said when it was asked for."""
    total = Timeouts(**timeouts).total
    given = [
        ("retry", "deadline", retry),
        *(("timeouts", name, timeouts) for name in ("connect", "first_byte", "idle")),
    ]
    notices.extend(
        f'"{name}" in [{section}] ({values[name]:g} s) is longer than "total" in [timeouts]; it counts as {total:g} s.'
        for section, name, values in given
        if values.get(name, 0) > total
    )
    full = Timeouts(**timeouts)
    patience = Retry(**retry)
    return replace(patience, deadline=min(patience.deadline, total)), Timeouts(
        connect=min(full.connect, total),
        first_byte=min(full.first_byte, total),
        idle=min(full.idle, total),
        total=total,
    )


def _limits(trouble: Trouble, wheres: Wheres) -> tuple[Limit, ...]:
    limits: list[Limit] = []
    seen: dict[object, Path] = {}
    for number, values in enumerate(read.listed(trouble, "limits")):
        path: Path = ("limits", number)
        written = _keys_of(trouble, path)
        if written <= LISTS["limits"].keys() and not written & QUANTITIES.keys():
            trouble.say(
                path,
                f'limits nothing; give at least one of {", ".join(QUANTITIES)}; for example requests = "20/minute"',
            )
        if _has(trouble, path, "per", 'per = "user"') and "per" in values:
            for limit in _flat(values, wheres.read(path, values)):
                once = (limit.per, wheres.same(limit.where), limit.counts, limit.window)
                _only_once(trouble, path, seen, once, f'"{limit.counts}" in the same window')
                limits.append(limit)
    return tuple(limits)


def _flat(values: Values, where: Selector) -> list[Limit]:
    """One Limit for each quantity of a `[[limits]]` table."""
    found = []
    for counts in QUANTITIES:
        if counts in values:
            amount, window = (values[counts], 0) if counts == "concurrent" else values[counts]
            found.append(Limit(per=values["per"], where=where, counts=counts, amount=amount, window=window))
    return found


def _budgets(trouble: Trouble, wheres: Wheres) -> tuple[Budget, ...]:
    budgets: list[Budget] = []
    seen: dict[object, Path] = {}
    needed = {"per": 'per = "organization"', "amount": 'amount = "500 USD"', "every": 'every = "month"'}
    for number, values in enumerate(read.listed(trouble, "budgets")):
        path: Path = ("budgets", number)
        complete = [_has(trouble, path, name, example) for name, example in needed.items()]
        if all(complete) and needed.keys() <= values.keys():
            budget = Budget(**{**values, "where": wheres.read(path, values)})
            once = (budget.per, wheres.same(budget.where), budget.every)
            _only_once(trouble, path, seen, once, f'every = "{budget.every}"')
            budgets.append(budget)
    return tuple(budgets)


def _routes(trouble: Trouble, upstreams: list[str]) -> dict[str, Route]:
    routes = {}
    for name, values in read.named(trouble, "routes").items():
        fallback = read.fallbacks(trouble, ("routes", name, "fallback"), values, upstreams)
        routes[name] = Route(name=name, **{**values, "fallback": fallback})
    return routes


def _keys_of(trouble: Trouble, path: Path) -> set[str]:
    tree: Any = trouble.sources.tree
    for part in path:
        tree = tree[part]
    return set(tree)


def _has(trouble: Trouble, path: Path, name: str, example: str) -> bool:
    if name in _keys_of(trouble, path):
        return True
    trouble.say(path, f'needs "{name}"; for example {example}')
    return False


def _only_once(trouble: Trouble, path: Path, seen: dict[object, Path], once: object, what: str) -> None:
    """Two rules that differ only in their amount would share one state: keep one."""
    if once in seen:
        trouble.say(path, f"repeats {what} for the same calls as {trouble.sources.place(seen[once])}; keep one")
    seen.setdefault(once, path)
