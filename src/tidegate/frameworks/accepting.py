"""Whether whoever asked would rather have a page than JSON: the `accept` header (RFC 9110, 12.5.1)."""

from typing import Final

PAGE: Final = "text/html"
JSON: Final = "application/json"


def wants_page(accept: str) -> bool:
    """True for browsers that open an address; false for scripts, which accept anything or ask for JSON."""
    return _quality(accept, PAGE) > _quality(accept, JSON)


def _quality(accept: str, wanted: str) -> float:
    """How much a type is wanted, 0 to 1; the most exact range of the header decides."""
    ranges = ("*/*", wanted.partition("/")[0] + "/*", wanted)
    best, quality = -1, 0.0
    for part in accept.lower().split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        if kind in ranges and ranges.index(kind) > best:
            best = ranges.index(kind)
            quality = next((_number(one[2:]) for one in parameters if one.startswith("q=")), 1.0)
    return quality


def _number(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
