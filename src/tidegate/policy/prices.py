"""The price book: what each model costs, found by any of the names that a model goes by.

The table is `prices.json` beside this file, made by `scripts/make_prices.py`; whoever assembles the program reads the
bytes and calls `PriceBook.parse`.  Rates are nano-dollars per million tokens, percents are whole numbers, so every
price is an exact integer.  Prices are what Anthropic's own API charges; other platforms may differ and can be
overridden.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

DEFAULT_WINDOW: Final = 1_000_000
DEFAULT_OUTPUT: Final = 128_000
"""For a model of which only prices are known: the largest that any model has."""
WEB_SEARCH: Final = 10_000_000
"""Nano-dollars a search."""
IMAGE_TOKENS: Final = 4_784
_REMEMBERED: Final = 1_024

_BEDROCK = re.compile(r"(?:.*/)?(?:[a-z]{2,6}(?:-gov)?\.)?anthropic\.(claude-[a-z0-9-]+?)(?:-v\d+(?::\d+)?)?")
_SUFFIX = re.compile(r"(?:\[1m\]|@[a-z0-9-]+|-\d{8}|-latest)$")


class Rates(Struct, frozen=True, kw_only=True):
    """Nano-dollars per million tokens of each kind."""

    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int


class Price(Struct, frozen=True, kw_only=True):
    """What one model costs and the sizes that bound its cost."""

    model: str
    rates: Rates
    tier_above: int | None = None
    """Prompts with more tokens than this pay `tier_rates` for everything."""
    tier_rates: Rates | None = None
    fast_percent: int = 200
    """What fast mode costs, in percent; 200 also where Anthropic offers none, in case it ever does."""
    geo_percent: int = 110
    """What processing in one region costs, in percent."""
    web_search: int = WEB_SEARCH
    """Nano-dollars for one search."""
    context_window: int = DEFAULT_WINDOW
    max_output: int = DEFAULT_OUTPUT
    image_tokens: int = IMAGE_TOKENS
    """Most tokens of one image."""
    retired: bool = False

    def rates_at(self, prompt_tokens: int) -> Rates:
        """The rates for a prompt of that many tokens, cached ones included."""
        if self.tier_rates is None or self.tier_above is None or prompt_tokens <= self.tier_above:
            return self.rates
        return self.tier_rates


class Override(Struct, frozen=True, kw_only=True):
    """An operator's price of one model, nano-dollars per million tokens; what is left out is derived."""

    input: int
    output: int
    cache_read: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    context_window: int | None = None
    max_output: int | None = None


class PriceBook(Struct, frozen=True):
    """All prices; `version` is the ledger's `price_version`."""

    version: str
    prices: Mapping[str, Price]
    dearest: Price
    """The highest of each figure over the models that can be called: for `unknown_model = "dearest"`."""
    _found: dict[str, Price | None] = {}
    """What `find` worked out; names come from callers, so it is emptied when it grows."""

    @staticmethod
    def parse(data: bytes, overrides: Mapping[str, Override] | None = None) -> "PriceBook":
        """The book from the bytes of `prices.json`, with the operator's prices over it."""
        table = msgspec.json.decode(data, type=_Table)
        prices = {name: _price(name, row) for name, row in table.models.items()}
        version = table.version
        if overrides:
            prices |= {name: _overridden(name, override, _find(prices, name)) for name, override in overrides.items()}
            digest = hashlib.sha256(msgspec.json.encode(sorted(overrides.items()))).hexdigest()[:8]
            version = f"{version}+{digest}"
        return PriceBook(version, prices, _dearest(prices))

    def find(self, model: str) -> Price | None:
        """The price of a model by its id, or by the dated, Vertex, Bedrock or `[1m]` form of it."""
        try:
            return self._found[model]
        except KeyError:
            pass
        price = _find(self.prices, model)
        if len(self._found) >= _REMEMBERED:
            self._found.clear()
        self._found[model] = price
        return price


class _Tier(Rates, frozen=True, kw_only=True):
    above: int


class _Row(Rates, frozen=True, kw_only=True):
    tier: _Tier | None = None
    fast_percent: int = 200
    geo_percent: int
    web_search: int
    context_window: int
    max_output: int
    image_tokens: int
    retired: bool = False


class _Table(Struct, frozen=True):
    version: str
    models: dict[str, _Row]


def _price(name: str, row: _Row) -> Price:
    return Price(
        model=name,
        rates=_rates(row),
        tier_above=row.tier.above if row.tier else None,
        tier_rates=_rates(row.tier) if row.tier else None,
        fast_percent=row.fast_percent,
        geo_percent=row.geo_percent,
        web_search=row.web_search,
        context_window=row.context_window,
        max_output=row.max_output,
        image_tokens=row.image_tokens,
        retired=row.retired,
    )


def _rates(row: Rates) -> Rates:
    return Rates(**{name: getattr(row, name) for name in Rates.__struct_fields__})


def _find(prices: Mapping[str, Price], model: str) -> Price | None:
    """Exact first, so that an operator may price one form of a name apart; then the forms, from the outside in."""
    name = model
    for _ in range(3):
        if name in prices:
            return prices[name]
        bedrock = _BEDROCK.fullmatch(name)
        shorter = bedrock.group(1) if bedrock else _SUFFIX.sub("", name)
        if shorter == name:
            break
        name = shorter
    return prices.get(name)


def _overridden(name: str, override: Override, known: Price | None) -> Price:
    """What the operator leaves out follows Anthropic's usual ratios: reads 0.1x, writes 1.25x and 2x."""
    rates = Rates(
        input=override.input,
        output=override.output,
        cache_read=_or(override.cache_read, -(-override.input // 10)),
        cache_write_5m=_or(override.cache_write_5m, -(-override.input * 5 // 4)),
        cache_write_1h=_or(override.cache_write_1h, override.input * 2),
    )
    # Sizes and multipliers of a known model stay, its tier does not: the operator's price is the price.
    price = known or Price(model=name, rates=rates)
    return replace(
        price,
        model=name,
        rates=rates,
        tier_above=None,
        tier_rates=None,
        retired=False,
        context_window=_or(override.context_window, price.context_window),
        max_output=_or(override.max_output, price.max_output),
    )


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _dearest(prices: Mapping[str, Price]) -> Price:
    current = [price for price in prices.values() if not price.retired]
    rates = [asdict(rate) for price in current for rate in (price.rates, price.tier_rates) if rate]
    if not rates:
        raise ValueError("a price book needs at least one model that is not retired")
    return Price(
        model="dearest",
        rates=Rates(**{name: max(rate[name] for rate in rates) for name in Rates.__struct_fields__}),
        fast_percent=max(price.fast_percent for price in current),
        geo_percent=max(price.geo_percent for price in current),
        web_search=max(price.web_search for price in current),
        context_window=max(price.context_window for price in current),
        max_output=max(price.max_output for price in current),
        image_tokens=max(price.image_tokens for price in current),
    )
