"""The fake Admin API: keys, workspaces, spend limits, cost and usage of an organisation, to be read with an Admin key.

Shapes and paging as documented (platform.claude.com, "Admin API", "Usage and Cost API", "Spend Limits API") and as in
SDK 2.12.0; errors can be ordered as for every path.  What an ordinary key gets here is not documented; 401 is what
scanners of keys go by (trufflehog, detector Anthropic).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from tidegate.fake.errors import Problem, problem
from tidegate.fake.organization import (
    Organization,
    cost_results,
    key_json,
    limit_json,
    rfc3339,
    usage_results,
    workspace_json,
)
from tidegate.fake.request import Request, header, sender, trouble_at_the_door
from tidegate.fake.settings import Settings

ADMIN = "/v1/organizations/"
BETA = "spend-limit-reads-2026-09-26"

Query = dict[str, list[str]]
Answer = dict[str, Any] | Problem
_WIDTHS = {
    "1m": (timedelta(minutes=1), 60, 1_440),
    "1h": (timedelta(hours=1), 24, 168),
    "1d": (timedelta(days=1), 7, 31),
}
"""Of a bucket: its length, how many come unasked, how many at most."""


def read_organization(
    request: Request, organization: Organization, settings: Settings, versions: tuple[str, ...], now: float
) -> Answer:
    """What the Admin API says to one request; `now` in seconds since 1970."""
    who = sender(request, settings)._replace(accepted=_is_admin(request, organization))
    trouble = trouble_at_the_door(request, settings, who, versions)
    if trouble:
        return trouble
    route = _ROUTES.get(request.path.removeprefix(ADMIN))
    if route is None:
        return problem(404, "Not found")
    if request.method != "GET":
        return problem(405)
    return route(request, parse_qs(request.query), organization, datetime.fromtimestamp(now, UTC))


def _is_admin(request: Request, organization: Organization) -> bool:
    bearer = header(request, b"authorization")
    given = header(request, b"x-api-key") or bearer[7:].strip()
    return given in organization.keys if organization.keys else given.startswith("sk-ant-admin")


def _me(_: Request, __: Query, organization: Organization, ___: datetime) -> Answer:
    return {"id": organization.id, "type": "organization", "name": organization.name}


def _api_keys(request: Request, query: Query, organization: Organization, now: datetime) -> Answer:
    version = header(request, b"anthropic-version")
    status, workspace = _one(query, "status"), _one(query, "workspace_id")
    shown = [
        key_json(key, now, version)
        for key in organization.api_keys
        if status in ("", key.status) and workspace in ("", key.workspace)
    ]
    return _page_by_id(shown, query, most=1_000)


def _workspaces(_: Request, query: Query, organization: Organization, now: datetime) -> Answer:
    every = _one(query, "include_archived") == "true"
    shown = [workspace_json(one, now) for one in organization.workspaces if every or not one.archived]
    return _page_by_id(shown, query, most=1_000)


def _spend_limits(request: Request, query: Query, organization: Organization, now: datetime) -> Answer:
    if BETA not in header(request, b"anthropic-beta"):
        return problem(400, f"This endpoint is in beta: send the anthropic-beta header {BETA}.")
    if not organization.limits_readable:
        return problem(
            400, "Spend limits are not available for this organization.", code="organization_type_not_supported"
        )
    shown = [limit_json(limit, number, now) for number, limit in enumerate(organization.spend_limits)]
    size, start = _number(_one(query, "limit") or "20", 1_000), _cursor(_one(query, "page"))
    if size is None or start is None:
        return problem(400, "limit, page: Input should be a valid value")
    more = start + size < len(shown)
    return {"data": shown[start : start + size], "next_page": f"page_{start + size}" if more else None}


def _cost_report(_: Request, query: Query, organization: Organization, now: datetime) -> Answer:
    return _buckets(query, now, ("1d",), lambda at: cost_results(organization, at, now, _groups(query)))


def _usage_report(_: Request, query: Query, organization: Organization, now: datetime) -> Answer:
    return _buckets(query, now, ("1m", "1h", "1d"), lambda at: usage_results(organization, at, now, _groups(query)))


def _buckets(
    query: Query, now: datetime, widths: tuple[str, ...], results: Callable[[datetime], list[dict[str, Any]]]
) -> Answer:
    """A page of time buckets, the oldest first; the bucket that is not over yet comes too."""
    width = _one(query, "bucket_width") or "1d"
    if width not in widths:
        return problem(400, f"bucket_width: Input should be {' or '.join(widths)}")
    length, usual, most = _WIDTHS[width]
    size = _number(_one(query, "limit") or str(usual), most)
    skipped = _cursor(_one(query, "page"))
    starts, ends = _time(_one(query, "starting_at")), _time(_one(query, "ending_at") or rfc3339(now + length))
    if starts is None:
        return problem(400, "starting_at: Field required")
    if size is None or skipped is None or ends is None:
        return problem(400, f"limit: Input should be between 1 and {most}")
    first = starts.replace(hour=0, minute=0, second=0) if width == "1d" else starts.replace(minute=0, second=0)
    there = [first + length * number for number in range(max(0, -((first - min(ends, now)) // length)))]
    page = there[skipped : skipped + size]
    more = skipped + size < len(there)
    return {
        "data": [
            {"starting_at": rfc3339(at), "ending_at": rfc3339(at + length), "results": results(at)} for at in page
        ],
        "has_more": more,
        "next_page": f"page_{skipped + size}" if more else None,
    }


def _page_by_id(shown: list[dict[str, Any]], query: Query, *, most: int) -> Answer:
    size = _number(_one(query, "limit") or "20", most)
    if size is None:
        return problem(400, f"limit: Input should be between 1 and {most}")
    ids = [one["id"] for one in shown]
    after = _one(query, "after_id")
    start = ids.index(after) + 1 if after in ids else 0
    page = shown[start : start + size]
    return {
        "data": page,
        "has_more": start + size < len(shown),
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
    }


def _one(query: Query, name: str) -> str:
    return query.get(name, [""])[-1]


def _groups(query: Query) -> list[str]:
    return query.get("group_by[]", query.get("group_by", []))


def _number(text: str, most: int) -> int | None:
    return int(text) if text.isdigit() and 1 <= int(text) <= most else None


def _cursor(text: str) -> int | None:
    number = text.removeprefix("page_") or "0"
    return int(number) if number.isdigit() else None


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


_ROUTES: dict[str, Callable[[Request, Query, Organization, datetime], Answer]] = {
    "me": _me,
    "api_keys": _api_keys,
    "workspaces": _workspaces,
    "spend_limits": _spend_limits,
    "cost_report": _cost_report,
    "usage_report/messages": _usage_report,
}
