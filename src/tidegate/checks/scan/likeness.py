"""Whether text was drawn at random, as credentials are, or made up by a person, as placeholders are.

Credentials are base64url of random bytes.  Of 93 such characters the rules below refuse fewer than one in a million;
of what people write in place of a key (words, `xxxx`, the alphabet, a block repeated, `abc123def456`) nearly all.
"""

import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from math import log2

_WORDS = re.compile(
    r"example|placeholder|redacted|changeme|change-me|change_me|replace|sample|dummy|insert|notreal|not-real|not_real"
    r"|your[-_]?(?:api|key|token|secret)|xxxxx|123456|abcdef|(?P<one>.)(?P=one){5}",
    re.IGNORECASE,
)
_LEAST_LETTERS = 10
"""Different ones; 40 random hexadecimal digits have 15."""

_LEAST_ENTROPY = 3.5
"""Bits a character.  Random base64url of 40 characters has about 4.9, hexadecimal digits at most 4."""

_CHANGES = (0.22, 0.9)
"""From one class (upper, lower, digit) to another: random base64url 0.62, hexadecimal 0.47, words near 0."""

_MOST_STEPS = 0.35
"""Neighbours in the alphabet: random 0.05, hexadecimal 0.17, `abcdefgh` 1."""

_LEAST_DIFFERENT = 0.8
"""Triples of characters that are not repetitions: random 0.99, a block of 32 characters three times 0.34."""


def looks_random(text: str) -> bool:
    """True for what may be a credential's body; texts of fewer than 8 characters are never."""
    plain = "".join(one for one in text if one.isalnum())
    if len(plain) < 8 or len(set(plain)) < _LEAST_LETTERS or _WORDS.search(text):
        return False
    low, high = _CHANGES
    return (
        _entropy(text) >= _LEAST_ENTROPY
        and low <= _share(plain, lambda one, two: _class(one) != _class(two)) <= high
        and _share(plain, lambda one, two: abs(ord(one) - ord(two)) <= 1) <= _MOST_STEPS
        and _different(text) >= _LEAST_DIFFERENT
    )


def _entropy(text: str) -> float:
    return -sum(count / len(text) * log2(count / len(text)) for count in Counter(text).values())


def _share(text: str, wanted: Callable[[str, str], bool]) -> float:
    return sum(wanted(one, two) for one, two in pairwise(text)) / (len(text) - 1)


def _class(one: str) -> int:
    return 0 if one.isdigit() else 1 if one.isupper() else 2


def _different(text: str) -> float:
    triples = [text[at : at + 3] for at in range(len(text) - 2)]
    return len(set(triples)) / len(triples)
