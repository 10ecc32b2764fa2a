"""What is known of an organisation: limits, this month's cost, keys; each part, or why it is missing."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from msgspec import Struct

from tidegate.checks.live.keys import Key

USED_WITHIN: Final = 30
"""Days that count as use; a daily report holds 31."""


class Trouble(Struct, frozen=True):
    """Why something is not known, and what would change that."""

    text: str
    supply: str
    total: bool = False
    """Whether every other question would end the same way."""


class Limit(Struct, frozen=True):
    """A spend limit in force."""

    scope: str
    workspace: str | None
    amount: Decimal
    """In cents, or what the currency has in their place."""
    currency: str
    period: str
    enabled: bool


class Cost(Struct, frozen=True):
    """What a workspace has cost this month, in cents; None: the default workspace."""

    workspace: str | None
    amount: Decimal


class Console(Struct, frozen=True):
    """Everything that was asked, each part or why it is missing."""

    now: datetime
    limits: Sequence[Limit] | Trouble
    costs: Sequence[Cost] | Trouble
    keys: Sequence[Key] | Trouble
    used: frozenset[str] | Trouble
    """Ids of keys that were used within some weeks."""
    workspaces: Mapping[str, str] | Trouble
    """Names by id; the default workspace is not among them."""
    own: Sequence[Key] | None = None
    """The keys that the program's may be; None: nothing of it was seen."""


def nothing(trouble: Trouble) -> Console:
    """A Console that could not be asked."""
    return Console(datetime.min.replace(tzinfo=UTC), trouble, trouble, trouble, trouble, trouble)


NOT_ASKED: Final = nothing(
    Trouble(
        "the Console was not asked",
        "tidegate check HERE --profile live, with an Admin key in ANTHROPIC_ADMIN_KEY; or look at Settings, Limits in "
        "the Console, then: tidegate check HERE --attest ID --by NAME --note WHAT-YOU-SAW",
    )
)
