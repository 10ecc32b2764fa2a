"""Ids that sort by time, so that the ledger only ever grows at its end."""

import secrets
import time


def new_id() -> str:
    """26 characters `[0-9a-f]`: microseconds since 1970, then 48 random bits."""
    return f"{time.time_ns() // 1000:014x}{secrets.token_hex(6)}"


def new_key_id() -> str:
    """8 characters `[a-z0-9]` for an app key."""
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(8))


def new_key_secret() -> bytes:
    """Random bytes for an app key."""
    return secrets.token_bytes(24)
