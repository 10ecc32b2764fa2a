"""The organisation that the fake Admin API shows: what a script's `[admin]` table sets, with an example as default.

Days are counted from the fake's own today, so that a script does not grow old.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import msgspec

NEW_VERSION = "2026-10-21"
"""From it on a key tells its scope; `workspace_id`, null for the default workspace, is of the version before."""


class Workspace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A workspace; the default one has an id too, and is in no list."""

    id: str
    name: str = "Production"
    archived: bool = False


class Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An API key as the Admin API knows it: never its text."""

    name: str
    hint: str = "sk-ant-api03-fak...fake"
    """The prefix, three characters, and the last four."""
    workspace: str | None = None
    """None: the default workspace."""
    of_organization: bool = False
    """Bound to a principal and to no workspace."""
    status: Literal["active", "inactive", "archived", "expired"] = "active"
    age: int = 40
    """Days since it was made."""
    expires_in: float | None = None
    """Days; None: never."""
    used: int | None = 0
    """Days since its last use; None: never used."""

    @property
    def id(self) -> str:
        """`apikey_…`, the same for the same key."""
        return f"apikey_01{hashlib.sha256(f'{self.name} {self.hint}'.encode()).hexdigest()[:22]}"


class SpendLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A spend limit; `amount` in cents, None: no cap."""

    scope: str = "organization"
    """organization, workspace, usage_tier, or a type of the Enterprise plans."""
    amount: int | None = 50_000
    period: str = "monthly"
    workspace: str | None = None
    enabled: bool = True


class Spent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was spent on one day; `amount` in cents, with decimals, as a text."""

    amount: str
    days_ago: int = 0
    workspace: str | None = None


PRODUCTION = "wrkspc_01FakeProduction"
DEFAULT = "wrkspc_01FakeFakeFakeFakeFakeFake"
"""The id of the default workspace."""


class Organization(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the Admin API shows."""

    id: str = "7a3f2c1e-5d4b-4e8a-9c6f-1b2d3e4f5a6b"
    name: str = "Fake organization"
    keys: tuple[str, ...] = ()
    """Accepted Admin keys; none named: any that begins with `sk-ant-admin`."""
    workspaces: tuple[Workspace, ...] = (Workspace(id=PRODUCTION),)
    api_keys: tuple[Key, ...] = (
        Key(name="production", workspace=PRODUCTION, expires_in=50),
        Key(name="laptop", hint="sk-ant-api03-lap...pQAA", expires_in=20, used=3),
    )
    limits_readable: bool = True
    """Listing the limits of a Console organisation is an early access preview."""
    spend_limits: tuple[SpendLimit, ...] = (SpendLimit(scope="usage_tier", amount=100_000), SpendLimit())
    spent: tuple[Spent, ...] = (Spent(amount="1234.5", days_ago=1, workspace=PRODUCTION), Spent(amount="80.25"))


def key_json(key: Key, now: datetime, version: str) -> dict[str, Any]:
    """A key as `GET /v1/organizations/api_keys` shows it."""
    workspace = {"type": "workspace", "workspace_id": key.workspace or DEFAULT}
    shown: dict[str, Any] = {
        "id": key.id,
        "type": "api_key",
        "name": key.name,
        "status": key.status,
        "created_at": rfc3339(now - timedelta(days=key.age)),
        "created_by": {"id": "user_01FakeFakeFakeFakeFakeFake", "type": "user"},
        "expires_at": None if key.expires_in is None else rfc3339(now + timedelta(days=key.expires_in)),
        "partial_key_hint": key.hint,
        "principal": None,
        "scope": {"type": "organization"} if key.of_organization else workspace,
    }
    if version < NEW_VERSION:
        del shown["principal"], shown["scope"]
        shown["workspace_id"] = key.workspace
    return shown


def workspace_json(workspace: Workspace, now: datetime) -> dict[str, Any]:
    """A workspace as `GET /v1/organizations/workspaces` shows it."""
    made = rfc3339(now - timedelta(days=200))
    return {
        "id": workspace.id,
        "type": "workspace",
        "name": workspace.name,
        "created_at": made,
        "archived_at": made if workspace.archived else None,
        "display_color": "#6C5BB9",
        "compartment_id": "cmpt_01FakeFakeFakeFakeFakeFake",
        "data_residency": {
            "workspace_geo": "us",
            "default_inference_geo": "global",
            "allowed_inference_geos": "unrestricted",
        },
        "external_key_id": None,
        "tags": {},
        "user_profile_id": None,
    }


def limit_json(limit: SpendLimit, number: int, now: datetime) -> dict[str, Any]:
    """A spend limit as `GET /v1/organizations/spend_limits` shows it."""
    scope: dict[str, Any] = {"type": limit.scope}
    if limit.scope == "workspace":
        scope["workspace_id"] = limit.workspace or PRODUCTION
    return {
        "id": f"spl_01Fake{number:016d}",
        "type": "spend_limit",
        "amount": None if limit.amount is None else str(limit.amount),
        "currency": "USD",
        "period": limit.period,
        "scope": scope,
        "is_enabled": limit.enabled,
        "created_at": rfc3339(now - timedelta(days=90)),
        "updated_at": rfc3339(now - timedelta(days=30)),
    }


def cost_results(organization: Organization, day: datetime, now: datetime, groups: list[str]) -> list[dict[str, Any]]:
    """The results of one day's bucket of `GET /v1/organizations/cost_report`."""
    sums: dict[str | None, Decimal] = {}
    for one in organization.spent:
        if (now - timedelta(days=one.days_ago)).date() == day.date():
            workspace = one.workspace if "workspace_id" in groups else None
            sums[workspace] = sums.get(workspace, Decimal(0)) + Decimal(one.amount)
    return [
        {
            "currency": "USD",
            "amount": str(amount),
            "workspace_id": workspace,
            **dict.fromkeys(("description", "cost_type", "model", "token_type"), None),
            **dict.fromkeys(("service_tier", "context_window", "inference_geo"), None),
        }
        for workspace, amount in sums.items()
    ]


def usage_results(organization: Organization, day: datetime, now: datetime, groups: list[str]) -> list[dict[str, Any]]:
    """The results of one day's bucket of `GET /v1/organizations/usage_report/messages`: a key's last day of use."""
    used = [
        key
        for key in organization.api_keys
        if key.used is not None and (now - timedelta(days=key.used)).date() == day.date()
    ]
    return [
        {
            "uncached_input_tokens": 1_500,
            "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 200},
            "cache_read_input_tokens": 300,
            "output_tokens": 500,
            "server_tool_use": {"web_search_requests": 0},
            "api_key_id": key.id if "api_key_id" in groups else None,
            "workspace_id": key.workspace if "workspace_id" in groups else None,
            **dict.fromkeys(("account_id", "service_account_id", "model", "service_tier"), None),
            **dict.fromkeys(("context_window", "inference_geo"), None),
        }
        for key in used
    ]


def rfc3339(at: datetime) -> str:
    """`2026-11-22T00:00:00Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
