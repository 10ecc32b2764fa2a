from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tidegate.fake.settings import Settings

ADMIN = "sk-ant-admin01-x"
BETA = "spend-limit-reads-2026-09-26"
NEW = "2026-10-21"


def get(ask: Any, path: str, key: str = ADMIN, **headers: str) -> tuple[int, Any]:
    status, told, _ = ask(method="GET", path=f"/v1/organizations/{path}", x_api_key=key, **headers)
    return status, told


def test_an_ordinary_key_is_refused(ask: Any) -> None:
    status, told = get(ask, "me", "sk-ant-api03-x")
    assert (status, told["error"]["type"]) == (401, "authentication_error")


def test_a_bearer_is_as_good(asker: Callable[..., Any]) -> None:
    ask = asker(script={"admin": {"keys": ["sk-ant-admin01-one"]}})
    assert get(ask, "me", "", authorization="Bearer sk-ant-admin01-one")[0] == 200
    assert get(ask, "me", "sk-ant-admin01-two")[0] == 401


def test_accepted_api_keys_are_not_admin_keys(asker: Callable[..., Any]) -> None:
    ask = asker(Settings(keys=("sk-ant-api03-a",)))
    assert get(ask, "me")[0] == 200
    assert get(ask, "me", "sk-ant-api03-a")[0] == 401


def test_unknown_places_and_methods(ask: Any) -> None:
    assert get(ask, "nothing")[0] == 404
    assert ask(method="POST", path="/v1/organizations/me", x_api_key=ADMIN)[0] == 405
    assert get(ask, "me", anthropic_version="1999-01-01")[0] == 400


def test_orders_are_obeyed_here_too(asker: Callable[..., Any]) -> None:
    rule = {"when": {"path": "/v1/organizations/api_keys"}, "do": {"status": 403}}
    ask = asker(script={"rules": [rule]})
    status, told = get(ask, "api_keys")
    assert (status, told["error"]["type"]) == (403, "permission_error")
    assert get(ask, "me")[0] == 200


def test_keys_of_both_versions(ask: Any) -> None:
    _, old = get(ask, "api_keys")
    _, new = get(ask, "api_keys", anthropic_version=NEW)
    assert [key["workspace_id"] for key in old["data"]] == ["wrkspc_01FakeProduction", None]
    assert new["data"][0]["scope"] == {"type": "workspace", "workspace_id": "wrkspc_01FakeProduction"}
    assert new["data"][1]["scope"]["workspace_id"].startswith("wrkspc_")
    assert "workspace_id" not in new["data"][0]


def test_keys_come_in_pages(asker: Callable[..., Any]) -> None:
    ask = asker(script={"admin": {"api_keys": [{"name": f"key {number}"} for number in range(5)]}})
    seen: list[str] = []
    after = ""
    while True:
        _, page = get(ask, f"api_keys?limit=2&after_id={after}")
        seen += [key["name"] for key in page["data"]]
        after = page["last_id"]
        if not page["has_more"]:
            break
    assert seen == [f"key {number}" for number in range(5)]
    assert get(ask, "api_keys?limit=1001")[0] == 400


def test_keys_by_status(asker: Callable[..., Any]) -> None:
    ask = asker(script={"admin": {"api_keys": [{"name": "old", "status": "inactive"}, {"name": "new"}]}})
    assert [key["name"] for key in get(ask, "api_keys?status=active")[1]["data"]] == ["new"]


def test_spend_limits_need_the_beta(ask: Any) -> None:
    assert get(ask, "spend_limits")[0] == 400
    status, told = get(ask, "spend_limits", anthropic_beta=BETA)
    assert status == 200
    assert [(one["scope"]["type"], one["amount"]) for one in told["data"]] == [
        ("usage_tier", "100000"),
        ("organization", "50000"),
    ]
    assert told["next_page"] is None


def test_spend_limits_come_in_pages(ask: Any) -> None:
    _, first = get(ask, "spend_limits?limit=1", anthropic_beta=BETA)
    _, second = get(ask, f"spend_limits?limit=1&page={first['next_page']}", anthropic_beta=BETA)
    assert second["data"][0]["scope"]["type"] == "organization"
    assert second["next_page"] is None
    assert get(ask, "spend_limits?page=x", anthropic_beta=BETA)[0] == 400


def test_limits_that_may_not_be_read(asker: Callable[..., Any]) -> None:
    ask = asker(script={"admin": {"limits_readable": False}})
    status, told = get(ask, "spend_limits", anthropic_beta=BETA)
    assert (status, told["error"]["details"]["error_code"]) == (400, "organization_type_not_supported")


def days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT00:00:00Z")


def test_the_cost_of_days(asker: Callable[..., Any]) -> None:
    spent = [{"amount": "0.1", "workspace": "w"}, {"amount": "0.2"}, {"amount": "50", "days_ago": 2}]
    ask = asker(script={"admin": {"spent": spent}})
    _, told = get(ask, f"cost_report?starting_at={days_ago(3)}")
    assert [[one["amount"] for one in day["results"]] for day in told["data"]] == [[], ["50"], [], ["0.3"]]
    _, grouped = get(ask, f"cost_report?starting_at={days_ago(0)}&group_by[]=workspace_id")
    assert {one["workspace_id"]: one["amount"] for one in grouped["data"][0]["results"]} == {"w": "0.1", None: "0.2"}


def test_buckets_come_in_pages(ask: Any) -> None:
    _, first = get(ask, f"cost_report?starting_at={days_ago(9)}")
    assert (len(first["data"]), first["has_more"]) == (7, True)
    _, second = get(ask, f"cost_report?starting_at={days_ago(9)}&page={first['next_page']}")
    assert (len(second["data"]), second["has_more"], second["next_page"]) == (3, False, None)


@pytest.mark.parametrize("query", ["", "starting_at=yesterday", "starting_at=2026-11-01T00:00:00Z&limit=32"])
def test_what_a_report_refuses(ask: Any, query: str) -> None:
    assert get(ask, f"cost_report?{query}")[0] == 400
    assert get(ask, f"cost_report?starting_at={days_ago(1)}&bucket_width=1h")[0] == 400


def test_the_use_of_keys(asker: Callable[..., Any]) -> None:
    keys = [{"name": "busy", "used": 1}, {"name": "idle", "used": None}]
    ask = asker(script={"admin": {"api_keys": keys}})
    _, told = get(ask, f"usage_report/messages?starting_at={days_ago(2)}&group_by[]=api_key_id")
    by_day = [[one["api_key_id"] for one in day["results"]] for day in told["data"]]
    _, listed = get(ask, "api_keys")
    assert by_day == [[], [listed["data"][0]["id"]], []]


def test_workspaces(asker: Callable[..., Any]) -> None:
    ask = asker(script={"admin": {"workspaces": [{"id": "w1"}, {"id": "w2", "archived": True}]}})
    assert [one["id"] for one in get(ask, "workspaces")[1]["data"]] == ["w1"]
    assert [one["id"] for one in get(ask, "workspaces?include_archived=true")[1]["data"]] == ["w1", "w2"]


def test_nothing_of_it_costs_anything(ask: Any) -> None:
    _, __, attempt = ask(method="GET", path="/v1/organizations/me", x_api_key=ADMIN)
    assert attempt.row.cost == 0
    assert ask.world.books.totals().attempts == 0
