"""Admission: all limits and budgets of an attempt at once, all or nothing; and what a settlement changes.

Pure over the states that a store hands in.  Rules:
1. Every check comes before the first change, so a refusal changes nothing.
2. What a hold put where stands in its entries; settling takes exactly that away again.
3. A repeated attempt of one call is not another request, and is never refused for concurrency: the call is in.
"""

from collections.abc import Callable
from functools import lru_cache

from msgspec import Struct

from tidegate.model.hold import Ask, Charge, Entry, Hold
from tidegate.model.refusal import Refusal
from tidegate.model.times import SECOND
from tidegate.policy.budgets import Tally, period_end, period_start
from tidegate.policy.limits import Window
from tidegate.policy.scopes import Applied, Scopes, scope_values


class States(Struct, frozen=True):
    """Access to the states of one store: the value that lives under a key, made empty when absent."""

    tally: Callable[[str], Tally]
    window: Callable[[str], Window]
    changed: Callable[[str], object]
    """Told of every key whose state was changed."""


def admit(scopes: Scopes, states: States, ask: Ask, now: int) -> Hold | Refusal:
    """Hold what the attempt asks in every scope, or say which scope refuses.  `now` is store time, microseconds."""
    applied = scopes.applied(ask.caller, ask.scope_model)
    values = scope_values(ask.caller, ask.scope_model)
    placed: list[tuple[Applied, str, int]] = []
    full: Refusal | None = None
    for rule in applied:
        amount = _amount(rule, ask)
        if amount is None:
            continue
        key = rule.key(values)
        if rule.kind == "b":
            key = f"{key}|{period_name(rule.every, now)}"
            refusal = _check_budget(rule, states.tally(key), amount, now)
            if refusal is not None and refusal.reason == "budget_held":
                full = full or refusal  # only if nothing graver refuses
                refusal = None
        elif rule.kind == "c":
            refusal = _check_concurrency(rule, states.tally(key), ask)
        else:
            refusal = _check_window(rule, states.window(key), amount, now)
        if refusal is not None:
            return refusal
        placed.append((rule, key, amount))
    if full is not None:
        return full
    for rule, key, amount in placed:
        if rule.window:
            states.window(key).add(amount, now, rule.window)
        else:
            states.tally(key).held += amount
        states.changed(key)
    entries = tuple(Entry(key, amount) for _, key, amount in placed)
    return Hold(ask=ask, admitted_at=now, lease_until=now + ask.lease, entries=entries)


def settle(states: States, hold: Hold, charge: Charge) -> None:
    """Turn a hold into its cost in every scope that it counts in."""
    for entry in hold.entries:
        kind = entry.key[0]
        if kind == "b":
            tally = states.tally(entry.key)
            tally.held -= entry.amount
            tally.settled += charge.cost
        elif kind == "c":
            states.tally(entry.key).held -= entry.amount
        elif kind != "r" and charge.exactness == "actual":  # an assumed bill keeps the tokens of its hold, too
            states.window(entry.key).amend(hold.admitted_at, _used(kind, charge) - entry.amount)
        else:
            continue
        states.changed(entry.key)


def release(states: States, hold: Hold) -> None:
    """Give everything back but the request itself: the caller did ask."""
    for entry in hold.entries:
        kind = entry.key[0]
        if kind in "bc":
            states.tally(entry.key).held -= entry.amount
        elif kind != "r":
            states.window(entry.key).amend(hold.admitted_at, -entry.amount)
        else:
            continue
        states.changed(entry.key)


def adjust(states: States, hold: Hold, delta: int) -> None:
    """Correct the money of a hold that was charged before the truth was known."""
    for entry in hold.entries:
        if entry.key[0] == "b":
            states.tally(entry.key).settled += delta
            states.changed(entry.key)


@lru_cache(maxsize=64)
def _period_name(every: str, hour: int) -> str:
    return period_start(every, hour * 3600 * SECOND)


def period_name(every: str, now: int) -> str:
    """`period_start`, remembered per hour: periods begin at full hours of UTC."""
    return _period_name(every, now // (3600 * SECOND))


def _amount(rule: Applied, ask: Ask) -> int | None:
    bound = ask.bound
    match rule.kind:
        case "b":
            return bound.cost
        case "c":
            return 1
        case "r":
            return 1 if ask.attempt == 1 else None
        case "i":
            return bound.input_tokens
        case "o":
            return bound.output_tokens
        case "t":
            return bound.input_tokens + bound.output_tokens


def _check_budget(rule: Applied, tally: Tally, amount: int, now: int) -> Refusal | None:
    if tally.settled + tally.held + amount <= rule.amount:
        return None
    if tally.settled + amount <= rule.amount:
        return Refusal(reason="budget_held", scope=rule.label, retry_after=1.0, sized=True)
    return Refusal(reason="budget_spent", scope=rule.label, resets_at=period_end(rule.every, now), sized=True)


def _check_concurrency(rule: Applied, tally: Tally, ask: Ask) -> Refusal | None:
    if ask.attempt > 1 or tally.held < rule.amount:
        return None
    return Refusal(reason="too_many_concurrent", scope=rule.label, retry_after=1.0)


def _check_window(rule: Applied, window: Window, amount: int, now: int) -> Refusal | None:
    wait = window.wait(amount, rule.amount, now, rule.window)
    if wait == 0:
        return None
    seconds = (rule.window if wait is None else wait) / SECOND
    return Refusal(reason="rate_limited", scope=rule.label, retry_after=seconds, sized=rule.kind != "r")


def _used(kind: str, charge: Charge) -> int:
    usage = charge.usage
    fresh = usage.prompt_tokens - usage.cache_read_tokens  # cache reads are free of Anthropic's limits, and of ours
    return {"i": fresh, "o": usage.output_tokens, "t": fresh + usage.output_tokens}[kind]
