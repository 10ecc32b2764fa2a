import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.fake.prices import LONG_RATES, RATES
from tidegate.fake.usage import Iteration, Usage, cost, delta_usage_json, usage_json

# claude-api.md 5.1, USD per million tokens: input, 5m write, 1h write, read, output
SHEET = """
fable-5-2 mythos-5-2        8    10    16   0.20 40
fable-5-1 mythos-5-1        10   12.50 20   0.25 50
fable-5 mythos-5            10   12.50 20   1.00 50
opus-5-5                    4    5     8    0.20 20
opus-5 opus-4-8             5    6.25  10   0.50 25
opus-4-7 opus-4-6 opus-4-5  5    6.25  10   0.50 25
sonnet-5-5                  2    2.50  4    0.10 10
sonnet-5                    2    2.50  4    0.20 10
sonnet-4-6 sonnet-4-5       3    3.75  6    0.30 15
haiku-5-5                   0.10 0.125 0.20 0.01 0.50
haiku-4-5                   1    1.25  2    0.10 5
opus-4-1 opus-4             15   18.75 30   1.50 75
sonnet-4                    3    3.75  6    0.30 15
"""
LINE = re.compile(r"((?:[a-z]\S+ )+) *(.*)")
TOKENS = st.integers(0, 2_000_000)


def sheet_rows() -> list[tuple[str, list[Decimal]]]:
    found = [match for line in SHEET.strip().splitlines() if (match := LINE.match(line))]
    return [(f"claude-{name}", [Decimal(n) for n in m[2].split()]) for m in found for name in m[1].split()]


@pytest.mark.parametrize(("model", "dollars"), sheet_rows())
def test_prices_are_the_sheets(model: str, dollars: list[Decimal]) -> None:
    assert list(RATES[model]) == [int(each * 1_000) for each in dollars]


def test_every_model_of_the_sheet_and_the_old_ones_have_a_price() -> None:
    assert set(RATES) == {model for model, _ in sheet_rows()} | {"claude-3-7-sonnet", "claude-3-5-haiku"}


def test_long_prompts_cost_five_times_as_much() -> None:
    assert list(LONG_RATES["claude-haiku-5-5"]) == [each * 5 for each in RATES["claude-haiku-5-5"]]


def test_a_worked_example() -> None:
    usage = Usage(input_tokens=1_000, write_5m=200, write_1h=30, read=4_000, output_tokens=500, web_searches=2)
    expected = 1_000 * 2_000 + 200 * 2_500 + 30 * 4_000 + 4_000 * 200 + 500 * 10_000 + 2 * 10_000_000
    assert cost("claude-sonnet-5", usage) == expected


@pytest.mark.parametrize(("prompt", "rate"), [(100_000, 100), (100_001, 500)])
def test_the_haiku_tier_counts_the_whole_prompt(prompt: int, rate: int) -> None:
    usage = Usage(input_tokens=10, read=50_000, write_5m=prompt - 50_010, output_tokens=7)
    price = Fraction(rate)
    expected = 10 * price + 50_000 * price / 10 + (prompt - 50_010) * price * 5 / 4 + 7 * price * 5
    assert cost("claude-haiku-5-5", usage) == expected


@settings(deadline=None)
@given(st.sampled_from(sorted(RATES)), TOKENS, TOKENS, TOKENS, TOKENS, TOKENS, st.booleans(), st.booleans())
def test_cost_is_exact_and_rounded_up(
    model: str, given_: int, write: int, long: int, read: int, output: int, fast: bool, us: bool
) -> None:
    usage = Usage(given_, write, long, read, output, speed="fast" if fast else "standard", geo="us" if us else "global")
    rate = (LONG_RATES if usage.prompt_tokens > 100_000 else RATES).get(model, RATES[model])
    exact = Fraction(given_ * rate.input + write * rate.write_5m + long * rate.write_1h)
    exact = (exact + read * rate.read + output * rate.output) * (2 if fast else 1) * (Fraction(11, 10) if us else 1)
    assert 0 <= cost(model, usage) - exact < 1


def test_iterations_add_to_the_top_level_numbers() -> None:
    own = Iteration("message", "claude-sonnet-5", own=True)
    other = Iteration("advisor_message", "claude-opus-5", 300, 20)
    usage = Usage(input_tokens=100, output_tokens=10, iterations=(own, other))
    assert cost("claude-sonnet-5", usage) == 100 * 2_000 + 10 * 10_000 + 300 * 5_000 + 20 * 25_000
    shown = usage_json(usage)["iterations"]
    assert [(each["type"], each["input_tokens"], each["output_tokens"]) for each in shown] == [
        ("message", 100, 10),
        ("advisor_message", 300, 20),
    ]


def test_message_delta_leaves_out_what_only_message_start_tells() -> None:
    usage = Usage(input_tokens=5, write_1h=6, output_tokens=7, thinking_tokens=3)
    told = delta_usage_json(usage)
    assert not {"cache_creation", "service_tier", "speed", "inference_geo"} & told.keys()
    assert told["output_tokens_details"] == {"thinking_tokens": 3}
    assert delta_usage_json(usage, 2) == {
        "input_tokens": 5,
        "cache_creation_input_tokens": 6,
        "cache_read_input_tokens": 0,
        "output_tokens": 2,
    }
