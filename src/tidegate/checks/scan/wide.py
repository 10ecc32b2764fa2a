"""Credentials in UTF-16, either byte order: every second byte is zero."""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator

from tidegate.checks.scan.match import NEEDLES, Match, credentials

WIDE_NEEDLES = tuple(b"\0".join(bytes([one]) for one in needle) for needle in NEEDLES)
"""The same bytes in both orders: only what stands before and behind them differs."""

_WINDOW = 1200
"""Characters; the longest credential has 1,100."""


def has_wide(data: bytes) -> bool:
    """True when a needle stands there in UTF-16."""
    return b"\0" in data and any(needle in data for needle in WIDE_NEEDLES)


def wide_credentials(data: bytes) -> Iterator[Match]:
    """Every credential that stands there in UTF-16; start and end are byte offsets."""
    for needle in WIDE_NEEDLES:
        at = data.find(needle)
        while at >= 0:
            match = _wide(data, at)
            if match is not None:
                yield match
            at = data.find(needle, at + 1)


def _wide(data: bytes, at: int) -> Match | None:
    """The credential whose first character stands at this offset.

    In the little-endian order a zero byte stands behind the last character, in the other one before it: what follows
    is taken along or not.  Text begins at an even offset, mostly, which tells the order to try first.
    """
    high = data[at + 1 : at + 2 * _WINDOW : 2]
    zeros = len(high) - len(high.lstrip(b"\0"))
    for length in (zeros, zeros + 1) if at % 2 == 0 else (zeros + 1, zeros):
        text = data[at : at + 2 * length : 2]
        match = next((one for one in credentials(text) if one.start == 0), None)
        if match is not None:
            return Match(match.kind, match.secret, at, at + 2 * match.end, match.sure)
    return None


def has_mark(data: bytes, at: int = 0) -> bool:
    """True when a byte order mark of UTF-16 stands at this offset."""
    return data.startswith((BOM_UTF16_BE, BOM_UTF16_LE), at)


def narrowed(data: bytes) -> bytes:
    """Text with a byte order mark of UTF-16, as UTF-8."""
    return data.decode("utf-16", "replace").encode("utf-8", "replace")
