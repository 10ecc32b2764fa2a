"""Admission and what follows it, with books of the test's own beside: every sum by hand, every decision explained."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tidegate.model.call import Caller
from tidegate.model.hold import Ask, Hold
from tidegate.model.refusal import Refusal
from tidegate.model.times import SECOND, as_datetime, as_microseconds, parse_rfc3339
from tidegate.model.usage import Exactness, Usage
from tidegate.policy.admission import decide
from tidegate.policy.journal import Admitted, Released, Renewed, adjusted, settled
from tidegate.policy.rules import Budget, Counts, Limit, Period, Rules, ScopeName, Selector
from tidegate.policy.scopes import Scopes
from unit.policy.holds import ANN, CENT, LEASE, Shelf, ask, bill

MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
START = as_microseconds(datetime(2026, 1, 30, 23, 50, tzinfo=UTC))

CALLERS = [Caller(app, user, route) for app in ("chat", "mail") for user in ("ann", "bob") for route in ("r1", "r2")]
PERS: list[tuple[ScopeName, ...]] = [("organization",), ("app",), ("user",), ("route",), ("model",), ("app", "user")]
WHERES: list[Selector] = [
    (),
    (("app", ("chat",)),),
    (("user", ("ann",)),),
    (("route", ("r1",)), ("user", ("ann", "bob"))),
    (("model", ("m1", "m2")),),
]
COUNTS: list[Counts] = ["requests", "input_tokens", "output_tokens", "tokens", "concurrent"]
PERIODS: list[Period] = ["day", "week", "month", "total"]

USAGE = Usage(input_tokens=7, cache_read_tokens=1000, cache_write_5m_tokens=2, cache_write_1h_tokens=1, output_tokens=3)
"""10 input tokens count against limits."""


class Open(NamedTuple):
    """The test's note of a hold, and of what its tokens count now."""

    ask: Ask
    hold: Hold


