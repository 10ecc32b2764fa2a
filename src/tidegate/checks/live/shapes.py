"""What the Admin API sends, as far as it is read here; fields that are not named are passed over.

Shapes: SDK 2.12.0 (`types/beta/organization`) for keys, workspaces and spend limits; platform.claude.com, "Usage and
Cost API", for the reports.  Version 2023-06-01 has `workspace_id` where 2026-10-21 has `scope`.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

_MOST = Decimal(10) ** 15
"""Cents; what is more is no bill."""


class Scope(Struct, frozen=True):
    """What a key or a limit belongs to."""

    type: str
    workspace_id: str | None = None


class KeySent(Struct, frozen=True):
    """An API key; its text is never sent."""

    id: str
    name: str
    status: str
    created_at: datetime
    expires_at: datetime | None = None
    partial_key_hint: str | None = None
    scope: Scope | None = None
    workspace_id: str | UnsetType | None = UNSET


class WorkspaceSent(Struct, frozen=True):
    """A workspace."""

    id: str
    name: str


class LimitSent(Struct, frozen=True):
    """A spend limit; `amount` in cents as a text, None: no cap."""

    scope: Scope
    period: str
    currency: str = "USD"
    amount: str | None = None
    is_enabled: bool = True


class CostSent(Struct, frozen=True):
    """A row of a day's cost; `amount` in cents, with decimals, as a text."""

    amount: str
    currency: str = "USD"
    workspace_id: str | None = None


class UseSent(Struct, frozen=True):
    """A row of a day's usage; None: the Console's workbench."""

    api_key_id: str | None = None


class CostBucket(Struct, frozen=True):
    """A day."""

    starting_at: datetime
    results: tuple[CostSent, ...]


class UseBucket(Struct, frozen=True):
    """A day."""

    results: tuple[UseSent, ...]


class Page(Struct, frozen=True):
    """A page of anything: the older lists go on with `last_id`, the newer ones with `next_page`."""

    data: list[Any]
    has_more: bool | None = None
    last_id: str | None = None
    next_page: str | None = None


class ErrorSent(Struct, frozen=True):
    """The inside of an error reply."""

    type: str = ""
    message: str = ""
    details: dict[str, Any] | None = None


class ErrorReply(Struct, frozen=True):
    """An error reply."""

    error: ErrorSent


def read_error(body: bytes) -> ErrorSent:
    """The error in a reply; empty where there is none in the API's shape."""
    try:
        return msgspec.json.decode(body, type=ErrorReply).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ErrorSent()


def cents(text: str) -> Decimal:
    """An amount; raises ValueError."""
    try:
        amount = Decimal(text)
    except ArithmeticError:
        raise ValueError("an amount is no number") from None
    if not amount.is_finite() or abs(amount) > _MOST:
        raise ValueError("an amount is no number")
    return amount
