from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import tidegate.policy
from tidegate.model.call import Bound, Reading
from tidegate.model.usage import Usage
from tidegate.policy import bounds
from tidegate.policy.prices import Price, PriceBook, Rates
from tidegate.policy.pricing import cost

BOOK = PriceBook.parse((Path(tidegate.policy.__file__).parent / "prices.json").read_bytes())
RATE = st.integers(0, 100_000_000_000)
READINGS = st.builds(
    Reading,
    model=st.just("m"),
    max_tokens=st.none() | st.integers(0, 300_000),
    size=st.integers(0, 3_000_000),
    text_bytes=st.integers(0, 3_000_000) | st.integers(0, 50_000),
    images=st.integers(0, 30),
    documents=st.integers(0, 2),
    unknown_inputs=st.integers(0, 1),
    tools=st.integers(0, 3),
    tool_overhead=st.integers(0, 20_000),
    cache=st.sampled_from(["none", "5m", "1h"]),
    geo=st.sampled_from([None, "global", "us", "eu"]),
    speed=st.sampled_from([None, "standard", "fast", "warp"]),
    unbounded=st.sampled_from([(), ("web_search",), ("fallbacks",)]),
    searches=st.integers(0, 20),
    thinking_budget=st.none() | st.integers(-1, 300_000),
)
PRICES = st.sampled_from([*BOOK.prices.values(), BOOK.dearest]) | st.builds(
    Price,
    model=st.just("m"),
    rates=st.builds(Rates, input=RATE, output=RATE, cache_read=RATE, cache_write_5m=RATE, cache_write_1h=RATE),
    context_window=st.integers(1, 2_000_000),
    max_output=st.integers(0, 300_000),
    geo_percent=st.sampled_from([100, 110]),
)


def price(name: str) -> Price:
    found = BOOK.find(name)
    assert found is not None
    return found


def reading(**fields: Any) -> Reading:
    plain: dict[str, Any] = {"model": "claude-opus-5", "max_tokens": 1_000, "size": 2_000, "text_bytes": 2_000}
    return Reading(**plain | fields)


def usages(data: st.DataObject, read: Reading, bound: Bound) -> Usage:
    """Any usage within the tokens of a bound, of the kinds that the request can cause."""
    left = data.draw(st.integers(0, bound.input_tokens) | st.just(bound.input_tokens))
    kinds = {}
    for name, possible in (
        ("cache_write_1h_tokens", read.cache == "1h"),
        ("cache_write_5m_tokens", read.cache != "none"),
        ("cache_read_tokens", True),
    ):
        kinds[name] = data.draw(st.integers(0, left) | st.just(left)) if possible else 0
        left -= kinds[name]
    fast = read.speed not in (None, "standard")
    return Usage(
        input_tokens=left,
        output_tokens=data.draw(st.integers(0, bound.output_tokens) | st.just(bound.output_tokens)),
        geo=data.draw(st.sampled_from([None, "global"] if read.geo == "global" else [None, "global", "us", "eu"])),
        speed=data.draw(st.sampled_from([None, "standard", "fast"] if fast else [None, "standard"])),
        service_tier=data.draw(st.sampled_from([None, "standard", "batch", "priority"])),
        **kinds,
    )


@given(READINGS, PRICES, st.data())
@settings(max_examples=200, deadline=None)
def test_no_usage_within_the_tokens_costs_more(read: Reading, found: Price, data: st.DataObject) -> None:
    bound = bounds.strict(read, found)
    usage = usages(data, read, bound)
    assert cost(found, usage) <= bound.cost
    assert cost(found, replace(usage, output_tokens=0)) <= bound.input_cost
    assert bounds.cut_cost(found, bound, usage) <= bound.cost
    assert bounds.cut_cost(found, bound, usage) >= cost(found, usage) - 1


@given(READINGS, PRICES, st.integers(0, 3_000_000), st.data())
@settings(max_examples=150, deadline=None)
def test_a_count_bounds_what_it_counts(read: Reading, found: Price, count: int, data: st.DataObject) -> None:
    strict, counted = bounds.strict(read, found), bounds.counted(read, found, count)
    assert counted.input_tokens <= strict.input_tokens
    assert counted.cost <= strict.cost
    assert counted.output_tokens == strict.output_tokens
    assert not counted.soft
    assert cost(found, usages(data, read, counted)) <= counted.cost


@given(READINGS, PRICES, st.floats(0, 3))
def test_estimates_are_soft(read: Reading, found: Price, ratio: float) -> None:
    strict, estimate, endless = (
        bounds.strict(read, found),
        bounds.estimated(read, found, ratio),
        bounds.unbounded(read, found),
    )
    assert (strict.soft, estimate.soft, endless.soft) == (False, True, True)
    assert estimate.cost <= strict.cost <= endless.cost
    for bound in (strict, estimate, endless):
        assert 0 <= bound.input_cost <= bound.cost
    assert strict.input_tokens <= found.context_window


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({}, 5_500),
        ({"text_bytes": 2_001}, 5_503),
        ({"images": 2}, 5_500 + 2 * 4_784),
        ({"tool_overhead": 1_400}, 6_900),
        ({"unknown_inputs": 1}, 1_000_000),
        ({"documents": 1}, 1_000_000),
        ({"text_bytes": 10_000_000}, 1_000_000),
    ],
)
def test_input_tokens(fields: dict[str, Any], tokens: int) -> None:
    assert bounds.strict(reading(**fields), price("claude-opus-5")).input_tokens == tokens


