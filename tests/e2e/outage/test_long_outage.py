"""A minute without an upstream under 200 requests a second, in real time; `unit/core` does it in simulated time.

Counts and ratios decide; times are reported (`pytest -rP`).
"""

import asyncio
import time
from typing import Any, NamedTuple

import pytest

from e2e.client import Answer, call, request
from e2e.conftest import Figures, NewSite
from e2e.gateways import Gateway, Site
from e2e.money import USD, ask
from e2e.outage.books import nothing_is_left
from e2e.outage.sluice import Sluice
from tidegate.policy.rules import Breaker, Retry, Timeouts
from tidegate.testing import FakeClaude
from tidegate.testing import Row as Seen

PACE = 200
"""Calls a second."""
BEFORE, DOWN, AFTER = 10.0, 60.0, 20.0
PROBE = Breaker().probe_after
BUDGET = 100 * USD
CONFIG = """
[policy]
bound = "strict"
[[budgets]]
per = "organization"
amount = "100 USD"
every = "month"
[[limits]]
per = "user"
requests = "100000/minute"
"""


class Done(NamedTuple):
    """One call as its caller saw it; times since the first of them."""

    started: float
    took: float
    answer: Answer


class Minute:
    """What is known of it afterwards."""

    def __init__(self, done: list[Done], seen: list[Seen], began: float) -> None:
        self.done = done
        self.asked = sorted(row.received_at - began for row in seen)
        self.down_at, self.back_at = BEFORE, BEFORE + DOWN

    def calls(self, start: float, end: float) -> list[Done]:
        return [one for one in self.done if start <= one.started < end]

    def busiest(self, start: float, end: float) -> int:
        """The most requests that reached the upstream in any second between the two."""
        times = [at for at in self.asked if start <= at < end]
        return max(sum(at <= other < at + 1 for other in times) for at in times[:: PACE // 20])


async def one(port: int, sent: bytes, began: float, done: list[Done]) -> None:
    started = time.monotonic()
    answer = await call(port, sent)
    done.append(Done(started - began, time.monotonic() - started, answer))


async def callers(port: int, key: str, began: float, seconds: float) -> list[Done]:
    """They come at a steady pace, whatever becomes of those before them."""
    done: list[Done] = []
    calls: list[asyncio.Task[None]] = []
    for number in range(round(PACE * seconds)):
        ahead = began + number / PACE - time.monotonic()
        if ahead > 0:
            await asyncio.sleep(ahead)
        headers = {"x-tidegate-user": f"user-{number % 50}"}
        sent = request(ask(f"Question {number}", stream=number % 2 == 0), key=key, headers=headers)
        calls.append(asyncio.ensure_future(one(port, sent, began, done)))
    await asyncio.gather(*calls)
    return done


async def live(kind: str, sluice: Sluice, fake: FakeClaude, gateway: Gateway, site: Site) -> Minute:
    """Well, then down, then well again."""
    began, wall = time.monotonic(), time.time()
    calling = asyncio.ensure_future(callers(gateway.port, site.key, began, BEFORE + DOWN + AFTER))
    await asyncio.sleep(BEFORE)
    if kind == "refusing":
        await sluice.close()
    elif kind == "hanging":
        await sluice.block()
    else:
        await asyncio.to_thread(lambda: fake.script(status=529))
    await asyncio.sleep(began + BEFORE + DOWN - time.monotonic())
    if kind == "overloaded":
        await asyncio.to_thread(fake.script)
    else:
        await sluice.open()
    done = await calling
    return Minute(done, fake.attempts(), wall)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["refusing", "hanging", "overloaded"])
def test_a_minute_without_an_upstream(new_site: NewSite, fake_claude: FakeClaude, figures: Figures, kind: str) -> None:
    async def main() -> tuple[Minute, Site, int]:
        async with Sluice(fake_claude.port) as sluice:
            site = new_site(CONFIG, upstream=sluice.url)
            minute = await live(kind, sluice, fake_claude, site.start(), site)
            await asyncio.to_thread(site.settled)
            await asyncio.to_thread(lambda: fake_claude.wait(open=0))
            return minute, site, sluice.lost

    minute, site, lost = asyncio.run(main())
    everybody_is_answered(minute, figures)
    the_upstream_is_left_alone(minute, kind, figures)
    its_return_is_found(minute, figures)
    the_books_agree(site, fake_claude, lost, figures)


def everybody_is_answered(minute: Minute, figures: Figures) -> None:
    assert len(minute.done) == PACE * (BEFORE + DOWN + AFTER)
    statuses: dict[str, int] = {}
    for one in minute.done:
        name = f"{one.answer.status} {one.answer.reason}".strip()
        statuses[name] = statuses.get(name, 0) + 1
    figures["answers"] = statuses
    figures["longest call (its deadline is 60), s"] = round(max(one.took for one in minute.done), 2)
    assert {one.answer.status for one in minute.done} <= {200, 504, 529}
    # A wait that would end behind the deadline is not begun; the last attempt may then hang in its connection.
    assert max(one.took for one in minute.done) < Retry().deadline + Timeouts().connect


def the_upstream_is_left_alone(minute: Minute, kind: str, figures: Figures) -> None:
    refused = [one for one in minute.done if one.answer.reason == "breaker_open"]
    assert refused
    opened = min(one.started for one in refused)
    figures["the breaker opened after, s"] = round(opened - minute.down_at, 2)
    waits = sorted(one.took for one in refused)
    figures["a refused call took (median, p99), ms"] = [round(1000 * waits[len(waits) * at // 100]) for at in (50, 99)]
    while_open = minute.calls(opened + 1, minute.back_at - 1)
    others = [one for one in while_open if one.answer.reason != "breaker_open"]
    figures["calls while it was open, of these not refused at once"] = (len(while_open), len(others))
    assert len(others) <= DOWN / PROBE + 1, "only probes"
    reached = [at for at in minute.asked if opened + 1 <= at < minute.back_at - 1]
    assert len(reached) <= (DOWN / PROBE + 1 if kind == "overloaded" else 0)
    first = [at for at in minute.asked if minute.down_at <= at < opened]
    calls = len(minute.calls(minute.down_at, opened))
    window = len([at for at in minute.asked if opened - Breaker().window <= at < opened])
    figures["calls and attempts before it opened"] = (calls, len(first))
    assert len(first) <= calls + Retry().budget * window + PACE


def its_return_is_found(minute: Minute, figures: Figures) -> None:
    well = min(at for at in minute.asked if at >= minute.back_at)
    figures["its return was found after (2 intervals are 10), s"] = round(well - minute.back_at, 2)
    assert {one.answer.status for one in minute.calls(minute.back_at + 3 * PROBE, BEFORE + DOWN + AFTER)} == {200}
    normal, storm = minute.busiest(0, minute.down_at), minute.busiest(well, well + 2)
    figures["busiest second before, and after its return"] = (normal, storm)
    assert storm < 2 * normal


def the_books_agree(site: Site, fake: FakeClaude, lost: int, figures: Figures) -> None:
    """Torn connections may have carried a request each that the fake never saw whole."""
    charges: list[dict[str, Any]] = site.charges()
    seen = {row.request_id: row for row in fake.attempts()}
    named = [charge for charge in charges if charge["upstream_request_id"] is not None]
    assert len({charge["upstream_request_id"] for charge in named}) == len(named)
    for charge in named:
        row = seen[charge["upstream_request_id"]]
        assert row.cost <= charge["total_cost"]
        assert charge["exactness"] != "actual" or charge["total_cost"] == row.cost
    nameless = [charge for charge in charges if charge["upstream_request_id"] is None]
    unnamed = len(seen) - len(named)
    figures["charges, attempts at the fake, torn connections"] = (len(charges), len(seen), lost)
    assert unnamed <= len(nameless) <= unnamed + lost
    assert all(charge["total_cost"] == charge["held"] for charge in nameless)
    spent = nothing_is_left(site, BUDGET)
    assert spent >= fake.totals().cost_settled
