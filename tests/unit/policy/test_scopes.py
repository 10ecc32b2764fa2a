"""Which rules apply, and under which keys: against the plain reading of every rule."""

from collections.abc import Iterator
from importlib import resources
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.model.call import Caller
from tidegate.model.labels import label
from tidegate.policy import scopes as module
from tidegate.policy.prices import Override, PriceBook
from tidegate.policy.rules import Budget, Counts, Limit, Rules, ScopeName, Selector
from tidegate.policy.scopes import Applied, Scopes, as_counted

NAMES: list[ScopeName] = ["organization", "app", "user", "route", "model"]
VALUES = {"app": ["chat", "mail"], "user": ["ann", "bob", "cy"], "route": ["default", "fast"], "model": ["m1", "m2"]}
COUNTS: list[Counts] = ["requests", "input_tokens", "output_tokens", "tokens", "concurrent"]
MINUTE = 60_000_000

pers = st.sampled_from([tuple(names) for size in (1, 2, 3) for names in combinations(NAMES, size)])
wheres = st.fixed_dictionaries(
    {}, optional={name: st.lists(st.sampled_from(values), min_size=1, unique=True) for name, values in VALUES.items()}
).map(lambda where: tuple(sorted((name, tuple(sorted(values))) for name, values in where.items())))
budgets = st.builds(
    Budget,
    per=pers,
    where=wheres,
    amount=st.integers(0, 5),
    every=st.sampled_from(["day", "week", "month", "total"]),
)
limits = st.builds(
    lambda counts, **rest: Limit(counts=counts, window=0 if counts == "concurrent" else MINUTE, **rest),
    st.sampled_from(COUNTS),
    per=pers,
    where=wheres,
    amount=st.integers(1, 5),
)
rule_sets = st.builds(
    Rules, budgets=st.lists(budgets, max_size=8).map(tuple), limits=st.lists(limits, max_size=8).map(tuple)
)
callers = st.builds(Caller, *[st.sampled_from(VALUES[name]) for name in ("app", "user", "route")])
models = st.sampled_from(VALUES["model"])


def selected(where: Selector, caller: Caller, model: str) -> bool:
    values = {"app": caller.app, "user": caller.user_id, "route": caller.route, "model": model}
    return all(values[name] in allowed for name, allowed in where)


def expected(rules: Rules, caller: Caller, model: str) -> dict[tuple[object, ...], int]:
    """Amounts of all rules that apply, by what they count: of twins the least."""
    least: dict[tuple[object, ...], int] = {}
    found: list[tuple[tuple[object, ...], Selector, int]] = [
        *((("b", rule.per, rule.where, rule.every), rule.where, rule.amount) for rule in rules.budgets),
        *(((rule.counts[0], rule.per, rule.where, rule.window), rule.where, rule.amount) for rule in rules.limits),
    ]
    for identity, where, amount in found:
        if selected(where, caller, model):
            least[identity] = min(amount, least.get(identity, amount))
    return least


def identity_of(rule: Applied) -> tuple[object, ...]:
    return (rule.kind, rule.per, rule.where, rule.every if rule.kind == "b" else rule.window)


@settings(deadline=None)
@given(rule_sets, st.lists(st.tuples(callers, models), min_size=1, max_size=4))
def test_exactly_the_rules_that_apply(rules: Rules, calls: list[tuple[Caller, str]]) -> None:
    scopes = Scopes(rules)
    for caller, model in calls * 2:  # the second time from memory
        keyed = scopes.keyed(caller, model)
        assert {identity_of(rule): rule.amount for rule, _ in keyed} == expected(rules, caller, model)
        keys = [key for _, key in keyed]
        assert len(set(keys)) == len(keys), "one state is asked and changed once"
        kinds = [rule.kind == "b" for rule, _ in keyed]
        assert kinds == sorted(kinds, reverse=True), "budgets first"
        assert [rule for rule, _ in keyed] == list(scopes.applied(caller, model))


@settings(deadline=None)
@given(rule_sets, callers, models, callers, models)
def test_two_calls_share_a_state_when_they_agree_on_what_it_is_per(
    rules: Rules, one: Caller, one_model: str, other: Caller, other_model: str
) -> None:
    scopes = Scopes(rules)
    first = {identity_of(rule): key for rule, key in scopes.keyed(one, one_model)}
    second = {identity_of(rule): key for rule, key in scopes.keyed(other, other_model)}
    a = {"organization": "", "app": one.app, "user": one.user_id, "route": one.route, "model": one_model}
    b = {"organization": "", "app": other.app, "user": other.user_id, "route": other.route, "model": other_model}
    for identity, key in first.items():
        per = identity[1]
        assert isinstance(per, tuple)
        if identity in second:
            assert (key == second[identity]) == all(a[name] == b[name] for name in per)
    strangers = [key for identity, key in second.items() if identity not in first]
    assert not set(first.values()) & set(strangers), "different rules never share a state"


def test_a_key_survives_a_change_of_amount() -> None:
    caller = Caller("chat", "ann", "default")
    keys = set()
    for amount in (1, 2):
        budget = Budget(per=("user",), amount=amount, every="day")
        limit = Limit(per=("app", "user"), counts="tokens", amount=amount, window=MINUTE)
        keys.add(tuple(key for _, key in Scopes(Rules(budgets=(budget,), limits=(limit,))).keyed(caller, "m1")))
    assert len(keys) == 1


def test_the_first_letter_of_a_key_says_what_it_counts() -> None:
    limits = tuple(Limit(per=("user",), counts=counts, amount=1, window=MINUTE) for counts in COUNTS)
    rules = Rules(limits=limits, budgets=(Budget(per=("user",), amount=1, every="day"),))
    keyed = Scopes(rules).keyed(Caller("chat", "ann", "default"), "m1")
    assert "".join(key[0] for _, key in keyed) == "briotc"
    assert [key[0] for _, key in keyed] == [rule.kind for rule, _ in keyed]