def test_images_of_older_models_are_smaller() -> None:
    assert bounds.strict(reading(images=1), price("claude-haiku-4-5")).input_tokens == 5_500 + 1_568


@pytest.mark.parametrize(("max_tokens", "tokens"), [(None, 128_000), (0, 0), (7, 7), (1_000_000, 1_000_000)])
def test_output_tokens(max_tokens: int | None, tokens: int) -> None:
    assert bounds.strict(reading(max_tokens=max_tokens), price("claude-opus-5")).output_tokens == tokens


@pytest.mark.parametrize(
    ("max_tokens", "budget", "tokens"),
    [
        (2_000, 1_999, 2_000),  # the usual case: the thinking is a part of max_tokens
        (2_000, -1, 2_000),
        (2_000, 2_000, 64_000),  # interleaved: max_tokens does not bound the thinking, the longest answer does
        (500, 30_000, 64_000),
        (500, 63_600, 64_100),
        (500, 10**15, 200_000),
        (300_000, 10**15, 300_000),
        (0, 30_000, 0),  # only fills the cache
        (None, 30_000, 64_000),
    ],
)
def test_thinking_that_max_tokens_does_not_bound(max_tokens: int | None, budget: int, tokens: int) -> None:
    asked, sonnet = reading(max_tokens=max_tokens, thinking_budget=budget), price("claude-sonnet-4-5")
    assert sonnet.context_window == 200_000
    strict, estimate = bounds.strict(asked, sonnet), bounds.estimated(asked, sonnet)
    counted, endless = bounds.counted(asked, sonnet, 100), bounds.unbounded(asked, sonnet)
    assert [bound.output_tokens for bound in (strict, counted, estimate)] == [tokens] * 3
    assert endless.output_tokens == 2 * tokens
    assert (strict.soft, estimate.soft) == (False, True)
    written = Usage(output_tokens=tokens, thinking_tokens=tokens)
    assert cost(sonnet, written) <= min(bound.cost - bound.input_cost for bound in (strict, counted, estimate)) + 1


@given(READINGS, PRICES, st.integers(0, 300_000), st.integers(0, 300_000))
def test_a_thinking_budget_is_always_held(read: Reading, found: Price, max_tokens: int, more: int) -> None:
    """Whatever the budget: held is at least what it and `max_tokens` allow, as far as the context window goes."""
    asked = replace(read, max_tokens=max_tokens, thinking_budget=max_tokens + more)
    plain = bounds.strict(replace(asked, thinking_budget=None), found)
    bound = bounds.strict(asked, found)
    assert bound.output_tokens >= plain.output_tokens
    assert bound.cost >= plain.cost
    if max_tokens:
        assert bound.output_tokens >= min(found.context_window, 2 * max_tokens + more)


@pytest.mark.parametrize(
    ("fields", "input_cost", "output_cost"),
    [
        ({"geo": "global"}, 5_500 * 5_000, 1_000 * 25_000),
        ({}, 5_500 * 5_500, 1_000 * 27_500),
        ({"geo": "us"}, 5_500 * 5_500, 1_000 * 27_500),
        ({"geo": "global", "cache": "5m"}, 5_500 * 6_250, 1_000 * 25_000),
        ({"geo": "global", "cache": "1h"}, 5_500 * 10_000, 1_000 * 25_000),
        ({"geo": "global", "cache": "1h", "speed": "fast"}, 5_500 * 20_000, 1_000 * 50_000),
        ({"geo": "global", "speed": "standard"}, 5_500 * 5_000, 1_000 * 25_000),
    ],
)
def test_the_dearest_price_that_can_apply(fields: dict[str, Any], input_cost: int, output_cost: int) -> None:
    bound = bounds.strict(reading(**fields), price("claude-opus-5"))
    assert (bound.input_cost, bound.cost - bound.input_cost) == (input_cost, output_cost)


def test_the_tier_that_the_prompt_can_reach() -> None:
    haiku = price("claude-haiku-5-5")
    below = bounds.strict(reading(text_bytes=39_800, geo="global"), haiku)
    above = bounds.strict(reading(text_bytes=39_801, geo="global"), haiku)
    assert (below.input_tokens, above.input_tokens) == (100_000, 100_003)
    assert below.cost == 100_000 * 100 + 1_000 * 500
    assert above.cost == 100_003 * 500 + 1_000 * 2_500
    assert bounds.counted(reading(text_bytes=39_801), haiku, 10_000).cost < above.cost // 4


@pytest.mark.parametrize(("count", "tokens"), [(0, 64), (1_000, 1_114), (1_001, 1_116), (5_300, 5_500)])
def test_the_margin_of_a_count(count: int, tokens: int) -> None:
    assert bounds.counted(reading(), price("claude-opus-5"), count).input_tokens == tokens


def test_an_estimate_of_searches() -> None:
    opus = price("claude-opus-5")
    free = bounds.unbounded(reading(unbounded=("fallbacks",)), opus)
    searching = bounds.unbounded(reading(unbounded=("web_search",)), opus)
    limited = bounds.unbounded(reading(unbounded=("web_search",), searches=2), opus)
    assert searching.cost - free.cost == 10 * 10_000_000
    assert limited.cost - free.cost == 2 * 10_000_000


def test_a_cut_costs_the_input_and_the_held_output() -> None:
    opus = price("claude-opus-5")
    bound = bounds.strict(reading(geo="global"), opus)
    usage = Usage(input_tokens=100, output_tokens=1)
    assert bounds.cut_cost(opus, bound, usage) == 100 * 5_000 + 1_000 * 25_000
