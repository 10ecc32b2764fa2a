"""Money: an integer number of nano-dollars, never a float."""

from decimal import Decimal, InvalidOperation

USD = 1_000_000_000
"""Nano-dollars in one US dollar."""


def parse_usd(text: str | float) -> int:
    """Nano-dollars of `"500 USD"`, `"0.05 USD"` or a plain number of dollars; raises ValueError."""
    words = str(text).replace("_", "").split()
    if not words or len(words) > 2 or (len(words) == 2 and words[1].upper() != "USD"):
        raise ValueError(f"{text!r} is not an amount of money; write it like '500 USD'")
    try:
        nano = Decimal(words[0]) * USD
    except InvalidOperation:
        raise ValueError(f"{text!r} is not an amount of money; write it like '500 USD'") from None
    if not nano.is_finite() or nano < 0 or nano != nano.to_integral_value() or nano >= 2**62:
        raise ValueError(f"{text!r} must be between 0 and 4 billion USD, with at most nine decimals")
    return int(nano)


def show_usd(nano: int, decimals: int = 6) -> str:
    """`1.234567 USD` for people; rounds half away from zero at `decimals`."""
    sign = "-" if nano < 0 else ""
    step = 10 ** (9 - decimals)
    units = (abs(nano) + step // 2) // step
    whole, part = divmod(units, 10**decimals)
    return f"{sign}{whole:,}.{part:0{decimals}d} USD" if decimals else f"{sign}{whole:,} USD"
