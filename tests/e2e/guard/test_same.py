"""Every call of the official SDK gives the same through the guard as without it: object by object, event by event."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import pytest

import tidegate
from e2e.guard.place import Place, place_at
from e2e.sdk.compare import plain
from e2e.sdk.shapes import PLAIN, Order
from e2e.sdk.test_flows import FLOWS, all_async
from e2e.sdk.ways import WAYS, lenient
from tidegate.testing import FakeClaude, Row

FIRST = "sk-ant-api03-fake"
OTHER = "sk-ant-api03-other"
"""A key of its own: the fake's prompt cache is shared by the calls of one key."""


class Pair:
    """The SDK without and with the guard, blocking and async, made once: a client of the SDK takes long to make."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.direct = place.bare(max_retries=0)
        self.through = tidegate.guard(place.bare(max_retries=0, api_key=OTHER), config=place.config)
        self.runner = asyncio.Runner()
        self.direct_async = place.bare_async(max_retries=0)
        self.through_async = tidegate.guard(place.bare_async(max_retries=0, api_key=OTHER), config=place.config)

    def ask(self, way: str, order: Order, *, asynchronous: bool) -> tuple[Any, Any]:
        """What comes of an order by that way, without and with the guard."""
        blocking, awaitable = WAYS[way]
        with lenient():
            if asynchronous:
                clients = (self.direct_async, self.through_async)
                return self.runner.run(_one(awaitable, clients[0], order)), self.runner.run(
                    _one(awaitable, clients[1], order)
                )
            return blocking(self.direct, order), blocking(self.through, order)

    def close(self) -> None:
        self.runner.run(self.direct_async.close())
        self.runner.run(self.through_async.close())
        self.runner.close()


async def _one(way: Callable[..., Any], client: Any, order: Order) -> Any:
    result = way(client, order)
    return await result if inspect.isawaitable(result) else result


@pytest.fixture(scope="module")
def standing(keeping_fake: FakeClaude, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with place_at(keeping_fake, tmp_path_factory.mktemp("same")) as place:
        pair = Pair(place)
        yield pair
        pair.close()


@pytest.fixture
def pair(standing: Pair) -> Pair:
    standing.place.fake.reset()
    return standing


def headers(row: Row) -> dict[str, str]:
    """What the fake got, without the key."""
    return {
        name: value for name, value in (row.kept_headers or {}).items() if OTHER not in value and FIRST not in value
    }


def same(pair: Pair, way: str, order: Order, *, asynchronous: bool) -> None:
    direct, through = pair.ask(way, order, asynchronous=asynchronous)
    assert plain(through) == plain(direct)
    mine, guards = pair.place.fake.books()
    assert guards.request_sha256 == mine.request_sha256
    assert guards.response_sha256 == mine.response_sha256
    assert (guards.path, guards.query, guards.cost) == (mine.path, mine.query, mine.cost)
    assert headers(guards) == headers(mine)
    charge = pair.place.site.charges()[-1]
    assert (charge["upstream_request_id"], charge["cost"]) == (guards.request_id, guards.cost)
    pair.place.settled()


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("shape", PLAIN)
def test_every_shape(pair: Pair, shape: str, *, asynchronous: bool) -> None:
    same(pair, "create", PLAIN[shape], asynchronous=asynchronous)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("shape", ["hello", "a tool", "adaptive thinking", "thinking with a budget", "a refusal"])
@pytest.mark.parametrize("way", [way for way in WAYS if way != "create"])
def test_every_way(pair: Pair, way: str, shape: str, *, asynchronous: bool) -> None:
    same(pair, way, PLAIN[shape], asynchronous=asynchronous)


@pytest.mark.parametrize("flow", [pytest.param(flow, id=flow.__name__) for flow in FLOWS])
def test_flows(pair: Pair, flow: Callable[[anthropic.Anthropic], Any]) -> None:
    with lenient():
        assert plain(flow(pair.through)) == plain(flow(pair.direct))


def test_async_flows(pair: Pair) -> None:
    with lenient():
        direct = plain(pair.runner.run(all_async(pair.direct_async)))
        assert plain(pair.runner.run(all_async(pair.through_async))) == direct


@pytest.mark.parametrize("fault", ["status=400", "status=404", "status=413", "status=422"])
def test_errors_that_are_the_callers_own(pair: Pair, fault: str) -> None:
    order = {**PLAIN["hello"], "extra_headers": {"x-fake-fault": fault}}

    def caught(client: anthropic.Anthropic) -> Any:
        with pytest.raises(anthropic.APIStatusError) as found:
            client.messages.create(**order)
        return plain(found.value)

    assert caught(pair.through) == caught(pair.direct)
    assert pair.place.site.charges()[-1]["cost"] == 0


@pytest.mark.parametrize("order", ["gzip=force", "gzip"])
@pytest.mark.parametrize("way", ["create", "stream", "with_raw_response", "with_streaming_response, lines"])
def test_compressed_replies(pair: Pair, way: str, order: str) -> None:
    same(pair, way, {**PLAIN["hello"], "extra_headers": {"x-fake-fault": order}}, asynchronous=False)


def test_timeouts_are_the_clients_own(pair: Pair) -> None:
    order = {**PLAIN["hello"], "extra_headers": {"x-fake-fault": "delay=5"}}
    with pytest.raises(anthropic.InternalServerError) as caught:
        pair.through.with_options(timeout=0.05).messages.create(**order)
    assert caught.value.response.headers["x-tidegate-reason"] == "timeout"
    assert pair.place.charges()[-1][1:] == ("timeout", "assumed")
