"""What the Claude Console knows about an organisation: limits, this month's cost, keys and their use."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from msgspec import UNSET

from tidegate.checks.live.address import URL
from tidegate.checks.live.admin import Admin, read_admin_key, unreached
from tidegate.checks.live.facts import USED_WITHIN, Console, Cost, Limit, Trouble, nothing
from tidegate.checks.live.keys import Key, fitting
from tidegate.checks.live.shapes import CostBucket, KeySent, LimitSent, UseBucket, WorkspaceSent, cents
from tidegate.checks.live.web import Unreached, open_web


def read_console(uri: str, environ: Mapping[str, str], now: datetime, *, url: str = URL, seen: str = "") -> Console:
    """Ask for everything with the Admin key at `uri`; `seen`: the program's key, or the parts of it that are known."""
    key = read_admin_key(uri, environ)
    if isinstance(key, Trouble):
        return nothing(key)
    with open_web() as web:
        if isinstance(web, Unreached):
            return nothing(unreached(web, url))
        return _ask(Admin(web, key, url), now, seen)


def _ask(admin: Admin, now: datetime, seen: str) -> Console:
    limits = admin.list("spend_limits", LimitSent, {}, by="next_page")
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    costs = admin.list(
        "cost_report",
        CostBucket,
        {"starting_at": _day(month), "bucket_width": "1d", "group_by[]": "workspace_id", "limit": "31"},
        by="next_page",
    )
    used = admin.list(
        "usage_report/messages",
        UseBucket,
        {
            "starting_at": _day(now - timedelta(days=USED_WITHIN)),
            "bucket_width": "1d",
            "group_by[]": "api_key_id",
            "limit": "31",
        },
        by="next_page",
    )
    keys = admin.list("api_keys", KeySent, {"limit": "100"}, by="last_id")
    workspaces = admin.list("workspaces", WorkspaceSent, {"limit": "100"}, by="last_id")
    names = workspaces if isinstance(workspaces, Trouble) else {one.id: one.name for one in workspaces}
    known = keys if isinstance(keys, Trouble) else [_key(one, names) for one in keys]
    return Console(
        now=now,
        limits=limits if isinstance(limits, Trouble) else _limits(limits),
        costs=costs if isinstance(costs, Trouble) else _costs(costs),
        keys=known,
        used=used if isinstance(used, Trouble) else _used(used),
        workspaces=names,
        own=fitting(known, seen) if seen and not isinstance(known, Trouble) else None,
    )


def _day(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT00:00:00Z")


def _limits(sent: list[LimitSent]) -> list[Limit] | Trouble:
    """Those that have an amount; no amount is no limit."""
    try:
        return [
            Limit(one.scope.type, one.scope.workspace_id, cents(one.amount), one.currency, one.period, one.is_enabled)
            for one in sent
            if one.amount is not None
        ]
    except ValueError:
        return Trouble("spend_limits holds an amount that is no number", "a newer tidegate; or attest it")


def _costs(buckets: list[CostBucket]) -> list[Cost] | Trouble:
    sums: dict[str | None, Decimal] = {}
    try:
        for row in (row for bucket in buckets for row in bucket.results):
            sums[row.workspace_id] = sums.get(row.workspace_id, Decimal(0)) + cents(row.amount)
    except ValueError:
        return Trouble("cost_report holds an amount that is no number", "a newer tidegate; or attest it")
    return [Cost(workspace, amount) for workspace, amount in sums.items()]


def _used(buckets: list[UseBucket]) -> frozenset[str]:
    return frozenset(row.api_key_id for bucket in buckets for row in bucket.results if row.api_key_id)


def _key(sent: KeySent, names: Mapping[str, str] | Trouble) -> Key:
    workspace = sent.workspace_id if sent.workspace_id is not UNSET else sent.scope.workspace_id if sent.scope else None
    if not isinstance(names, Trouble) and workspace not in names:
        workspace = None  # the default workspace has an id and is in no list
    return Key(
        id=sent.id,
        name=sent.name,
        hint=sent.partial_key_hint or "",
        status=sent.status,
        created=_aware(sent.created_at),
        expires=None if sent.expires_at is None else _aware(sent.expires_at),
        workspace=workspace or None,
    )


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
