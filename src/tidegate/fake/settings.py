"""What holds for the whole server: accepted keys, how it bills, how fast it speaks."""

from typing import Literal

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All have defaults; a script's `[settings]` table and the command line replace them."""

    keys: tuple[str, ...] = ()
    """Accepted credentials; none named: any that begins with `sk-ant-`."""
    bill: Literal["usual", "worst"] = "usual"
    """`worst`: as many tokens as the true bound allows: 2.33 a byte, media at their caps, all of max_tokens."""
    linger: int | None = None
    """Tokens still generated after a client left; None: 0 to 50, drawn from the request."""
    seed: int = 0
    """Of the probabilities in rules."""
    pace: Literal["quick", "real"] = "quick"
    """`real`: 300 ms to the first byte, 20 ms between events."""
    keep_headers: bool = False
    """Tests only: the books keep every request header's value, credentials too."""
    keep_rows: int = 200_000
    """Rows kept in memory; totals count the dropped ones too."""
    strict_fields: bool = False
    """Refuse body fields that the API does not know, as the API does."""
    bind_thinking: bool = True
    """Refuse a thinking block that comes back in a changed conversation (models 5.1, 5.2, 5.5)."""
    max_body: int = 32 * 1024 * 1024
    organization: str = "7a3f2c1e-5d4b-4e8a-9c6f-1b2d3e4f5a6b"
    workspace: str = "wrkspc_01FakeFakeFakeFakeFakeFake"
