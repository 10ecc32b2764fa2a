"""The gateway as a plain ASGI application: under uvicorn's own h11 protocol, which knows nothing of ours."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import pytest
import uvicorn

from e2e.conftest import NewSite
from e2e.gateways import Site, until
from e2e.http.wire import ASK
from tidegate.assemble import assemble
from tidegate.config.load import load
from tidegate.doors.gateway import run as running_gateway
from tidegate.doors.gateway.server import Chores
from tidegate.testing import FakeClaude

STREAM = {**ASK, "stream": True}


@contextlib.asynccontextmanager
async def served(site: Site) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the application, which runs in this event loop."""
    settings = load(site.folder / "tidegate.toml", environ=site.environ, directory=site.folder)
    running = assemble(settings)
    gateway = running_gateway._gateway(settings, running, Chores(running.gate.keep, running.logger), lambda: False)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = uvicorn.Server(
            uvicorn.Config(gateway, http="h11", loop="asyncio", lifespan="off", log_config=None, access_log=False)
        )
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # the test's own stay
        serving = asyncio.create_task(server.serve(sockets=[sock]))
        base = f"http://127.0.0.1:{sock.getsockname()[1]}"
        async with httpx2.AsyncClient(
            base_url=base, headers={"x-api-key": site.key, "anthropic-version": "2023-06-01"}
        ) as client:
            yield client
        server.should_exit = True
        await serving
    await gateway.settled()
    await running.close()


def test_calls(new_site: NewSite, fake_claude: FakeClaude) -> None:
    site = new_site("")

    async def main() -> None:
        async with served(site) as client:
            whole = await client.post("/v1/messages", json=ASK)
            assert (whole.status_code, whole.json()["type"]) == (200, "message")
            async with client.stream("POST", "/v1/messages", json=STREAM) as stream:
                lines = [line async for line in stream.aiter_lines()]
            assert lines[0] == "event: message_start"
            assert lines[-2] == 'data: {"type":"message_stop"}'
            counted = await client.post("/v1/messages/count_tokens", json={**ASK, "max_tokens": None})
            assert counted.json()["input_tokens"] > 0
            refused = await client.post("/v1/messages/", json=ASK)
            assert refused.headers["x-tidegate-reason"] == "unknown_path"
            large = await client.post("/v1/messages", content=b" " * 33 * 1024 * 1024)
            assert large.headers["x-tidegate-reason"] == "too_large"
            assert (await client.get("/readyz")).json()["ready"] is True

    asyncio.run(main())
    assert [charge["cost"] for charge in site.charges()] == [row.cost for row in fake_claude.attempts()]
    assert len(fake_claude.attempts()) == 2


async def in_mid_stream(client: httpx2.AsyncClient) -> None:
    order = {"x-fake-fault": "stall=5; output_tokens=50"}
    async with client.stream("POST", "/v1/messages", json=STREAM, headers=order) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("event: content_block_delta"):
                return


async def before_the_answer(client: httpx2.AsyncClient) -> None:
    with pytest.raises(httpx2.ReadTimeout):
        await client.post("/v1/messages", json=ASK, headers={"x-fake-stall": "before"}, timeout=0.5)


@pytest.mark.parametrize("leave", [in_mid_stream, before_the_answer])
def test_a_client_that_leaves(
    new_site: NewSite, fake_claude: FakeClaude, leave: Callable[[Any], Awaitable[None]]
) -> None:
    """The upstream's work ends, and the call is charged, while the gateway runs on."""
    site = new_site("")

    async def main() -> None:
        async with served(site) as client:
            await leave(client)
            await asyncio.to_thread(fake_claude.wait, open=0, ended=1)
            await asyncio.to_thread(until, lambda: len(site.charges()) == 1 and not site.holds())
            assert (await client.post("/v1/messages", json=ASK)).status_code == 200

    asyncio.run(main())
    left, _ = site.charges()
    assert left["outcome"] == "aborted"
    assert fake_claude.attempts()[0].ending == "disconnected"
    assert left["cost"] >= fake_claude.attempts()[0].cost
