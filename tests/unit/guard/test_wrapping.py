"""The twin of an HTTP client: what it keeps, whose connections it has, and the private names that this rests on."""

import asyncio
import gc
import weakref
from typing import Any

import anthropic
import httpx2
import pytest

import tidegate
from tidegate.doors.guard.transport import AsyncGuardTransport, GuardTransport
from tidegate.model.errors import ConfigError
from unit.guard.scripted import HELLO, Scripted, answer, bare, bare_async, guarded


@pytest.mark.parametrize(
    ("client", "http"), [(anthropic.Anthropic, httpx2.Client), (anthropic.AsyncAnthropic, httpx2.AsyncClient)]
)
def test_private_names_that_the_guard_uses(client: Any, http: Any) -> None:
    found = client(api_key="k")._client
    assert isinstance(found, http)
    assert hasattr(found._transport, "handle_request") or hasattr(found._transport, "handle_async_request")
    assert isinstance(found._mounts, dict)
    assert found._transport._pool._connections == []
    plain = http(mounts={"http://a.test": None})
    assert list(plain._mounts.values()) == [None]
    assert httpx2.Headers([(b"X-App", b"1")])._list == [(b"X-App", b"x-app", b"1")]


def test_what_the_twin_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", "internal.test")
    client = anthropic.Anthropic(
        api_key="k", base_url="https://claude.test/x", timeout=7.0, max_retries=4, default_headers={"x-app": "1"}
    )
    found = tidegate.guard(client)
    assert type(found) is anthropic.Anthropic
    assert (found.base_url, found.timeout, found.max_retries, found.api_key) == (
        client.base_url, client.timeout, client.max_retries, client.api_key,
    )  # fmt: skip
    assert found.default_headers == client.default_headers
    twin, first = found._client, client._client
    assert isinstance(twin, type(first))
    assert twin.follow_redirects
    assert twin.timeout == first.timeout
    assert twin.cookies is first.cookies
    assert isinstance(twin._transport, GuardTransport)
    assert twin._transport.inner is first._transport
    assert list(twin._mounts) == list(first._mounts)
    inner = [None if one is None else one.inner for one in twin._mounts.values()]  # type: ignore[attr-defined]  # ours
    assert inner == list(first._mounts.values())
    assert any(one is not None for one in inner)
    assert any(one is None for one in inner)
    assert not isinstance(first._transport, GuardTransport)


def test_keep_alive_options_stay() -> None:
    client = anthropic.Anthropic(api_key="k")
    pool = client._client._transport._pool  # type: ignore[attr-defined]  # of the HTTP library
    twin: Any = tidegate.guard(client)._client._transport
    assert twin.inner._pool._socket_options == pool._socket_options
    assert pool._socket_options


def test_derived_clients_have_the_guard() -> None:
    client = guarded(Scripted())
    for derived in (client.with_options(max_retries=3), client.copy(timeout=1), client.with_middleware()):
        assert isinstance(derived._client._transport, GuardTransport)
    http = anthropic.DefaultHttpxClient(transport=Scripted())
    assert not isinstance(client.with_options(http_client=http)._client._transport, GuardTransport)


def test_the_first_client_may_go() -> None:
    inner = Scripted()
    client = tidegate.guard(bare(inner))
    gc.collect()
    client.messages.create(**HELLO)
    assert inner.closed == 0


def test_the_guarded_one_may_go() -> None:
    inner = Scripted()
    first = bare(inner, max_retries=0)
    for _ in range(3):
        tidegate.guard(first).messages.create(**HELLO)
    gc.collect()
    assert inner.closed == 0
    first.messages.create(**HELLO)


def test_connections_are_closed_when_both_have_gone() -> None:
    first = anthropic.Anthropic(api_key="k")
    inner: Any = first._client._transport
    closed = []
    inner.close = lambda: closed.append(True)
    client = tidegate.guard(first)
    del first
    gc.collect()
    assert closed == []
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None
    assert closed


def test_closing_the_guarded_one_closes_the_connections() -> None:
    inner = Scripted()
    with guarded(inner) as client:
        client.messages.create(**HELLO)
    assert inner.closed == 1
    assert client.is_closed()
    with pytest.raises(RuntimeError, match="closed"):
        client.with_options(max_retries=0)._client.get("http://claude.test")


def test_closing_the_first_one_closes_the_guarded_one() -> None:
    inner = Scripted()
    first = bare(inner, max_retries=0)
    client = tidegate.guard(first)
    first.close()
    with pytest.raises(anthropic.APIConnectionError) as caught:
        client.messages.create(**HELLO)
    assert "has been closed" in str(caught.value.__cause__)
    assert inner.requests == []


def test_async_clients_close_alike() -> None:
    inner = Scripted()

    async def main() -> None:
        async with tidegate.guard(bare_async(inner)) as client:
            assert isinstance(client._client._transport, AsyncGuardTransport)
            await client.messages.create(**HELLO)
        first = bare_async(inner, max_retries=0)
        client = tidegate.guard(first)
        await first.close()
        with pytest.raises(anthropic.APIConnectionError):
            await client.messages.create(**HELLO)

    asyncio.run(main())
    assert inner.closed == 2


def test_the_http_client_as_a_context_manager() -> None:
    with tidegate.guard(bare(Scripted()))._client as twin:
        assert twin.get("http://claude.test/v1/models").json()["type"] == "message"

    async def main() -> None:
        async with tidegate.guard(bare_async(Scripted()))._client as twin:
            assert (await twin.get("http://claude.test/v1/models")).status_code == 200

    asyncio.run(main())


def test_a_subclass_of_the_sdks_client() -> None:
    class Mine(anthropic.Anthropic):
        pass

    http = anthropic.DefaultHttpxClient(transport=Scripted(lambda _: answer()))
    found = tidegate.guard(Mine(api_key="k", http_client=http))
    assert type(found) is Mine
    found.messages.create(**HELLO)


def test_an_http_client_of_ones_own() -> None:
    class Http(httpx2.Client):
        def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
            request.headers["x-mine"] = "1"
            return super().send(request, **options)

    inner = Scripted()
    client = anthropic.Anthropic(api_key="k", http_client=Http(transport=inner, base_url="http://claude.test"))
    tidegate.guard(client).messages.create(**HELLO)
    assert inner.requests[0].headers["x-mine"] == "1"


def test_middleware_stays() -> None:
    seen = []

    def note(request: Any, call_next: Any) -> Any:
        seen.append(request.retries_taken)
        return call_next(request)

    tidegate.guard(bare(Scripted(), middleware=[note])).messages.create(**HELLO)
    assert seen == [0]


def test_a_subclass_that_cannot_be_copied_says_so() -> None:
    class Tenant(anthropic.Anthropic):
        def __init__(self, tenant: str) -> None:
            super().__init__(api_key="k")
            self.tenant = tenant

    with pytest.raises(
        ConfigError, match=r"^Tenant cannot be guarded: .* unexpected keyword .*__init__ take"
    ) as caught:
        tidegate.guard(Tenant("t-1"))
    assert "\n" not in str(caught.value)
