"""Many callers at once on a budget of 1 USD: threads, tasks, processes, and a gateway beside them.

The fake's own books must stay within it, whatever breaks on the way.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import anthropic
import httpx2
import pytest

import tidegate
from e2e.guard.place import Place, notices_only
from e2e.money import MODEL, USD, books_agree
from unit.guard.scripted import Scripted, bare

CONFIG = """
[policy]
bound = "strict"
[breaker]
open_above = 1  # never: every failure here is meant
[retry]
attempts = 3
base = "5ms"
cap = "20ms"
[timeouts]
total = "60s"
[[budgets]]
per = "organization"
amount = "1 USD"
every = "month"
[[budgets]]
per = "user"
amount = "1 USD"
every = "month"
"""
FAULTS: list[dict[str, Any]] = [
    {"when": {"probability": 0.04}, "do": {"status": 529}},
    {"when": {"probability": 0.04}, "do": {"status": 500, "delay": 0.01}},
    {"when": {"probability": 0.01}, "do": {"reset": "before", "delay": 0.01}},
    {"when": {"probability": 0.02, "stream": True}, "do": {"reset": 4}},
    {"when": {"probability": 0.02, "stream": True}, "do": {"cut": 3}},
    {"when": {"probability": 0.7}, "do": {"output_tokens": "max"}},
]
ERRORS = (anthropic.APIStatusError,)


def order(user: str, *, stream: bool) -> dict[str, Any]:
    """A call that is no other's."""
    messages = [{"role": "user", "content": f"How high is the tide for {user}?"}]
    return {"model": MODEL, "max_tokens": 250, "messages": messages, **({"stream": True} if stream else {})}


def bodies(users: list[str]) -> dict[str, bytes]:
    """What the SDK sends for each."""
    inner = Scripted()
    with bare(inner) as client:
        for number, user in enumerate(users):
            client.messages.with_raw_response.create(**order(user, stream=number % 2 == 1))
    return {user: request.read() for user, request in zip(users, inner.requests, strict=True)}


@contextmanager
def within_the_budget(place: Place, users: list[str]) -> Iterator[None]:
    """The block makes these users' calls."""
    place.configure(CONFIG)
    sent = bodies(users)
    place.fake.script(rules=FAULTS, gap=0.001, linger=50)
    yield
    place.settled()
    place.fake.wait(open=0)
    found = books_agree(place.site, place.fake, sent, USD)
    assert found["ok"] > 200
    assert place.fake.totals().cost_settled <= USD
    refused = place.site.query("SELECT DISTINCT reason FROM refusals")
    assert {row["reason"] for row in refused} <= {"budget_held", "budget_spent"}
    assert refused, "the budget was never reached"


def test_200_threads(place: Place) -> None:
    users = [f"u-{number}" for number in range(1_000)]
    with within_the_budget(place, users):
        client = place.guarded(max_retries=0)

        def ask(number: int) -> None:
            with tidegate.caller(user=users[number]):
                try:
                    found = client.messages.create(**order(users[number], stream=number % 2 == 1))
                    if number % 2:
                        for _ in found:
                            if number % 11 == 0:
                                break
                        found.close()
                except ERRORS:
                    return

        with ThreadPoolExecutor(200) as pool:
            list(pool.map(ask, range(len(users))))


def test_1000_tasks(place: Place) -> None:
    users = [f"u-{number}" for number in range(1_000)]
    with within_the_budget(place, users):

        async def main() -> None:
            # Fewer connections than a process may open, and patience to wait for one.
            http = anthropic.DefaultAsyncHttpxClient(limits=httpx2.Limits(max_connections=200), timeout=60.0)
            client = place.guarded_async(max_retries=0, http_client=http, timeout=60.0)
            await asyncio.gather(*(ask(client, number) for number in range(len(users))))
            await client.close()

        async def ask(client: anthropic.AsyncAnthropic, number: int) -> None:
            with tidegate.caller(user=users[number]):
                try:
                    found = await client.messages.create(**order(users[number], stream=number % 2 == 1))
                    if number % 2:
                        async for _ in found:
                            if number % 11 == 0:
                                break
                        await found.close()
                except ERRORS:
                    return

        asyncio.run(main())


@pytest.mark.slow
def test_several_processes(place: Place) -> None:
    place.configure(CONFIG)
    processes = [place.program("hammer", f"p{number}") for number in range(4)]
    ends = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, ends
    answered = sum(int(out) for out, _ in ends)
    assert all(notices_only(complaints) for _, complaints in ends)
    place.fake.wait(open=0)
    costs = [charge["total_cost"] for charge in place.site.charges()]
    assert len(costs) == len(place.fake.attempts()) == answered
    assert place.fake.totals().cost_settled == sum(costs) <= USD
    assert sum(costs) > 0.5 * USD
    assert place.site.holds() == {}


def test_a_guard_and_a_gateway_hold_one_budget(place: Place) -> None:
    place.configure(CONFIG.replace('"1 USD"', '"0.3 USD"'))
    gateway = place.site.start()
    through = place.bare(base_url=f"http://127.0.0.1:{gateway.port}", api_key=place.site.key, max_retries=0)
    beside = place.guarded(max_retries=0)
    place.fake.script(output_tokens="max")

    def ask(number: int) -> str:
        user = {"x-tidegate-user": f"u-{number}"}
        try:
            (beside if number % 2 else through).messages.create(
                **order(f"u-{number}", stream=False), extra_headers=user
            )
        except anthropic.RateLimitError as error:
            return str(error.response.headers["x-tidegate-reason"])
        return "ok"

    with ThreadPoolExecutor(40) as pool:
        found = list(pool.map(ask, range(400)))
    place.settled()
    place.fake.wait(open=0)
    charges = place.site.charges()
    assert place.fake.totals().cost_settled == sum(charge["total_cost"] for charge in charges) <= 0.3 * USD
    assert {charge["app"] for charge in charges} == {"app", "tests"}
    assert "budget_spent" in found or "budget_held" in found
    assert place.site.holds() == {}
