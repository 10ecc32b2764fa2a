"""Make `src/tidegate/policy/prices.json` from the installed genai-prices and what it lacks.

A development tool: `.venv/bin/python scripts/make_prices.py`.  The package is never imported by tidegate itself,
because that alone takes longer than a start may.  Prices in the file are nano-dollars per million tokens.
"""

# ruff: noqa: INP001 - a script of its own, no package

import hashlib
import json
import sys
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genai_prices.data import providers
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

TARGET = Path(__file__).parent.parent / "src/tidegate/policy/prices.json"
NANO = 1_000_000_000
RATES = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write_5m": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
}

NEW = {"window": 1_000_000, "output": 128_000, "image": 4784, "geo": 110}
"""Context window, largest output, tokens of an image, percent of the price in a region: 4.7 and newer."""
GEO_46 = NEW | {"image": 1568}
OLD_4 = {"window": 200_000, "output": 64_000, "image": 1568, "geo": 100}
# ids: (name in genai-prices, facts of claude-api.md 5.2, 8.1 and 8.4, retired)
MODELS: dict[str, tuple[str, dict[str, int], bool]] = {
    "claude-fable-5-2": ("claude-fable-5-2", NEW, False),
    "claude-mythos-5-2": ("claude-mythos-5-2", NEW, False),
    "claude-fable-5-1": ("claude-fable-5-1", NEW, False),
    "claude-mythos-5-1": ("claude-fable-5-1", NEW, False),
    "claude-fable-5": ("claude-fable-5", NEW, False),
    "claude-mythos-5": ("claude-fable-5", NEW, False),
    "claude-opus-5-5": ("claude-opus-5-5", NEW, False),
    "claude-opus-5": ("claude-opus-5", NEW, False),
    "claude-opus-4-8": ("claude-opus-4-8", NEW, False),
    "claude-opus-4-7": ("claude-opus-4-7", NEW, False),
    "claude-opus-4-6": ("claude-opus-4-6", GEO_46, False),
    "claude-opus-4-5": ("claude-opus-4-5", OLD_4, False),
    "claude-sonnet-5-5": ("claude-sonnet-5-5", NEW, False),
    "claude-sonnet-5": ("claude-sonnet-5", NEW, False),
    "claude-sonnet-4-6": ("claude-sonnet-4-6", GEO_46, False),
    "claude-sonnet-4-5": ("claude-sonnet-4-5", OLD_4, False),
    "claude-haiku-5-5": ("claude-haiku-5-5", NEW, False),
    "claude-haiku-4-5": ("claude-haiku-4-5", OLD_4, False),
    "claude-opus-4-1": ("claude-opus-4-1", OLD_4 | {"output": 32_000}, True),
    "claude-opus-4": ("claude-opus-4-0", OLD_4 | {"output": 32_000}, True),
    "claude-opus-4-0": ("claude-opus-4-0", OLD_4 | {"output": 32_000}, True),
    "claude-sonnet-4": ("claude-sonnet-4-0", OLD_4, True),
    "claude-sonnet-4-0": ("claude-sonnet-4-0", OLD_4, True),
    "claude-3-7-sonnet": ("claude-3-7-sonnet-latest", OLD_4, True),
    "claude-3-5-sonnet": ("claude-3-5-sonnet", OLD_4 | {"output": 8_192}, True),
    "claude-3-5-haiku": ("claude-3-5-haiku-latest", OLD_4 | {"output": 8_192}, True),
    "claude-3-opus": ("claude-3-opus-latest", OLD_4 | {"output": 4_096}, True),
    "claude-3-haiku": ("claude-3-haiku", OLD_4 | {"output": 4_096}, True),
}
FLAT = {"claude-sonnet-4-5"}
"""Its tier above 200,000 tokens is history: longer requests are refused since 2026-04-30."""


def nano(price: Decimal) -> int:
    """Whole nano-dollars; the table must not round."""
    value = price * NANO
    if value != value.to_integral_value():
        raise SystemExit(f"{price} USD is no whole number of nano-dollars")
    return int(value)


def rates(prices: ModelPrice, *, tier: bool = False) -> dict[str, int]:
    """The five rates, of the tier or below it."""
    found: dict[str, int] = {}
    for ours, theirs in RATES.items():
        price: Decimal | TieredPrices | None = getattr(prices, theirs)
        if isinstance(price, TieredPrices):
            price = price.tiers[-1].price if tier else price.base
        if price is None:
            raise SystemExit(f"genai-prices has no {theirs}")
        found[ours] = nano(price)
    return found


def tier_start(prices: ModelPrice) -> int | None:
    """Prompts with more tokens than this pay the tier's rates."""
    return prices.input_mtok.tiers[-1].start if isinstance(prices.input_mtok, TieredPrices) else None


def fast_percent(info: ModelInfo) -> int:
    """What fast mode costs, in percent of the plain price; 0 where there is none."""
    for variant in info.price_variants or []:
        if variant.when == {"speed": "fast"}:
            base, fast = rates(info.get_prices(NOON)), rates(variant.prices)
            factors = {Decimal(fast[name]) / base[name] for name in base}
            if len(factors) != 1:
                raise SystemExit(f"{info.id}: fast mode is not one multiple of the plain price")
            return int(factors.pop() * 100)
    return 0


NOON = datetime.combine(date.today(), time(12), UTC)  # noqa: DTZ011 - the calendar day is what the prices are dated by


def entry(info: ModelInfo, name: str, facts: dict[str, int], *, retired: bool) -> dict[str, Any]:
    """One row of the table."""
    prices = info.get_prices(NOON)
    start = None if name in FLAT else tier_start(prices)
    row: dict[str, Any] = rates(prices)
    if start is not None:
        row["tier"] = {"above": start, **rates(prices, tier=True)}
    if fast := fast_percent(info):
        row["fast_percent"] = fast
    row |= {
        "geo_percent": facts["geo"],
        "web_search": _web_search(prices),
        "context_window": facts["window"],
        "max_output": facts["output"],
        "image_tokens": facts["image"],
    }
    if retired:
        row["retired"] = True
    if info.id != name and not name.startswith("claude-3") and not retired:
        row["source"] = f"same price as {info.id}, by Anthropic's pricing page of 2026-10"
    return row


def _web_search(prices: ModelPrice) -> int:
    """Nano-dollars of one search; old models had none, and 10 USD for a thousand is the price ever since."""
    price = prices.web_searches_kcount
    return nano(price if isinstance(price, Decimal) else Decimal(10)) // 1000


def main() -> None:
    """Write the table; with `--check` only say whether it is up to date."""
    anthropic = next(provider for provider in providers if provider.id == "anthropic")
    infos = {info.id: info for info in anthropic.models}
    models = {name: entry(infos[theirs], name, facts, retired=gone) for name, (theirs, facts, gone) in MODELS.items()}
    today = NOON.date().isoformat()
    digest = hashlib.sha256(json.dumps(models, sort_keys=True).encode()).hexdigest()[:8]
    table = {
        "version": f"{today}-{digest}",
        "checked": today,
        "source": f"genai-prices {version('genai-prices')}, provider anthropic; limits from Anthropic's model pages",
        "unit": "nano-dollars per million tokens; web_search per search",
        "models": models,
    }
    if "--check" in sys.argv:
        same = json.loads(TARGET.read_text())["models"] == models
        raise SystemExit(
            0 if same else "prices.json differs from the installed genai-prices; run scripts/make_prices.py"
        )
    TARGET.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
