"""What a token costs: the fake's own price list, in whole nano-dollars a token (1 USD a million tokens = 1,000)."""

from typing import NamedTuple

WEB_SEARCH = 10_000_000
"""One web search: 10 USD a thousand."""

LONG_PROMPT = 100_000
"""The prompt length above which a model with a second tier bills the whole request by it."""


class Rate(NamedTuple):
    """Nano-dollars a token, by class of token."""

    input: int
    write_5m: int
    write_1h: int
    read: int
    output: int


RATES: dict[str, Rate] = {
    "claude-fable-5-2": Rate(8_000, 10_000, 16_000, 200, 40_000),
    "claude-mythos-5-2": Rate(8_000, 10_000, 16_000, 200, 40_000),
    "claude-fable-5-1": Rate(10_000, 12_500, 20_000, 250, 50_000),
    "claude-mythos-5-1": Rate(10_000, 12_500, 20_000, 250, 50_000),
    "claude-fable-5": Rate(10_000, 12_500, 20_000, 1_000, 50_000),
    "claude-mythos-5": Rate(10_000, 12_500, 20_000, 1_000, 50_000),
    "claude-opus-5-5": Rate(4_000, 5_000, 8_000, 200, 20_000),
    "claude-opus-5": Rate(5_000, 6_250, 10_000, 500, 25_000),
    "claude-opus-4-8": Rate(5_000, 6_250, 10_000, 500, 25_000),
    "claude-opus-4-7": Rate(5_000, 6_250, 10_000, 500, 25_000),
    "claude-opus-4-6": Rate(5_000, 6_250, 10_000, 500, 25_000),
    "claude-opus-4-5": Rate(5_000, 6_250, 10_000, 500, 25_000),
    "claude-sonnet-5-5": Rate(2_000, 2_500, 4_000, 100, 10_000),
    "claude-sonnet-5": Rate(2_000, 2_500, 4_000, 200, 10_000),
    "claude-sonnet-4-6": Rate(3_000, 3_750, 6_000, 300, 15_000),
    "claude-sonnet-4-5": Rate(3_000, 3_750, 6_000, 300, 15_000),
    "claude-haiku-5-5": Rate(100, 125, 200, 10, 500),
    "claude-haiku-4-5": Rate(1_000, 1_250, 2_000, 100, 5_000),
    "claude-opus-4-1": Rate(15_000, 18_750, 30_000, 1_500, 75_000),
    "claude-opus-4": Rate(15_000, 18_750, 30_000, 1_500, 75_000),
    "claude-sonnet-4": Rate(3_000, 3_750, 6_000, 300, 15_000),
    "claude-3-7-sonnet": Rate(3_000, 3_750, 6_000, 300, 15_000),
    "claude-3-5-haiku": Rate(800, 1_000, 1_600, 80, 4_000),
}

LONG_RATES: dict[str, Rate] = {
    "claude-haiku-5-5": Rate(500, 625, 1_000, 50, 2_500),
}
"""For a prompt of more than LONG_PROMPT tokens (input, cache reads and cache writes together)."""
