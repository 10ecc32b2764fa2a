"""Which texts are keys, and which names name them."""

import re

from tidegate.checks.scan.likeness import looks_random
from tidegate.checks.scan.match import NEEDLES, credentials

_LONG = 20

KEY_VARIABLE = re.compile(r"(?=.*(?:ANTHROPIC|CLAUDE))(?=.*(?:KEY|TOKEN|SECRET)).*", re.IGNORECASE)
"""Names of variables that hold a key of Claude."""


def holds_key(data: bytes) -> bool:
    """Whether there is a credential of Claude, or of tidegate, in some bytes."""
    return any(needle in data for needle in NEEDLES) and next(credentials(data), None) is not None


def may_be_key(text: str) -> bool:
    """Whether a text that is given as a key can be one, of whatever shape."""
    if holds_key(text.encode(errors="replace")):
        return True
    return len(text) >= _LONG and not re.search(r"\s", text) and looks_random(text)
