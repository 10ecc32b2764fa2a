"""What usage costs: exact integers, rounded up once, at the end.

A sum is kept in units of `UNIT` to a nano-dollar, so that rates per million, percents for region and speed, and the
half price of batches need no fraction on the way.
"""

from collections.abc import Iterable
from typing import Final

from tidegate.model.usage import Part, Usage
from tidegate.policy.prices import Price, PriceBook

UNIT: Final = 1_000_000 * 100 * 100 * 2
"""A million tokens, percent of region, percent of speed, halves."""
_EVERYWHERE: Final = (None, "global", "not_available")
"""Regions without a surcharge; every other one is priced like `us`."""


def cost(price: Price, usage: Usage) -> int:
    """Nano-dollars of one part of an answer; the tier follows from its whole prompt."""
    return -(-units(price, usage) // UNIT)


def bill_parts(book: PriceBook, parts: Iterable[Part], fallback_price: Price) -> int:
    """Nano-dollars of all parts together, each priced by its own model, unknown models by the fallback's."""
    return -(-sum(units(book.find(part.model) or fallback_price, part.usage) for part in parts) // UNIT)


def units(price: Price, usage: Usage) -> int:
    """The cost before rounding, in units of which `UNIT` make a nano-dollar."""
    rates = price.rates if price.tier_rates is None else price.rates_at(usage.prompt_tokens)
    tokens = (
        usage.input_tokens * rates.input
        + usage.output_tokens * rates.output
        + usage.cache_read_tokens * rates.cache_read
        + usage.cache_write_5m_tokens * rates.cache_write_5m
        + usage.cache_write_1h_tokens * rates.cache_write_1h
    )
    geo = 100 if usage.geo in _EVERYWHERE else price.geo_percent
    halves = 1 if usage.service_tier == "batch" else 2
    speed = price.fast_percent if usage.speed == "fast" else 100
    searches = usage.web_searches * price.web_search * UNIT if usage.web_searches else 0
    return tokens * (geo * speed * halves) + searches
