"""Single settings: what is read, what is refused, and round trips."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from tidegate.config import parse
from tidegate.config.parse import UnfitError

UNITS = {"ms": 1000, "s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
SIZES = {"": 1, "B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        ("30s", 30_000_000),
        ("500ms", 500_000),
        ("2m", 120_000_000),
        ("1h", 3_600_000_000),
        ("1d", 86_400_000_000),
        ("1.5h", 5_400_000_000),
        (" 30 s ", 30_000_000),
        ("30", 30_000_000),
        (30, 30_000_000),
        (0.25, 250_000),
        (Decimal("0.1"), 100_000),
        (Decimal("1E+2"), 100_000_000),
        (0, 0),
        ("366d", 366 * 86_400_000_000),
    ],
)
def test_durations(value: object, micros: int) -> None:
    assert parse.micros(value) == micros
    assert parse.seconds(value) == micros / 1e6


@pytest.mark.parametrize(
    "value", ["", "s", "-1s", "1x", "1 month", "1m30s", "٣s", -1, True, None, [], float("nan"), float("inf"), "1e3s"]
)
def test_no_durations(value: object) -> None:
    with pytest.raises(UnfitError, match='a duration such as "30s"'):
        parse.micros(value)


def test_durations_have_bounds() -> None:
    with pytest.raises(UnfitError, match="at most 366 days"):
        parse.micros("367d")
    with pytest.raises(UnfitError, match="longer than 0"):
        parse.some_seconds("0s")


@profile(deadline=None)
@given(st.integers(0, 10**5), st.sampled_from(sorted(UNITS)))
def test_durations_go_round(count: int, unit: str) -> None:
    if count * UNITS[unit] <= 366 * UNITS["d"]:
        assert parse.micros(f"{count}{unit}") == count * UNITS[unit]


@pytest.mark.parametrize(
    ("value", "size"), [("32MB", 32 * 1024**2), ("32 mb", 32 * 1024**2), ("512KB", 524_288), ("1GB", 1024**3), (1, 1)]
)
def test_sizes(value: object, size: int) -> None:
    assert parse.size(value) == size


@profile(deadline=None)
@given(st.integers(1, 1024), st.sampled_from(sorted(SIZES)))
def test_sizes_go_round(count: int, unit: str) -> None:
    if count * SIZES[unit] <= 1024**3:
        assert parse.size(f"{count}{unit}") == count * SIZES[unit]


@pytest.mark.parametrize("value", ["", "MB", "32XB", "-1", True, 1.5, None, "0", "2GB", "0.5"])
def test_no_sizes(value: object) -> None:
    with pytest.raises(UnfitError, match="a size"):
        parse.size(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("20/minute", (20, 60 * 10**6)),
        ("2000000/day", (2_000_000, 86400 * 10**6)),
        ("2_000_000 / day", (2_000_000, 86400 * 10**6)),
        ("5/10s", (5, 10**7)),
        ("1/second", (1, 10**6)),
        ("9/hour", (9, 3600 * 10**6)),
        ("9/1.5h", (9, 5400 * 10**6)),
    ],
)
def test_rates(value: str, expected: tuple[int, int]) -> None:
    assert parse.rate(value) == expected


@profile(deadline=None)
@given(st.integers(1, 10**12), st.integers(1, 1000), st.sampled_from(sorted(UNITS)))
def test_rates_go_round(count: int, number: int, unit: str) -> None:
    if number * UNITS[unit] <= 366 * UNITS["d"]:
        assert parse.rate(f"{count}/{number}{unit}") == (count, number * UNITS[unit])


@pytest.mark.parametrize(
    "value",
    [
        "20",
        20,
        "20/",
        "/minute",
        "20/fortnight",
        "20/minutes",
        "20/10",
        "20/0s",
        "20/d",
        "20/s",
        "0/minute",
        "-1/minute",
        "2.5/minute",
        "9999999999999/minute",
        "9" * 5000 + "/minute",
        None,
    ],
)
def test_no_rates(value: object) -> None:
    with pytest.raises(UnfitError, match="a rate "):
        parse.rate(value)


@pytest.mark.parametrize(
    ("value", "nano"),
    [("500 USD", 500 * 10**9), (3, 3 * 10**9), (3.75, 3_750_000_000), (Decimal("0.1"), 10**8), ("0.000000001 USD", 1)],
)
def test_money(value: object, nano: int) -> None:
    assert parse.money(value) == nano


@profile(deadline=None)
@given(st.integers(0, 4 * 10**18))
def test_money_goes_round(nano: int) -> None:
    assert parse.money(Decimal(nano) / 10**9 if nano < 10**18 else f"{nano // 10**9}.{nano % 10**9:09d} USD") == nano


@pytest.mark.parametrize("value", ["500 EUR", "-1 USD", "", True, None, [], float("nan"), "0.0000000001 USD"])
def test_no_money(value: object) -> None:
    with pytest.raises(UnfitError, match="an amount of money"):
        parse.money(value)


@pytest.mark.parametrize("value", [0, 6, True, "3", 3.0, None])
def test_no_whole_numbers(value: object) -> None:
    with pytest.raises(UnfitError, match="a whole number from 1 to 5"):
        parse.whole(1, 5)(value)


@pytest.mark.parametrize("value", [-0.1, 1.1, True, "0.5", None, Decimal("NaN"), float("nan")])
def test_no_shares(value: object) -> None:
    with pytest.raises(UnfitError, match="a number from 0 to 1"):
        parse.share(value)


def test_shares() -> None:
    assert parse.share(Decimal("0.2")) == 0.2
    assert parse.share(0) == 0.0
    with pytest.raises(UnfitError, match="above 0"):
        parse.some_share(0)


@pytest.mark.parametrize(
    ("value", "fits"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("fe80::1%eth0", True)]
)
def test_hosts(value: str, fits: bool) -> None:
    assert (parse.host(value) == value) is fits


@pytest.mark.parametrize("value", ["", "a b", "http://a", "a:80", 1])
def test_no_hosts(value: object) -> None:
    with pytest.raises(UnfitError, match="a host name or address"):
        parse.host(value)


def test_names_keep_to_what_logs_carry() -> None:
    assert parse.label("claude-haiku-4-5@20251001") == "claude-haiku-4-5@20251001"
    for value in ("", "a b", "ä", "a" * 129, 3):
        with pytest.raises(UnfitError):
            parse.label(value)
    assert parse.text("Sorry, später.") == "Sorry, später."
    for other in ("", " ", "a\nb", 3):
        with pytest.raises(UnfitError):
            parse.text(other)


def test_lists_of_different_values() -> None:
    assert parse.labels("a") == ("a",)
    assert parse.labels(["a", "b"]) == ("a", "b")
    assert parse.percents([95, 50]) == (50, 95)
    assert parse.percents([]) == ()
    wrong: list[Any] = [[], ["a", "a"], [1]]
    for value in wrong:
        with pytest.raises(UnfitError):
            parse.labels(value)
    for value in ([0], [101], [50, 50], ["50"], "x"):
        with pytest.raises(UnfitError):
            parse.percents(value)


def test_scopes_have_one_order() -> None:
    assert parse.scopes("user") == ("user",)
    assert parse.scopes(["user", "app"]) == parse.scopes(["app", "user"]) == ("app", "user")
    with pytest.raises(UnfitError, match="each only once"):
        parse.scopes(["app", "app"])
    with pytest.raises(UnfitError) as caught:
        parse.scopes("usr")
    assert caught.value.meant == "user"


ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()), st.binary())


@profile(deadline=None)
@given(ANYTHING)
def test_every_parser_reads_or_refuses(value: object) -> None:
    parsers = [parse.micros, parse.some_seconds, parse.size, parse.rate, parse.money, parse.share, parse.flag]
    for parser in [*parsers, parse.host, parse.label, parse.text, parse.labels, parse.percents, parse.scopes]:
        with suppress(UnfitError):
            parser(value)
