"""explanation/money.md has the numbers of the code."""

import re

import pytest

from docs.pages import one, page, text_of
from tidegate.assemble import load_prices
from tidegate.config.keys import NAMED, Key
from tidegate.config.settings import Settings
from tidegate.core.books import lease_of
from tidegate.model.call import Reading
from tidegate.model.money import show_usd
from tidegate.model.usage import Usage
from tidegate.policy import bounds, learning
from tidegate.policy.pricing import cost

MONEY = page("explanation/money.md")
MODES = {row[0].split()[0].strip("`"): row for row in one(MONEY, "Bounds", "`bound`").rows}


def test_the_numbers_of_the_bounds() -> None:
    strict, counted, estimated = (MODES[f'"{mode}"'][1] for mode in ("strict", "counted", "estimated"))
    assert f"2.5 tokens for each byte of text, {bounds.FRAME_TOKENS} for the frame" in strict
    assert f"{bounds.COUNT_PERCENT} % and {bounds.COUNT_TOKENS} tokens are added" in counted
    assert f"{learning.QUANTILE:.0%}".replace("%", " %") in estimated
    assert f"{learning.DEFAULT} until {learning.ENOUGH} calls" in estimated


def test_the_estimate_of_calls_without_a_bound() -> None:
    (row,) = [row for row in one(MONEY, "Calls without a bound").rows if row[0].startswith('`"estimate"`')]
    assert (bounds.ITERATIONS + 1, bounds.WINDOWS, bounds.ITERATIONS) == (11, 3, 10)
    assert f"the prompt eleven times with {bounds.RESULT_TOKENS:,} tokens more each time" in row[1]
    assert "at most three context windows" in row[1]
    assert "or ten" in row[1]


def test_the_example() -> None:
    price = load_prices(Settings()).find("claude-haiku-4-5")
    assert price is not None
    reading = Reading(model="claude-haiku-4-5", max_tokens=1024, size=10_000, text_bytes=10_000)
    strict = bounds.strict(reading, price)
    counted = bounds.counted(reading, price, 2_600)
    bill = cost(price, Usage(input_tokens=2_600, output_tokens=300))
    shown = [
        (f"{one.input_tokens:,}", f"{one.output_tokens:,}", show_usd(one.cost, 4).removesuffix(" USD"))
        for one in (strict, counted)
    ]
    rows = [row[1:] for row in one(MONEY, "Bounds", "").rows]
    assert rows == [*shown, ("2,600", "300", show_usd(bill, 4).removesuffix(" USD"))]


def test_the_lease() -> None:
    assert lease_of(600.0) == 601_000_000
    assert "A hold has a lease: `[timeouts] total` and one second." in text_of(MONEY)


def test_the_choices_are_those_of_the_settings() -> None:
    for name, title in (("bound", "Bounds"), ("unbounded", "Calls without a bound"), ("on_cut", "Settlement")):
        key = NAMED["routes"][name]
        assert isinstance(key, Key)
        choices = {re.findall(r'`"(\w+)"`', cell)[0] for cell in one(MONEY, title, f"`{name}`").column(f"`{name}`")}
        with pytest.raises(ValueError, match='"') as unfit:
            key.parse("?")
        assert set(re.findall(r'"(\w+)"', str(unfit.value))) == choices
