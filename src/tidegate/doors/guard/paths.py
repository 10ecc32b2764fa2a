"""What the guard does with a path: the end of it decides, because base addresses may have paths of their own.

messages   POST …/v1/messages                      through the Gate: limits, budgets, retries, ledger
free       count_tokens, the models                through the Gate's free way: retries, friendly errors
straight   what costs no tokens                    to the network as without the guard: nothing is read or kept
denied     every other POST, PUT or PATCH          `not_allowed`: it may cost, and there is no bound for it yet
"""

import re
from functools import lru_cache
from typing import Final, Literal

Way = Literal["messages", "free", "straight", "denied"]

MESSAGES: Final = "/v1/messages"
COUNT: Final = "/v1/messages/count_tokens"

_MODELS: Final = re.compile(r"/v1/models(/[^/]+)?\Z")

FREE_FAMILIES: Final = (
    "agents", "environments", "files", "memory_stores", "oauth", "organizations", "skills", "tunnels",
    "user_profiles", "vaults",
)  # fmt: skip
"""Stores, definitions and administration: writing there samples nothing.  Sessions, deployments, dreams and batches
are not among them: they run Claude."""

_FREE: Final = re.compile(rf"/v1/({'|'.join(FREE_FAMILIES)})(/|\Z)")
_ENDS: Final = re.compile(r"/v1/[a-z_]+(/[^/]+)+/(archive|cancel|pause)\Z")
"""What ends or pauses work that costs."""
_ODD: Final = re.compile(r"(?i)%2e|%2f|%5c|/\.\.?(/|\Z)")
"""Steps up and hidden slashes, behind which a server may find another path than the one that stands here."""


@lru_cache(maxsize=256)
def way_of(method: str, path: str) -> Way:
    """The way of a request; `path` without its query, not percent-decoded: there is no second spelling."""
    if method == "POST":
        if path.endswith(MESSAGES):
            return "messages"
        if path.endswith(COUNT):
            return "free"
        if _ODD.search(path):
            return "denied"
        return "straight" if _FREE.search(path) or _ENDS.search(path) else "denied"
    if method == "GET" and _MODELS.search(path):
        return "free"
    return "denied" if method in ("PUT", "PATCH") and (_ODD.search(path) or not _FREE.search(path)) else "straight"
