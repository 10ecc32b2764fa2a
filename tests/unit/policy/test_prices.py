import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from genai_prices.data import providers

import tidegate.policy
from tidegate.policy.prices import Override, Price, PriceBook, Rates

FILE = Path(tidegate.policy.__file__).parent / "prices.json"
DATA = FILE.read_bytes()
BOOK = PriceBook.parse(DATA)
USD = 1_000_000_000

# claude-api.md 5.1: input, 5m write, 1h write, cache read, output; USD per million tokens.
DOCUMENTED = {
    "claude-fable-5-2": ("8", "10", "16", "0.20", "40"),
    "claude-mythos-5-2": ("8", "10", "16", "0.20", "40"),
    "claude-fable-5-1": ("10", "12.50", "20", "0.25", "50"),
    "claude-mythos-5-1": ("10", "12.50", "20", "0.25", "50"),
    "claude-fable-5": ("10", "12.50", "20", "1.00", "50"),
    "claude-mythos-5": ("10", "12.50", "20", "1.00", "50"),
    "claude-opus-5-5": ("4", "5", "8", "0.20", "20"),
    "claude-opus-5": ("5", "6.25", "10", "0.50", "25"),
    "claude-opus-4-8": ("5", "6.25", "10", "0.50", "25"),
    "claude-opus-4-7": ("5", "6.25", "10", "0.50", "25"),
    "claude-opus-4-6": ("5", "6.25", "10", "0.50", "25"),
    "claude-opus-4-5": ("5", "6.25", "10", "0.50", "25"),
    "claude-sonnet-5-5": ("2", "2.50", "4", "0.10", "10"),
    "claude-sonnet-5": ("2", "2.50", "4", "0.20", "10"),
    "claude-sonnet-4-6": ("3", "3.75", "6", "0.30", "15"),
    "claude-sonnet-4-5": ("3", "3.75", "6", "0.30", "15"),
    "claude-haiku-5-5": ("0.10", "0.125", "0.20", "0.01", "0.50"),
    "claude-haiku-4-5": ("1", "1.25", "2", "0.10", "5"),
    "claude-opus-4-1": ("15", "18.75", "30", "1.50", "75"),
    "claude-opus-4": ("15", "18.75", "30", "1.50", "75"),
    "claude-sonnet-4": ("3", "3.75", "6", "0.30", "15"),
    "claude-3-7-sonnet": ("3", "3.75", "6", "0.30", "15"),
    "claude-3-5-haiku": ("0.80", "1", "1.60", "0.08", "4"),
}
FAST = {"claude-fable-5-2", "claude-mythos-5-2", "claude-opus-5-5", "claude-opus-5", "claude-opus-4-8"}
FLAT = {"claude-sonnet-4-5"}


def rates(input_: str, write_5m: str, write_1h: str, read: str, output: str) -> Rates:
    nano = [int(Decimal(text) * USD) for text in (input_, write_5m, write_1h, read, output)]
    return Rates(input=nano[0], cache_write_5m=nano[1], cache_write_1h=nano[2], cache_read=nano[3], output=nano[4])


def price(name: str) -> Price:
    found = BOOK.find(name)
    assert found is not None
    return found


def test_the_table_is_the_documented_one() -> None:
    assert {name: price(name).rates for name in DOCUMENTED} == {name: rates(*row) for name, row in DOCUMENTED.items()}
    assert {name for name, found in BOOK.prices.items() if not found.retired} <= set(DOCUMENTED)


def test_the_long_prompt_tier_of_haiku() -> None:
    haiku = price("claude-haiku-5-5")
    assert haiku.tier_above == 100_000
    assert haiku.tier_rates == rates("0.50", "0.625", "1.00", "0.05", "2.50")
    assert haiku.rates_at(100_000) == haiku.rates
    assert haiku.rates_at(100_001) == haiku.tier_rates
    assert [name for name, found in BOOK.prices.items() if found.tier_rates] == ["claude-haiku-5-5"]


def test_fast_prices_are_twice_the_plain_ones() -> None:
    rows = json.loads(DATA)["models"]
    assert {name for name, row in rows.items() if "fast_percent" in row} == FAST
    assert {found.fast_percent for found in BOOK.prices.values()} == {200}


def test_regions_cost_a_tenth_more_from_4_6_on() -> None:
    old = {name for name, found in BOOK.prices.items() if found.geo_percent == 100}
    assert old == {name for name in BOOK.prices if price(name).context_window == 200_000}
    assert {found.geo_percent for found in BOOK.prices.values()} == {100, 110}


