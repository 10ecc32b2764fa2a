"""Every call of the official SDK gives the same through the gateway as directly: object by object, event by event."""

import json

import pytest

from e2e.sdk.compare import plain
from e2e.sdk.documents import Documents
from e2e.sdk.shapes import PLAIN, REAL, Order
from e2e.sdk.stage import Stage
from e2e.sdk.ways import WAYS, Clients


def same(stage: Stage, clients: Clients, way: str, order: Order, *, asynchronous: bool) -> None:
    """The order by that way gives equal results, and the fake saw equal requests."""
    blocking, awaitable = WAYS[way]
    direct, through = clients.both_async(awaitable, order) if asynchronous else clients.both(blocking, order)
    assert plain(through) == plain(direct)
    mine, gateways = stage.seen()
    assert gateways.request_sha256 == mine.request_sha256
    assert gateways.response_sha256 == mine.response_sha256
    assert (gateways.path, gateways.query, gateways.cost) == (mine.path, mine.query, mine.cost)
    assert gateways.status == mine.status == 200
    charge = stage.site.charges()[-1]
    assert (charge["upstream_request_id"], charge["cost"]) == (gateways.request_id, gateways.cost)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("shape", PLAIN)
@pytest.mark.parametrize("way", ["create", "stream"])
def test_every_shape(stage: Stage, clients: Clients, way: str, shape: str, *, asynchronous: bool) -> None:
    same(stage, clients, way, PLAIN[shape], asynchronous=asynchronous)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("shape", ["hello", "a tool", "adaptive thinking"])
@pytest.mark.parametrize("way", [way for way in WAYS if way not in ("create", "stream")])
def test_every_way(stage: Stage, clients: Clients, way: str, shape: str, *, asynchronous: bool) -> None:
    same(stage, clients, way, PLAIN[shape], asynchronous=asynchronous)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("way", ["create", "text_stream"])
@pytest.mark.parametrize("shape", REAL)
def test_real_documents(
    stage: Stage, clients: Clients, documents: Documents, way: str, shape: str, *, asynchronous: bool
) -> None:
    order = REAL[shape](documents)
    assert len(json.dumps(order["messages"])) > 20_000
    same(stage, clients, way, order, asynchronous=asynchronous)
