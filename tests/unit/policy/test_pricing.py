from decimal import ROUND_CEILING, Decimal
from pathlib import Path

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price
from hypothesis import given
from hypothesis import strategies as st

import tidegate.policy
from tidegate.model.usage import Part, Usage
from tidegate.policy.prices import Override, Price, PriceBook
from tidegate.policy.pricing import bill_parts, cost

BOOK = PriceBook.parse((Path(tidegate.policy.__file__).parent / "prices.json").read_bytes())
USD = 1_000_000_000
UNKNOWN_TO_THEM = {"claude-mythos-5", "claude-mythos-5-1"}
TOKENS = st.integers(0, 2_000_000)
USAGES = st.builds(
    Usage,
    input_tokens=TOKENS,
    cache_read_tokens=TOKENS,
    cache_write_5m_tokens=TOKENS,
    cache_write_1h_tokens=TOKENS,
    output_tokens=TOKENS,
    web_searches=st.integers(0, 50),
    service_tier=st.sampled_from([None, "standard", "batch", "priority"]),
    speed=st.sampled_from([None, "standard", "fast"]),
    geo=st.sampled_from([None, "global", "us", "eu", "not_available"]),
)


def price(name: str) -> Price:
    found = BOOK.find(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("model", "usage", "nano"),
    [
        ("claude-opus-5", Usage(), 0),
        ("claude-opus-5", Usage(input_tokens=1_000_000, output_tokens=1_000_000), 30 * USD),
        ("claude-opus-5", Usage(input_tokens=1), 5_000),
        (
            "claude-opus-5",
            Usage(cache_read_tokens=1_000, cache_write_5m_tokens=1_000, cache_write_1h_tokens=1_000),
            16_750_000,
        ),
        ("claude-opus-5", Usage(output_tokens=100, thinking_tokens=90), 2_500_000),
        ("claude-opus-5", Usage(input_tokens=100, speed="fast"), 1_000_000),
        ("claude-opus-5", Usage(input_tokens=100, geo="us"), 550_000),
        ("claude-opus-5", Usage(input_tokens=100, geo="us", speed="fast"), 1_100_000),
        ("claude-opus-5", Usage(input_tokens=100, geo="global"), 500_000),
        ("claude-opus-4-5", Usage(input_tokens=100, geo="us"), 500_000),
        ("claude-opus-5", Usage(input_tokens=100, service_tier="batch"), 250_000),
        ("claude-opus-5", Usage(web_searches=3), 30_000_000),
        ("claude-opus-5", Usage(web_searches=3, geo="us", speed="fast", service_tier="batch"), 30_000_000),
        ("claude-haiku-5-5", Usage(input_tokens=100_000, output_tokens=10), 10_005_000),
        ("claude-haiku-5-5", Usage(input_tokens=100_001, output_tokens=10), 50_025_500),
        ("claude-haiku-5-5", Usage(input_tokens=1, cache_read_tokens=100_000, output_tokens=10), 5_025_500),
        # 5.5 nano-dollars, rounded up once.
        ("claude-haiku-5-5", Usage(cache_read_tokens=1, geo="us", service_tier="batch"), 6),
        ("claude-haiku-5-5", Usage(cache_read_tokens=2, geo="us", service_tier="batch"), 11),
    ],
)
def test_cost(model: str, usage: Usage, nano: int) -> None:
    assert cost(price(model), usage) == nano


@given(st.sampled_from(sorted(BOOK.prices)), USAGES)
def test_cost_is_the_decimal_sum_rounded_up(model: str, usage: Usage) -> None:
    """The naive oracle: decimals, one factor after the other."""
    found = price(model)
    rates = found.rates_at(usage.prompt_tokens)
    million = Decimal(1_000_000)
    total = sum(
        (
            tokens * Decimal(rate) / million
            for tokens, rate in (
                (usage.input_tokens, rates.input),
                (usage.output_tokens, rates.output),
                (usage.cache_read_tokens, rates.cache_read),
                (usage.cache_write_5m_tokens, rates.cache_write_5m),
                (usage.cache_write_1h_tokens, rates.cache_write_1h),
            )
        ),
        Decimal(0),
    )
    total *= Decimal("1.1") if usage.geo in ("us", "eu") and found.geo_percent == 110 else 1
    total *= 2 if usage.speed == "fast" else 1
    total *= Decimal("0.5") if usage.service_tier == "batch" else 1
    total += usage.web_searches * USD // 100
    assert cost(found, usage) == int(total.to_integral_value(ROUND_CEILING))


@pytest.mark.parametrize(
    "model", [name for name, found in BOOK.prices.items() if not found.retired and name not in UNKNOWN_TO_THEM]
)
@pytest.mark.parametrize(
    "usage",
    [
        Usage(input_tokens=1_234, output_tokens=567, web_searches=2),
        Usage(input_tokens=3, cache_read_tokens=70_000, cache_write_5m_tokens=900, output_tokens=1),
        Usage(
            input_tokens=3,
            cache_read_tokens=110_000,
            cache_write_5m_tokens=900,
            cache_write_1h_tokens=77,
            output_tokens=1,
        ),
    ],
)
def test_cost_is_that_of_genai_prices(model: str, usage: Usage) -> None:
    theirs = calc_price(
        TheirUsage(
            input_tokens=usage.prompt_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
            cache_write_5m_tokens=usage.cache_write_5m_tokens,
            cache_write_1h_tokens=usage.cache_write_1h_tokens,
            output_tokens=usage.output_tokens,
            web_searches=usage.web_searches,
        ),
        model,
        provider_id="anthropic",
    )
    assert cost(price(model), usage) == int((theirs.total_price * USD).to_integral_value(ROUND_CEILING))


def test_parts_are_priced_by_their_own_models() -> None:
    parts = (
        Part("claude-opus-5-20260724", Usage(output_tokens=100)),
        Part("claude-haiku-4-5", Usage(output_tokens=100)),
        Part("who-knows", Usage(output_tokens=100)),
    )
    fallback = PriceBook.parse(
        (Path(tidegate.policy.__file__).parent / "prices.json").read_bytes(), {"x": Override(input=USD, output=USD)}
    ).find("x")
    assert fallback is not None
    assert bill_parts(BOOK, parts, fallback) == 2_500_000 + 500_000 + 100_000
    assert bill_parts(BOOK, (), fallback) == 0


def test_parts_are_rounded_up_together() -> None:
    half = Part("claude-haiku-5-5", Usage(cache_read_tokens=1, geo="us", service_tier="batch"))
    assert bill_parts(BOOK, (half,), price("claude-opus-5")) == 6
    assert bill_parts(BOOK, (half, half), price("claude-opus-5")) == 11


@given(st.lists(st.builds(Part, st.sampled_from(sorted(BOOK.prices)), USAGES), max_size=4))
def test_parts_together_never_cost_more_than_apart(parts: list[Part]) -> None:
    together = bill_parts(BOOK, parts, BOOK.dearest)
    apart = sum(cost(price(part.model), part.usage) for part in parts)
    assert apart - len(parts) < together <= apart or (together == apart == 0)
