"""Admission: all limits and budgets of an attempt at once, all or nothing.

Pure over the states that a store hands in.  Rules:
1. `decide` only looks; what a hold changes stands in its entries, and `policy/journal.py` makes the change.
2. A repeated attempt of one call is not another request; while it waits for its turn its place may go to another.
   The first one at another model is a request in the scopes of that model, and in no others.
3. Of several refusals the gravest is told: a spent budget before a limit, a limit before a budget that is only held;
   of the same kind the one that lasts longest, so that who comes back when told is not sent away by another rule.
"""

from collections.abc import Callable
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from tidegate.model.call import Bound
from tidegate.model.hold import Ask, Entry, Hold
from tidegate.model.refusal import Refusal
from tidegate.model.times import SECOND
from tidegate.policy.breaker import Circuit, wait
from tidegate.policy.budgets import Tally, period_end
from tidegate.policy.limits import Window
from tidegate.policy.scopes import Applied, Scopes

TOO_DEAR = "This one request could cost more than the whole budget; ask for a smaller max_tokens or a shorter prompt."
TOO_LARGE = "This one request could take more tokens than the limit allows; ask for a smaller max_tokens."


class States(Struct, frozen=True):
    """Access to the states of one store: the value that lives under a key, made empty when absent."""

    tally: Callable[[str], Tally]
    window: Callable[[str], Window]


def decide(scopes: Scopes, states: States, ask: Ask, now: int, circuit: Circuit | None = None) -> Hold | Refusal:
    """The hold that every scope agrees to, or who refuses.  `now` is store time, microseconds since 1970 UTC.

    `circuit` is that of the attempt.  While it is open nothing else is asked: nobody's limits are used up by an
    upstream that does not work.
    """
    until_probe = None if circuit is None or not circuit.probe_at else wait(circuit, now)
    if until_probe:
        return Refusal(reason="breaker_open", scope="upstream", retry_after=until_probe / SECOND)
    bound = ask.bound
    asked = {
        "b": bound.cost,
        "c": 1,
        "r": 1,
        "i": bound.input_tokens,
        "o": bound.output_tokens,
        "t": bound.input_tokens + bound.output_tokens,
    }
    tally, window = states.tally, states.window
    entries: list[Entry] = []
    note = entries.append
    refusals: list[Refusal] = []
    for kind, key, length, most, rule in scopes.due(ask.caller, ask.scope_model, now):
        amount = asked[kind]
        if length:
            if ask.attempt > 1 and kind == "r" and _is_counted(rule, ask):
                continue
            if window(key).total + amount > most:
                refusals += _check_window(rule, window(key), amount, ask, now)
        else:
            taken = tally(key)
            # The tally of a scope's open calls has nothing settled.
            if taken.settled + taken.held + amount > most:
                refusals.append(_spent(rule, taken, bound, now) if kind == "b" else _crowded(rule))
        note((key, amount, length))
    if refusals:
        sized = all(refusal.sized for refusal in refusals)  # one that no smaller hold can please is enough
        return replace(max(refusals, key=_gravity), sized=sized)
    return Hold(
        ask=ask, admitted_at=now, lease_until=now + ask.lease, entries=tuple(entries), probe=until_probe is not None
    )


def _is_counted(rule: Applied, ask: Ask) -> bool:
    """Whether an earlier attempt of the call was a request in this very scope; see rule 2."""
    if "model" in rule.per:
        return not ask.before or ask.scope_model in ask.before
    allowed = [models for name, models in rule.where if name == "model"]
    return not ask.before or any(all(model in models for models in allowed) for model in ask.before)


def _spent(rule: Applied, tally: Tally, bound: Bound, now: int) -> Refusal:
    amount = bound.cost
    # Counting the tokens can only make the input part smaller; it must be worth a request to the upstream.
    sized = tally.settled + tally.held + amount - bound.input_cost < rule.amount
    if tally.settled + amount <= rule.amount:
        return Refusal(reason="budget_held", scope=rule.label, retry_after=1.0, sized=sized)
    resets_at = period_end(rule.every, now)
    detail = TOO_DEAR if amount > rule.amount and tally.settled < rule.amount else ""
    return Refusal(reason="budget_spent", scope=rule.label, resets_at=resets_at, sized=sized, detail=detail)


def _crowded(rule: Applied) -> Refusal:
    return Refusal(reason="too_many_concurrent", scope=rule.label, retry_after=1.0)


def _check_window(rule: Applied, window: Window, amount: int, ask: Ask, now: int) -> tuple[Refusal, ...]:
    """The refusal of a window that seems full; none when old grants end just now."""
    wait = window.wait(amount, rule.amount, now, rule.window)
    if wait == 0:
        return ()
    seconds = (rule.window if wait is None else wait) / SECOND
    least = {"i": 0, "t": ask.bound.output_tokens}.get(rule.kind)
    sized = least is not None and window.wait(least, rule.amount, now, rule.window) == 0
    detail = TOO_LARGE if wait is None else ""
    return (Refusal(reason="rate_limited", scope=rule.label, retry_after=seconds, sized=sized, detail=detail),)


def _gravity(refusal: Refusal) -> tuple[int, float]:
    """Rank among refusals, and how long it lasts; see rule 3."""
    if refusal.reason == "budget_spent":
        return 3, inf if refusal.resets_at is None else refusal.resets_at
    return 1 if refusal.reason == "budget_held" else 2, refusal.retry_after or 0.0
