"""Ids that sort by time, so that the ledger only ever grows at its end."""

import os
import secrets
from itertools import count
from time import time_ns


class _Ids:
    """26 characters `[0-9a-f]`: microseconds since 1970, 32 random bits of this process, a counter of 16."""

    def __init__(self) -> None:
        self.renew()
        os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        """A forked child must not repeat its parent's ids."""
        self._form = f"%014x{secrets.token_hex(4)}%04x"
        self._count = count(secrets.randbelow(0x10000))

    def __call__(self) -> str:
        return self._form % (time_ns() // 1000, next(self._count) & 0xFFFF)


new_id = _Ids()
"""An id that no other process makes: a callable."""


def new_key_id() -> str:
    """8 characters `[a-z0-9]` for an app key."""
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(8))


def new_key_secret() -> bytes:
    """Random bytes for an app key."""
    return secrets.token_bytes(24)
