"""Labels: the free strings that we keep.  What is not plainly a label becomes a keyed hash."""

import re
from hashlib import blake2b

is_label = re.compile(r"[A-Za-z0-9._:@/-]{1,128}\Z").match
"""Says something for at most 128 bytes of `[A-Za-z0-9._:@/-]`, None for anything else."""


def label(text: str, secret: bytes) -> str:
    """The text itself when it is a label, else `hash:` and 32 hex digits that only this installation can make."""
    if is_label(text):
        return text
    digest = blake2b(text.encode("utf-8", "surrogatepass"), key=blake2b(secret).digest(), digest_size=16)
    return f"hash:{digest.hexdigest()}"