@pytest.mark.parametrize(
    "info", next(p for p in providers if p.id == "anthropic").models, ids=lambda info: str(info.id)
)
def test_the_table_is_that_of_genai_prices(info: Any) -> None:
    """Fails when the installed package knows other prices: run scripts/make_prices.py and read the difference."""
    ours = BOOK.find(info.id)
    if ours is None:
        assert info.id in {"claude-2", "claude-v1", "claude-3-sonnet"}, "a model that our table lacks"
        return
    theirs = info.prices if not isinstance(info.prices, list) else info.prices[-1].prices

    def nano(price: Any, *, tier: bool) -> int:
        tiered = hasattr(price, "base")
        return int((price.tiers[-1].price if tier and tiered else price.base if tiered else price) * USD)

    for ours_rates, tier in ((ours.rates, False), (ours.tier_rates, True)):
        if ours_rates is None:
            assert info.id in FLAT or not hasattr(theirs.input_mtok, "base")
            continue
        assert ours_rates.input == nano(theirs.input_mtok, tier=tier)
        assert ours_rates.output == nano(theirs.output_mtok, tier=tier)
        assert ours_rates.cache_read == nano(theirs.cache_read_mtok, tier=tier)
        assert ours_rates.cache_write_5m == nano(theirs.cache_write_mtok, tier=tier)
        assert ours_rates.cache_write_1h == nano(theirs.cache_write_1h_mtok, tier=tier)
    if theirs.web_searches_kcount is not None:
        assert ours.web_search * 1000 == theirs.web_searches_kcount * USD
    if ours.context_window != info.context_window:
        pytest.fail(f"genai-prices says a context window of {info.context_window}")


def test_the_script_makes_the_file_that_is_here() -> None:
    script = Path(__file__).parents[3] / "scripts/make_prices.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("claude-opus-5", "claude-opus-5"),
        ("claude-opus-5-20260724", "claude-opus-5"),
        ("claude-opus-5@20260724", "claude-opus-5"),
        ("claude-opus-5@default", "claude-opus-5"),
        ("claude-opus-5-latest", "claude-opus-5"),
        ("claude-opus-5[1m]", "claude-opus-5"),
        ("claude-sonnet-4-5-20250929[1m]", "claude-sonnet-4-5"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("anthropic.claude-opus-5-5", "claude-opus-5-5"),
        ("global.anthropic.claude-opus-4-6-v1", "claude-opus-4-6"),
        ("us-gov.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
        ("arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-5", "claude-opus-5"),
        ("claude-3-5-haiku-20241022", "claude-3-5-haiku"),
        ("claude-3-7-sonnet-latest", "claude-3-7-sonnet"),
        ("claude-opus-4-20250514", "claude-opus-4"),
        ("claude-opus-4-1-20250805", "claude-opus-4-1"),
    ],
)
def test_forms_of_a_name(name: str, found: str) -> None:
    for _ in range(2):
        assert price(name).model == found


@pytest.mark.parametrize(
    "name",
    [
        "",
        "claude",
        "claude-opus-6",
        "claude-opus-5-1",
        "claude-opus-5-2026",
        "gpt-5",
        "Claude-Opus-5",
        "claude-opus-5 ",
        "a" * 256,
    ],
)
def test_unknown_names(name: str) -> None:
    for _ in range(2):
        assert BOOK.find(name) is None


def test_names_made_up_by_callers_do_not_pile_up() -> None:
    book = PriceBook.parse(DATA)
    for number in range(5_000):
        book.find(f"claude-opus-5-{number:08d}")
    assert len(book._found) <= 1_024


def test_overrides() -> None:
    book = PriceBook.parse(
        DATA,
        {
            "my-model": Override(input=3 * USD, output=15 * USD),
            "claude-haiku-5-5": Override(
                input=7, output=9, cache_read=1, cache_write_5m=8, cache_write_1h=10, max_output=5
            ),
        },
    )
    mine = book.find("my-model")
    assert mine is not None
    assert mine.rates == rates("3", "3.75", "6", "0.3", "15")
    assert (mine.context_window, mine.max_output) == (1_000_000, 128_000)
    haiku = book.find("claude-haiku-5-5-20261007")
    assert haiku is not None
    assert haiku.rates == Rates(input=7, output=9, cache_read=1, cache_write_5m=8, cache_write_1h=10)
    assert (haiku.tier_rates, haiku.max_output, haiku.context_window) == (None, 5, 1_000_000)


def test_derived_prices_are_rounded_up() -> None:
    book = PriceBook.parse(DATA, {"m": Override(input=1, output=1)})
    mine = book.find("m")
    assert mine is not None
    assert mine.rates == Rates(input=1, output=1, cache_read=1, cache_write_5m=2, cache_write_1h=2)


def test_the_version_tells_prices_apart() -> None:
    assert BOOK.version.startswith(json.loads(DATA)["checked"])
    one = PriceBook.parse(DATA, {"m": Override(input=1, output=1)}).version
    other = PriceBook.parse(DATA, {"m": Override(input=1, output=2)}).version
    assert len({BOOK.version, one, other}) == 3
    assert one == PriceBook.parse(DATA, {"m": Override(input=1, output=1)}).version


def test_the_dearest_covers_every_model_that_can_be_called() -> None:
    dearest = BOOK.dearest
    assert dearest.rates == rates("10", "12.50", "20", "1.00", "50")
    for found in BOOK.prices.values():
        if not found.retired:
            for name in Rates.__struct_fields__:
                assert getattr(dearest.rates, name) >= getattr((found.tier_rates or found.rates), name)
    dear = PriceBook.parse(DATA, {"m": Override(input=99 * USD, output=1, context_window=3_000_000)}).dearest
    assert (dear.rates.input, dear.rates.output, dear.context_window) == (99 * USD, 50 * USD, 3_000_000)
