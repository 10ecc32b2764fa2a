"""What /readyz says about the breaker, from the circuits of a store that is shared and remembers."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import msgspec
import pytest

from tidegate.doors.gateway.own import OwnPages
from tidegate.doors.gateway.request import Request
from tidegate.model.errors import StoreDown
from tidegate.model.times import SECOND, parse_rfc3339
from tidegate.policy.breaker import Circuit

NOON = parse_rfc3339("2026-11-22T12:00:00Z")
CIRCUITS = {
    "second/sonnet": Circuit(),
    "anthropic/haiku": Circuit(opened_at=NOON, probe_at=NOON + 5 * SECOND),
    "removed/haiku": Circuit(opened_at=NOON, probe_at=NOON),
    "anthropic/a/model/of/ours": Circuit(slots=[(1, 2, 3)]),
}


async def circuits() -> Mapping[str, Circuit]:
    return CIRCUITS


async def nothing_is_known() -> Mapping[str, Circuit]:
    raise StoreDown("locked")


async def nothing_is_said() -> Mapping[str, Circuit]:
    await asyncio.get_running_loop().create_future()
    raise AssertionError("unreachable")


def ready(asked: Any, **state: Any) -> tuple[int, dict[str, Any]]:
    pages = OwnPages(
        reader=lambda: pytest.fail("nobody asked for a report"),
        admin_token=None,
        ready=lambda: {"ready": True, "store": "up", **state},
        circuits=asked,
        upstreams=["anthropic", "second"],
    )
    said: list[tuple[int, bytes]] = []

    class Asked:
        """As much of a request as the page looks at."""

        method, path = "GET", "/readyz"

        async def reply(self, status: int, _: Any, body: bytes) -> None:
            said.append((status, body))

    asyncio.run(pages.answer(cast("Request", Asked())))
    ((status, body),) = said
    return status, msgspec.json.decode(body)


def test_the_circuits_of_the_upstreams_that_there_are() -> None:
    status, told = ready(circuits)
    assert status == 200
    assert told["breaker"] == [
        {"upstream": "anthropic", "family": "a/model/of/ours", "state": "closed"},
        {
            "upstream": "anthropic",
            "family": "haiku",
            "state": "open",
            "since": "2026-11-22T12:00:00.000000Z",
            "next_probe": "2026-11-22T12:00:05.000000Z",
        },
        {"upstream": "second", "family": "sonnet", "state": "closed"},
    ]


@pytest.mark.parametrize("asked", [nothing_is_known, nothing_is_said])
def test_a_store_that_does_not_answer_is_no_gateway_that_is_not_ready(asked: Any) -> None:
    assert ready(asked) == (200, {"ready": True, "store": "up"})


def test_whoever_drains_is_not_ready() -> None:
    status, told = ready(circuits, ready=False)
    assert (status, told["ready"]) == (503, False)
    assert len(told["breaker"]) == 3