class Books:
    """What the rules and the calls so far must add up to, computed anew from notes of every call."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.open: dict[str, Open] = {}
        self.charged: list[tuple[Open, list[int]]] = []
        self.tokens: dict[str, tuple[Open, tuple[int, int]]] = {}
        """What each attempt counts in token limits."""

    def money(self, budget: Budget, at: int, caller: Caller, model: str) -> tuple[int, int]:
        """Settled and held money of the scope and the period."""
        here = _scope(budget, caller, model), _period(budget.every, at)

        def counts(noted: Open) -> bool:
            told = noted.ask.caller, noted.ask.scope_model
            there = _scope(budget, *told), _period(budget.every, noted.hold.admitted_at)
            return _selected(budget.where, *told) and here == there

        charges = sum(cost for noted, costs in self.charged for cost in costs if counts(noted))
        return charges, sum(noted.ask.bound.cost for noted in self.open.values() if counts(noted))

    def used(self, limit: Limit, at: int, caller: Caller, model: str) -> int:
        """What counts against a limit at a time."""
        total = 0
        for noted, tokens in self.tokens.values():
            told = noted.ask.caller, noted.ask.scope_model
            if not _selected(limit.where, *told) or _scope(limit, *told) != _scope(limit, caller, model):
                continue
            if limit.counts == "concurrent":
                total += noted.ask.attempt_id in self.open
            elif noted.hold.admitted_at + limit.window > at:
                total += _counted(limit.counts, noted.ask.attempt, tokens)
        return total

    def reasons(self, wanted: Ask, at: int) -> Iterator[tuple[str, float]]:
        """Every reason against an ask, with the seconds until it goes (1 for those that depend on others)."""
        told = wanted.caller, wanted.scope_model
        for budget in self.rules.budgets:
            if _selected(budget.where, *told):
                spent, held = self.money(budget, at, *told)
                if spent + wanted.bound.cost > budget.amount:
                    yield "budget_spent", 0
                elif spent + held + wanted.bound.cost > budget.amount:
                    yield "budget_held", 1
        for limit in self.rules.limits:
            if _selected(limit.where, *told):
                bound = wanted.bound
                tokens = bound.input_tokens, bound.output_tokens
                amount = _counted(limit.counts, wanted.attempt, tokens)
                if limit.counts == "concurrent":
                    if self.used(limit, at, *told) >= limit.amount:
                        yield "too_many_concurrent", 1
                elif (limit.counts != "requests" or amount) and self.used(limit, at, *told) + amount > limit.amount:
                    yield "rate_limited", self._wait(limit, at, told, amount)

    def _wait(self, limit: Limit, at: int, told: tuple[Caller, str], amount: int) -> float:
        ends = sorted(noted.hold.admitted_at + limit.window for noted, _ in self.tokens.values())
        fits = (end - at for end in ends if end > at and self.used(limit, end, *told) + amount <= limit.amount)
        return next(fits, limit.window) / SECOND


def _selected(where: Selector, caller: Caller, model: str) -> bool:
    values = {"app": caller.app, "user": caller.user_id, "route": caller.route, "model": model}
    return all(values[name] in allowed for name, allowed in where)


def _scope(rule: Budget | Limit, caller: Caller, model: str) -> list[str]:
    values = {"organization": "", "app": caller.app, "user": caller.user_id, "route": caller.route, "model": model}
    return [values[name] for name in rule.per]


def _period(every: str, at: int) -> object:
    day = as_datetime(at).date()
    return {"day": day, "week": day.isocalendar()[:2], "month": (day.year, day.month), "total": ""}[every]


def _counted(counts: Counts, attempt: int, tokens: tuple[int, int]) -> int:
    inside = {"input_tokens": tokens[0], "output_tokens": tokens[1], "tokens": sum(tokens)}
    return int(attempt == 1) if counts == "requests" else inside.get(counts, 1)


class Desk:
    """Drives the policy and the books together, and compares them after every step."""

    def __init__(self, rules: Rules) -> None:
        self.scopes = Scopes(rules)
        self.books = Books(rules)
        self.shelf = Shelf()
        self.now = START
        self.ids = count()

    def advance(self, microseconds: int) -> None:
        self.now += microseconds

    def admit(self, caller: Caller, model: str, cost: int, tokens: tuple[int, int], attempt: int) -> Hold | Refusal:
        wanted = ask(f"a{next(self.ids)}", cost, caller=caller, model=model, tokens=tokens, attempt=attempt)
        live = self.shelf.live
        at = live.tick(self.now)
        assert at > live.last
        before = self.shelf.picture(0)
        result = decide(self.scopes, live.states, wanted, at)
        assert self.shelf.picture(0) == before, "deciding changes nothing"
        against = list(self.books.reasons(wanted, at))
        if isinstance(result, Refusal):
            self._explain(result, against)
            return result
        assert not against
        assert (result.ask, result.admitted_at, result.lease_until) == (wanted, at, at + LEASE)
        live.apply(Admitted(result))
        noted = Open(wanted, result)
        self.books.open[wanted.attempt_id] = noted
        self.books.tokens[wanted.attempt_id] = (noted, tokens)
        return result

    def settle(self, which: int, thousandths: int, exactness: Exactness) -> None:
        if self.books.open:
            noted = self._end(which)
            usage = Usage(
                input_tokens=7,
                cache_read_tokens=1000,
                cache_write_5m_tokens=2,
                cache_write_1h_tokens=1,
                output_tokens=3,
            )
            charge = bill(noted.hold, noted.ask.bound.cost * thousandths // 1000, exactness=exactness, usage=usage)
            self.shelf.live.apply(settled(charge))
            self.books.charged.append((noted, [charge.cost]))
            if exactness == "actual":
                self.books.tokens[noted.ask.attempt_id] = (noted, (10, 3))
            self._twice(settled(charge), Released(noted.ask.attempt_id))

    def release(self, which: int) -> None:
        if self.books.open:
            noted = self._end(which)
            self.shelf.live.apply(Released(noted.ask.attempt_id))
            self.books.tokens[noted.ask.attempt_id] = (noted, (0, 0))
            self._twice(Released(noted.ask.attempt_id))

    def adjust(self, which: int, thousandths: int) -> None:
        if self.books.charged:
            noted, costs = self.books.charged[which % len(self.books.charged)]
            # Downwards: what is corrected is the whole hold that a sweep has charged.
            delta = min(0, noted.ask.bound.cost * thousandths // 1000 - sum(costs))
            self.shelf.live.apply(adjusted(noted.hold, delta))
            costs.append(delta)

    def renew(self, which: int) -> None:
        names = list(self.books.open)
        self.shelf.live.apply(Renewed((*names[: which % 3], "unknown"), self.now + DAY))

    def check(self) -> None:
        """Every tally and every window is what the notes say."""
        live = self.shelf.live
        assert live.holds.keys() == self.books.open.keys()
        sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        for noted, costs in self.books.charged:
            for key, _, _ in noted.hold.entries:
                if key[0] == "b":
                    sums[key][0] += sum(costs)
        for noted in self.books.open.values():
            for key, amount, _ in noted.hold.entries:
                if key[0] in "bc":
                    sums[key][1] += amount
        assert {key: [tally.settled, tally.held] for key, tally in self.shelf.tallies.items() if key in sums} == sums
        assert all(key in sums or (tally.settled, tally.held) == (0, 0) for key, tally in self.shelf.tallies.items())

    def check_amounts(self) -> None:
        """No budget is overdrawn in any period that was ever used, and no scope has too many calls."""
        seen = {(n.ask.caller, n.ask.scope_model, n.hold.admitted_at) for n, _ in self.books.tokens.values()}
        for caller, model, at in seen:
            for budget in self.books.rules.budgets:
                if _selected(budget.where, caller, model):
                    assert sum(self.books.money(budget, at, caller, model)) <= budget.amount

    def _end(self, which: int) -> Open:
        return self.books.open.pop(list(self.books.open)[which % len(self.books.open)])

    def _twice(self, *entries: object) -> None:
        before = self.shelf.picture()
        for entry in entries:
            assert self.shelf.live.apply(entry) == ()  # type: ignore[arg-type]  # journal entries, by their callers
        assert self.shelf.picture() == before, "what is not open is not closed again"

    def _explain(self, refusal: Refusal, against: list[tuple[str, float]]) -> None:
        """Of the reasons that there are, the gravest is told, and how long it lasts."""
        gravity = {"budget_spent": 3, "rate_limited": 2, "too_many_concurrent": 2, "budget_held": 1}
        assert against
        assert gravity[refusal.reason] == max(gravity[reason] for reason, _ in against)
        if refusal.reason == "budget_spent":
            assert refusal.retry_after is None
            assert refusal.resets_at is None or refusal.resets_at > self.shelf.live.last
        elif refusal.reason != "budget_held":
            assert refusal.retry_after == max(wait for reason, wait in against if gravity[reason] == 2)


costs = st.integers(0, 6).map(lambda cents: cents * CENT)
amounts = st.sampled_from([0, 5 * CENT, 12 * CENT, 30 * CENT, 100 * CENT, 100 * CENT])
budgets = st.builds(
    Budget, per=st.sampled_from(PERS), where=st.sampled_from(WHERES), amount=amounts, every=st.sampled_from(PERIODS)
)
limits = st.builds(
    lambda counts, window, **rest: Limit(counts=counts, window=0 if counts == "concurrent" else window, **rest),
    st.sampled_from(COUNTS),
    st.sampled_from([10 * SECOND, MINUTE]),
    per=st.sampled_from(PERS),
    where=st.sampled_from(WHERES),
    amount=st.sampled_from([1, 3, 20, 60, 200]),
)
rule_sets = st.builds(
    Rules,
    budgets=st.lists(budgets, min_size=1, max_size=5).map(tuple),
    limits=st.lists(limits, min_size=1, max_size=4).map(tuple),
)
admits = st.tuples(
    st.just("admit"),
    st.sampled_from(CALLERS),
    st.sampled_from(["m1", "m3"]),
    costs,
    st.tuples(st.integers(0, 25), st.integers(0, 8)),
    st.sampled_from([1, 1, 1, 2]),
)
indices = st.integers(0, 50)
steps = (
    admits
    | admits
    | admits
    | admits
    | st.tuples(st.just("settle"), indices, st.integers(0, 1000), st.sampled_from(["actual", "estimated", "assumed"]))
    | st.tuples(st.just("release"), indices)
    | st.tuples(st.just("adjust"), indices, st.integers(0, 1000))
    | st.tuples(st.just("renew"), indices)
    | st.tuples(st.just("advance"), st.sampled_from([-DAY, -1, SECOND, 5 * SECOND, MINUTE, 20 * MINUTE, DAY]))
)


@settings(deadline=None, max_examples=250)
@given(rule_sets, st.lists(steps, min_size=15, max_size=40))
def test_the_states_are_the_sums_of_charges_and_holds(rules: Rules, schedule: list[tuple[str, object]]) -> None:
    desk = Desk(rules)
    for name, *arguments in schedule:
        getattr(desk, name)(*arguments)
        desk.check()
    desk.check_amounts()


@settings(deadline=None, max_examples=40)
@given(
    rule_sets, st.lists(admits, min_size=1, max_size=10), st.lists(st.integers(1000, 3000), min_size=10, max_size=10)
)
def test_a_bill_above_its_hold_is_counted_in_full(
    rules: Rules, asks: list[tuple[str, object]], bills: list[int]
) -> None:
    desk = Desk(rules)
    for (_, *arguments), thousandths in zip(asks, bills, strict=False):
        desk.admit(*arguments)  # type: ignore[arg-type]  # as the strategy makes them
        desk.settle(0, thousandths, "actual")
        desk.check()


def test_a_hold_and_its_charge_belong_to_the_period_of_admission() -> None:
    desk = Desk(Rules(budgets=(Budget(per=("organization",), amount=10 * CENT, every="month"),)))
    desk.now = parse_rfc3339("2026-01-31T23:59:59.999999Z")
    assert isinstance(desk.admit(ANN, "m1", 10 * CENT, (1, 1), 1), Hold)
    refused = desk.admit(ANN, "m1", CENT, (1, 1), 1)  # the store's time is a microsecond later: another month
    assert isinstance(refused, Hold)
    desk.now = parse_rfc3339("2026-02-10T00:00:00Z")
    desk.settle(0, 1000, "assumed")
    assert {key.rpartition("|")[2]: t.settled for key, t in desk.shelf.tallies.items()} == {
        "2026-01-01": 10 * CENT,
        "2026-02-01": 0,
    }
    desk.check()


def test_of_several_limits_the_longest_wait_is_told() -> None:
    """A client that comes back when it was told must not be sent away again by another limit."""
    limits = [Limit(per=("user",), counts="requests", amount=1, window=window) for window in (SECOND, DAY, MINUTE)]
    desk = Desk(Rules(limits=tuple(limits)))
    desk.admit(ANN, "m1", CENT, (1, 1), 1)
    refusal = desk.admit(ANN, "m1", CENT, (1, 1), 1)
    assert isinstance(refusal, Refusal)
    assert refusal.retry_after is not None
    assert refusal.retry_after == pytest.approx(24 * 3600)
    desk.advance(round(refusal.retry_after * SECOND) + 1)
    assert isinstance(desk.admit(ANN, "m1", CENT, (1, 1), 1), Hold)


def test_of_several_spent_budgets_the_last_to_reset_is_told() -> None:
    periods: list[Period] = ["week", "month", "day"]
    desk = Desk(Rules(budgets=tuple(Budget(per=("user",), amount=CENT, every=every) for every in periods)))
    desk.now = parse_rfc3339("2026-11-22T12:00:00Z")
    desk.admit(ANN, "m1", CENT, (1, 1), 1)
    desk.settle(0, 1000, "actual")
    refusal = desk.admit(ANN, "m1", CENT, (1, 1), 1)
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.resets_at) == ("budget_spent", parse_rfc3339("2026-12-01T00:00:00Z"))


def test_a_budget_that_never_resets_is_told_before_one_that_does() -> None:
    periods: list[Period] = ["month", "total", "day"]
    desk = Desk(Rules(budgets=tuple(Budget(per=("user",), amount=CENT, every=every) for every in periods)))
    desk.admit(ANN, "m1", CENT, (1, 1), 1)
    desk.settle(0, 1000, "actual")
    refusal = desk.admit(ANN, "m1", CENT, (1, 1), 1)
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.resets_at) == ("budget_spent", None)


def test_a_budget_that_only_holds_fill_is_held_not_spent() -> None:
    desk = Desk(Rules(budgets=(Budget(per=("user",), amount=10 * CENT, every="day"),)))
    desk.admit(ANN, "m1", 4 * CENT, (1, 1), 1)
    desk.settle(0, 1000, "actual")
    desk.admit(ANN, "m1", CENT, (1, 1), 1)
    for cents, reason in ((6, "budget_held"), (7, "budget_spent")):
        refusal = desk.admit(ANN, "m1", cents * CENT, (1, 1), 1)
        assert isinstance(refusal, Refusal)
        assert (refusal.reason, refusal.scope, refusal.sized) == (reason, "user", True)
    assert isinstance(desk.admit(ANN, "m1", 5 * CENT, (1, 1), 1), Hold)


def test_a_repeated_attempt_is_no_new_request() -> None:
    desk = Desk(Rules(limits=(Limit(per=("user",), counts="requests", amount=1, window=MINUTE),)))
    assert isinstance(desk.admit(ANN, "m1", CENT, (1, 1), 1), Hold)
    assert isinstance(desk.admit(ANN, "m1", CENT, (1, 1), 2), Hold)
    refusal = desk.admit(ANN, "m1", CENT, (1, 1), 1)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "rate_limited"
    assert not refusal.sized
    desk.check()


REQUESTS = [
    Limit(per=("model",), counts="requests", amount=9, window=MINUTE),
    Limit(per=("user", "model"), counts="requests", amount=9, window=MINUTE),
    Limit(per=("user",), counts="requests", amount=9, window=MINUTE),
    Limit(per=("user",), counts="requests", amount=9, window=MINUTE, where=(("model", ("m2", "m3")),)),
    Limit(per=("organization",), counts="requests", amount=9, window=MINUTE, where=(("model", ("m1", "m2")),)),
]
WAYS: list[tuple[str, tuple[str, ...], list[int]]] = [
    ("m1", ("m1",), []),
    ("m2", ("m1",), [0, 1, 3]),
    ("m2", ("m1", "m2"), []),
    ("m3", ("m1", "m2"), [0, 1]),
    ("m1", ("m2",), [0, 1]),
]


@pytest.mark.parametrize(("model", "before", "counted"), WAYS)
def test_the_first_attempt_at_another_model_is_a_request_there(
    model: str, before: tuple[str, ...], counted: list[int]
) -> None:
    """In the scopes of that model, once, and nowhere where the call was counted already."""
    asked = replace(ask("a", model=model, attempt=len(before) + 1), before=before)
    found = []
    for number, limit in enumerate(REQUESTS):
        hold = decide(Scopes(Rules(limits=(limit,))), Shelf().live.states, asked, START)
        assert isinstance(hold, Hold)
        found += [number] * len(hold.entries)
    assert found == counted


def test_a_model_that_is_full_is_not_asked_in_place_of_another() -> None:
    scopes = Scopes(Rules(limits=(Limit(per=("model",), counts="requests", amount=1, window=MINUTE),)))
    live = Shelf().live
    first = decide(scopes, live.states, ask("a", model="m2"), START)
    assert isinstance(first, Hold)
    live.apply(Admitted(first))
    asked = replace(ask("b", model="m2", attempt=2), before=("m1",))
    refusal = decide(scopes, live.states, asked, START + 1)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "rate_limited"


def test_a_repeated_attempt_must_find_room_again() -> None:
    desk = Desk(Rules(limits=(Limit(per=("user",), counts="concurrent", amount=1),)))
    assert isinstance(desk.admit(ANN, "m1", CENT, (1, 1), 1), Hold)
    refusal = desk.admit(ANN, "m1", CENT, (1, 1), 2)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "too_many_concurrent"


@pytest.mark.parametrize("counts", ["input_tokens", "output_tokens", "tokens"])
def test_a_smaller_hold_could_pass_a_token_limit(counts: Counts) -> None:
    desk = Desk(Rules(limits=(Limit(per=("user",), counts=counts, amount=10, window=MINUTE),)))
    refusal = (
        desk.admit(ANN, "m1", CENT, (11, 9), 1) if counts != "output_tokens" else desk.admit(ANN, "m1", 0, (0, 11), 1)
    )
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.scope, refusal.retry_after) == ("rate_limited", "user", 60.0)
    assert refusal.sized == (counts != "output_tokens"), "a count makes only the input smaller"
    assert "more tokens than the limit allows" in refusal.detail


def test_cache_reads_are_free_of_limits() -> None:
    desk = Desk(Rules(limits=(Limit(per=("user",), counts="tokens", amount=100, window=MINUTE),)))
    hold = desk.admit(ANN, "m1", CENT, (60, 40), 1)
    assert isinstance(hold, Hold)
    desk.settle(0, 1000, "actual")
    assert desk.shelf.windows[hold.entries[0][0]].total == 13
    desk.check()


def test_no_rules_admit_everything() -> None:
    hold = Desk(Rules()).admit(ANN, "m1", 10**15, (10**9, 10**9), 1)
    assert isinstance(hold, Hold)
    assert hold.entries == ()
