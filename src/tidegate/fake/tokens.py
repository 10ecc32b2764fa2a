"""The fake's own idea of how many tokens a text takes: odd, deterministic, never above 2.33 tokens a byte.

Plain prose takes 0.25 to 0.45 tokens a byte (which of it depends on the text), punctuation-heavy ASCII up to 1.7,
rare Unicode letters up to 2.33.  All in integers, in thousandths of a token a byte.
"""

import zlib

WORST = 2_330
"""The bound: thousandths of a token a byte."""

MESSAGE_FRAME = 4
PROMPT_FRAME = 3
"""Tokens that every message, and every prompt, takes beside its content."""

_PLAIN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \n\t" + bytes(range(0x80, 0x100))
_COMMON = bytes(each for each in range(0x100) if not 0xC6 <= each <= 0xCB)
"""Every byte but those that open the two-byte letters of Latin Extended-B and phonetic alphabets."""
_ASCII_CAP = 1_700
_FREE_PUNCTUATION = 150


def count(text: str, *, worst: bool = False) -> int:
    """Tokens of a text; with `worst` the most that any text of its length could take."""
    return count_bytes(text.encode("utf-8", "surrogatepass"), worst=worst)


def count_bytes(data: bytes, *, worst: bool = False) -> int:
    """`count` of a text that is bytes already."""
    size = len(data)
    if not size:
        return 0
    return size * WORST // 1_000 if worst else max(1, size * _ratio(data, size) // 1_000)


def _ratio(data: bytes, size: int) -> int:
    ratio = 250 + zlib.crc32(data) % 200
    marks = len(data.translate(None, _PLAIN)) * 1_000 // size
    if marks > _FREE_PUNCTUATION:
        ratio += (marks - _FREE_PUNCTUATION) * 5 // 2
    if data.isascii():
        return min(ratio, _ASCII_CAP)
    rare = len(data.translate(None, _COMMON)) * 2_000 // size
    return min(ratio + rare * 3, WORST)