def test_a_user_named_twice_counts_once() -> None:
    budget = Budget(per=("user",), where=(("user", ("ann", "ann")),), amount=1, every="day")
    assert len(Scopes(Rules(budgets=(budget,))).keyed(Caller("chat", "ann", "default"), "m1")) == 1


# -- names as operators write them

BOOK = PriceBook.parse(
    (resources.files("tidegate.policy") / "prices.json").read_bytes(), {"mine": Override(input=1, output=2)}
)
SECRET = b"secret of the tests"
ODD = "bob+test@example.com"


def counts(where: Selector, caller: Caller, model: str = "claude-haiku-4-5") -> bool:
    """Whether a budget and a limit with that selector count a call; the model is the name of its price."""
    rules = Rules(
        budgets=(Budget(per=("user",), where=where, amount=1, every="day"),),
        limits=(Limit(per=("user",), where=where, counts="requests", amount=1, window=MINUTE),),
    )
    keyed = Scopes(as_counted(rules, BOOK, SECRET)).keyed(caller, model)
    assert len(keyed) in (0, 2)
    return bool(keyed)


@pytest.mark.parametrize("name", [ODD, "Zoë", "a b", "a,b", "x" * 129, "plain", "hash:0123"])
def test_users_and_routes_are_selected_by_what_calls_name_them(name: str) -> None:
    """Calls have labels of them, made with the secret of the installation."""
    kept = label(name, SECRET)
    assert counts((("user", (name,)),), Caller("chat", kept, "default"))
    assert counts((("route", ("other", name)),), Caller("chat", "ann", kept))
    assert not counts((("user", (name,)),), Caller("chat", label(name, b"another secret") + "x", "default"))
    assert not counts((("user", (name,)),), Caller("chat", "ann", kept))


@pytest.mark.parametrize(
    ("written", "model"),
    [
        ("claude-haiku-4-5", "claude-haiku-4-5"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
        ("mine", "mine"),
        ("dearest", "dearest"),
    ],
)
def test_a_model_is_selected_by_any_of_its_names(written: str, model: str) -> None:
    assert counts((("model", (written,)),), Caller("chat", "ann", "default"), model)
    assert not counts((("model", (written,)),), Caller("chat", "ann", "default"), "claude-opus-5")


def test_names_of_one_thing_are_one() -> None:
    names = ("claude-haiku-4-5", "claude-haiku-4-5-20251001", "claude-haiku-4-5-latest")
    assert module.selected((("model", names),), BOOK, SECRET) == (("model", ("claude-haiku-4-5",)),)


def test_plain_names_keep_their_states() -> None:
    """An upgrade must not begin the budgets anew."""
    budget = Budget(per=("user",), where=(("model", ("claude-haiku-4-5",)), ("user", ("ann",))), amount=1, every="day")
    rules = as_counted(Rules(budgets=(budget,)), BOOK, SECRET)
    assert rules.budgets == (budget,)
    ((_, key),) = Scopes(rules).keyed(Caller("chat", "ann", "default"), "claude-haiku-4-5")
    assert key == "b|user|day|model=claude-haiku-4-5&user=ann|ann"


def test_a_comma_in_a_name_makes_no_list_of_it() -> None:
    one, two = (
        Scopes(as_counted(Rules(budgets=(Budget(per=("user",), where=where, amount=1, every="day"),)), BOOK, SECRET))
        for where in ((("user", ("a,b",)),), (("user", ("a", "b")),))
    )
    assert one.keyed(Caller("chat", "a", "default"), "m1") == ()
    assert len(two.keyed(Caller("chat", "a", "default"), "m1")) == 1


def thousand() -> Iterator[Budget]:
    """Rules for single users, apps, routes and models, as an operator with many customers has them."""
    for number in range(1_000):
        name: ScopeName = ("user", "user", "app", "route", "model")[number % 5]
        yield Budget(per=("organization",), where=((name, (f"{name}{number}",)),), amount=1, every="day")


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> list[Applied]:
    """Every rule whose selector was looked at."""
    seen: list[Applied] = []
    matches = module._matches

    def counted(rule: Applied, values: dict[str, str]) -> bool:
        seen.append(rule)
        return matches(rule, values)

    monkeypatch.setattr(module, "_matches", counted)
    return seen


def test_a_thousand_rules_cost_a_call_as_much_as_one(evaluations: list[Applied]) -> None:
    always = Budget(per=("user",), amount=1, every="month")
    few, many = Scopes(Rules(budgets=(always,))), Scopes(Rules(budgets=(always, *thousand())))
    caller = Caller("chat", "ann", "default")
    assert few.keyed(caller, "m1") == many.keyed(caller, "m1")
    evaluations.clear()
    for number in range(50):
        # New users on known routes, as in production: only rules that name the user may be looked at.
        assert len(many.keyed(Caller("chat", f"someone{number}", "default"), "m1")) == 1
        many.keyed(caller, "m1")
    assert evaluations == []
    assert len(many.keyed(Caller("chat", "user1", "default"), "m1")) == 2
    assert len(evaluations) == 1


def test_strangers_do_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 50)
    scopes = Scopes(Rules(budgets=(Budget(per=("user",), amount=1, every="month"),)))
    for number in range(500):
        scopes.keyed(Caller("chat", f"user{number}", f"route{number}"), f"model{number}")
        assert len(scopes._keys) <= 51
        assert len(scopes._seen) <= 51


def test_no_rules() -> None:
    assert Scopes(Rules()).keyed(Caller("chat", "ann", "default"), "m1") == ()
