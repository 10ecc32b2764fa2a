"""What single settings look like: durations, sizes, rates, money, names; text or number in, value out."""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, get_args

from tidegate.model.money import parse_usd
from tidegate.policy.rules import ScopeName

SCOPES: tuple[str, ...] = get_args(ScopeName)

_SECOND = 1_000_000
_UNITS = {"ms": 1000, "s": _SECOND, "m": 60 * _SECOND, "h": 3600 * _SECOND, "d": 86_400 * _SECOND}
_WINDOWS = {"second": _SECOND, "minute": 60 * _SECOND, "hour": 3600 * _SECOND, "day": 86_400 * _SECOND}
_BYTES = {"": 1, "B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}
_LONGEST = 366 * _UNITS["d"]
_MOST = 10**12
"""The largest amount of a limit: sums of it with a window in microseconds still fit where 64 bits are all there is."""

_NUMBER_WITH_UNIT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([A-Za-z]*)", re.ASCII)
_RATE = re.compile(r"([0-9][0-9_]*)\s*/\s*(\S+)", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9._:%-]{1,253}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9._:@/-]{1,128}", re.ASCII)


class UnfitError(ValueError):
    """A value that a setting cannot take; `expected` continues "must be …"."""

    def __init__(self, expected: str, meant: str | None = None) -> None:
        super().__init__(expected)
        self.expected = expected
        self.meant = meant
        """The valid value that is nearest to it, if one is near."""


def micros(value: object) -> int:
    """Microseconds of `"30s"`, `"500ms"`, `"2m"`, `"1h"`, `"1d"` or of a number of seconds; at most 366 days."""
    expected = 'a duration such as "30s", "500ms", "2m", "1h" or "1d"'
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise UnfitError(expected)
    written = value.strip() if isinstance(value, str) else format(Decimal(str(value)), "f")
    found = _NUMBER_WITH_UNIT.fullmatch(written)
    unit = _UNITS.get(found[2] or "s") if found else None
    if found is None or unit is None:
        raise UnfitError(expected)
    exact = Decimal(found[1]) * unit
    if exact > _LONGEST:
        raise UnfitError("a duration of at most 366 days")
    return int(exact)


def seconds(value: object) -> float:
    """As `micros`, in seconds."""
    return micros(value) / _SECOND


def some_seconds(value: object) -> float:
    """As `seconds`, but not 0."""
    found = seconds(value)
    if not found:
        raise UnfitError("a duration longer than 0")
    return found


def size(value: object) -> int:
    """Bytes of `"32MB"` (1 MB = 1024 x 1024 bytes) or of a number of bytes; 1 byte to 1 GB."""
    found = None
    if isinstance(value, int | str) and not isinstance(value, bool):
        found = _NUMBER_WITH_UNIT.fullmatch(str(value).strip())
    unit = _BYTES.get(found[2].upper()) if found else None
    if found is None or unit is None:
        raise UnfitError('a size such as "32MB", "512KB" or a number of bytes')
    exact = Decimal(found[1]) * unit
    if not 1 <= exact <= _BYTES["GB"]:
        raise UnfitError("a size from 1 byte to 1GB")
    return int(exact)


def rate(value: object) -> tuple[int, int]:
    """The count and the microseconds of `"20/minute"`, `"5/10s"`: so many in any window of that length."""
    expected = 'a rate such as "20/minute", "2000000/day" or "5/10s"'
    found = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise UnfitError(expected)
    amount = int(found[1].replace("_", "")) if len(found[1]) <= 20 else _MOST + 1
    if not 1 <= amount <= _MOST:
        raise UnfitError(f"a rate with a count from 1 to {_MOST}")
    window = _WINDOWS.get(found[2])
    if window is None:
        try:
            window = micros(found[2]) if found[2][-1].isalpha() else 0
        except UnfitError:
            raise UnfitError(expected) from None
    if not window:
        raise UnfitError(expected)
    return amount, window


def money(value: object) -> int:
    """Nano-dollars of `"500 USD"` or of a number of dollars."""
    expected = 'an amount of money such as "500 USD", from 0 to 4 billion USD with at most nine decimals'
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise UnfitError(expected)
    try:
        return parse_usd(value if isinstance(value, int | float) else str(value))
    except ValueError:
        raise UnfitError(expected) from None


def price(value: object) -> int:
    """Nano-dollars per million tokens of a number of dollars per million tokens."""
    try:
        return money(value)
    except UnfitError:
        raise UnfitError("a price in USD per million tokens, such as 3.0, with at most nine decimals") from None


def whole(least: int, most: int) -> Callable[[object], int]:
    """A parser of whole numbers in a range."""

    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise UnfitError(f"a whole number from {least} to {most}")
        return value

    return parse


def share(value: object) -> float:
    """A number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not 0 <= float(value) <= 1:
        raise UnfitError("a number from 0 to 1")
    return float(value)


def some_share(value: object) -> float:
    """As `share`, but not 0."""
    found = share(value)
    if not found:
        raise UnfitError("a number above 0 and at most 1")
    return found


def flag(value: object) -> bool:
    """A TOML boolean."""
    if not isinstance(value, bool):
        raise UnfitError("true or false")
    return value


def text(value: object) -> str:
    """A text that is not empty and of one line."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise UnfitError("a text of one line")
    return value


def host(value: object) -> str:
    """What a server listens on: a name or an address, no scheme, no port."""
    found = value if isinstance(value, str) else ""
    if not _HOST.fullmatch(found) or (found.count(":") == 1):
        raise UnfitError('a host name or address without scheme and port, such as "127.0.0.1" or "0.0.0.0"')
    return found


def label(value: object) -> str:
    """A name that logs and headers carry unchanged."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise UnfitError("a name of at most 128 letters, digits and . _ : @ / -")
    return value


def one_of(*choices: str) -> Callable[[object], str]:
    """A parser of one word out of several."""

    def parse(value: object) -> str:
        if value in choices:
            return str(value)
        near = get_close_matches(value, choices, 1) if isinstance(value, str) else []
        raise UnfitError(either(choices), near[0] if near else None)

    return parse


def either(choices: Sequence[str]) -> str:
    """`"a", "b" or "c"`."""
    quoted = [f'"{choice}"' for choice in choices]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def several(item: Callable[[object], Any], expected: str) -> Callable[[object], tuple[Any, ...]]:
    """A parser of one value or of a list of different values, not empty."""

    def parse(value: object) -> tuple[Any, ...]:
        values = list(value) if isinstance(value, list | tuple) else [value]
        try:
            parsed = [item(one) for one in values]
        except UnfitError as unfit:
            raise UnfitError(expected, unfit.meant) from None
        if not parsed:
            raise UnfitError(expected)
        if len(set(parsed)) < len(parsed):
            raise UnfitError(f"{expected}, each only once")
        return tuple(parsed)

    return parse


_scopes = several(one_of(*SCOPES), f"one or more of {either(SCOPES)}")
_percents = several(whole(1, 100), "whole percents from 1 to 100")
labels = several(label, "a name, or a list of names, of at most 128 letters, digits and . _ : @ / -")
texts = several(text, "a list of texts of one line")


def scopes(value: object) -> tuple[str, ...]:
    """What a rule counts by, always in the same order, so that an order in the file changes no rule's identity."""
    return tuple(sorted(_scopes(value), key=SCOPES.index))


def percents(value: object) -> tuple[int, ...]:
    """Whole percents, rising; a list may be empty."""
    return () if value in ([], ()) else tuple(sorted(_percents(value)))
