"""What a plan decides before anything is held: who may ask for what, at which price and bound."""

from importlib import resources

import pytest

from tidegate.model.call import Caller
from tidegate.model.refusal import Refusal
from tidegate.policy.learning import new_ratio
from tidegate.policy.plan import ANONYMOUS, Plan, plan
from tidegate.policy.prices import PriceBook
from tidegate.policy.reading import read
from tidegate.policy.rules import BoundMode, Route, Rules

BOOK = PriceBook.parse((resources.files("tidegate.policy") / "prices.json").read_bytes())
ANN = Caller("chat", "ann", "default")


def ask(text: str, rules: Rules | None = None, caller: Caller = ANN, **more: object) -> Plan | Refusal:
    body = f'{{"model":"claude-haiku-4-5","messages":[{{"role":"user","content":"hi"}}]{text}}}'
    reading = read(body.encode())
    assert not isinstance(reading, Refusal)
    return plan(rules or Rules(), BOOK, caller, reading, **more)  # type: ignore[arg-type]  # passed through


def planned(text: str, rules: Rules | None = None, **more: object) -> Plan:
    result = ask(text, rules, **more)  # type: ignore[arg-type]  # passed through
    assert isinstance(result, Plan)
    return result


def refused(text: str, rules: Rules | None = None, **more: object) -> Refusal:
    result = ask(text, rules, **more)  # type: ignore[arg-type]  # passed through
    assert isinstance(result, Refusal)
    return result


@pytest.mark.parametrize("names", [(), ("claude-haiku-4-5",), ("other", "claude-haiku-4-5-20251001")])
def test_a_key_allows_a_model_under_any_of_its_names(names: tuple[str, ...]) -> None:
    assert planned(',"max_tokens":9', models=names).price.model == "claude-haiku-4-5"


def test_a_key_without_the_model() -> None:
    assert refused(',"max_tokens":9', models=("claude-opus-5",)).reason == "not_allowed"
    assert refused(',"max_tokens":9', models=("claude-opus-5",)).scope == "model"


def test_a_route_without_the_model() -> None:
    rules = Rules(routes={"default": Route(name="default", models=("claude-sonnet-5",))})
    refusal = refused(',"max_tokens":9', rules)
    assert (refusal.reason, refusal.scope) == ("not_allowed", "route")


def test_a_clamp_is_an_edit_and_lowers_the_bound() -> None:
    rules = Rules(routes={"default": Route(name="default", max_tokens=5)})
    clamped, free = planned(',"max_tokens":9', rules), planned(',"max_tokens":9')
    assert (clamped.reading.max_tokens, clamped.bound.output_tokens) == (5, 5)
    assert free.reading.max_tokens == 9
    assert clamped.bound.cost < free.bound.cost


def test_an_undeclared_route_has_the_policy_of_default() -> None:
    rules = Rules(routes={"default": Route(name="default", max_tokens=5)})
    assert planned(',"max_tokens":9', rules, caller=Caller("chat", "ann", "whatever")).reading.max_tokens == 5


def test_identity() -> None:
    rules = Rules(require_user=True)
    assert refused(',"max_tokens":9', rules, caller=Caller("chat", ANONYMOUS, "default")).reason == "identity_required"
    assert planned(',"max_tokens":9', rules).reading.max_tokens == 9


def test_unknown_models() -> None:
    reading = read(b'{"model":"claude-new-9","max_tokens":9,"messages":[]}')
    assert not isinstance(reading, Refusal)
    refusal = plan(Rules(), BOOK, ANN, reading)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "unknown_model"
    dearest = plan(Rules(unknown_model="dearest"), BOOK, ANN, reading)
    assert isinstance(dearest, Plan)
    assert dearest.price is BOOK.dearest


SEARCH = ',"max_tokens":9,"tools":[{"type":"web_search_20260209","name":"web_search"}]'


def test_requests_without_a_bound() -> None:
    assert refused(SEARCH, Rules(bound="strict")).reason == "unbounded_cost"
    soft = planned(SEARCH)
    assert soft.bound.soft
    assert not soft.countable
    assert planned(SEARCH, Rules(bound="strict", unbounded="estimate")).bound.soft
    assert refused(SEARCH, Rules(unbounded="refuse")).reason == "unbounded_cost"
    assert refused(',"max_tokens":9', Rules(unbounded="refuse"), betas=("compact",)).reason == "unbounded_cost"


def test_modes() -> None:
    strict, counted = planned(',"max_tokens":9', Rules(bound="strict")), planned(',"max_tokens":9')
    estimated = planned(',"max_tokens":9', Rules(bound="estimated"))
    assert (strict.countable, counted.countable, estimated.countable) == (False, True, False)
    assert strict.bound == counted.bound
    assert estimated.bound.soft
    assert estimated.learns
    assert estimated.bound.cost <= strict.bound.cost


def test_a_route_may_choose_its_own_bound() -> None:
    rules = Rules(bound="counted", routes={"default": Route(name="default", bound="strict", on_cut="drain")})
    assert not planned(',"max_tokens":9', rules).countable
    assert planned(',"max_tokens":9', rules).on_cut == "drain"


def test_what_was_learned_is_used() -> None:
    ratio = new_ratio()
    for _ in range(100):
        ratio.learn(2_000, 1_000)
    long = f',"max_tokens":9,"system":"{"x" * 5_000}"'
    rules = Rules(bound="estimated")
    learned = planned(long, rules, ratios={"claude-haiku-4-5": ratio})
    assert learned.bound.input_tokens > 4 * (planned(long, rules).bound.input_tokens - 500) > 0


THINKS = ',"thinking":{"type":"enabled","budget_tokens":30000}'


@pytest.mark.parametrize("mode", ["strict", "counted", "estimated"])
def test_thinking_beyond_max_tokens_is_held(mode: BoundMode) -> None:
    """Interleaved with calls of tools it may be more than `max_tokens`: the request goes out, its hold is true."""
    found = planned(f',"max_tokens":500{THINKS}', Rules(bound=mode))
    assert found.reading.max_tokens == 500
    assert found.bound.output_tokens == 64_000
    assert found.bound.soft == (mode == "estimated")
    assert planned(f',"max_tokens":30001{THINKS}', Rules(bound=mode)).bound.output_tokens == 30_001


@pytest.mark.parametrize(
    ("asked", "sent", "held"), [("500", 500, 64_000), ("30000", 30_000, 64_000), ("40000", 30_001, 30_001)]
)
def test_a_clamp_and_a_thinking_budget_agree(asked: str, sent: int, held: int) -> None:
    """What is held follows from the `max_tokens` that goes out, and that one never sinks to the budget or below it."""
    rules = Rules(bound="strict", routes={"default": Route(name="default", max_tokens=512)})
    found = planned(f',"max_tokens":{asked}{THINKS}', rules)
    assert (found.reading.max_tokens, found.bound.output_tokens) == (sent, held)


def test_a_max_tokens_that_a_route_puts_in_does_not_bound_more_thinking() -> None:
    rules = Rules(bound="strict", routes={"default": Route(name="default", max_tokens=512)})
    found = planned(THINKS, rules)
    assert (found.reading.max_tokens, found.bound.output_tokens) == (512, 64_000)
