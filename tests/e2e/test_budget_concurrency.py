"""A thousand calls at once on one budget, in one process and in two: the fake's bill never exceeds it."""

import asyncio
import json
import random
import threading
import time
from collections import Counter
from http.client import HTTPConnection
from typing import Any, Self

import pytest

from e2e.client import Answer, call, request
from e2e.conftest import Figures, NewSite
from e2e.gateways import Gateway, Site
from e2e.money import MODEL, OUTPUT, USD, ask, books_agree
from tidegate.system.files import raise_open_files
from tidegate.testing import FakeClaude

CALLS = 1_000

FILES = raise_open_files()
"""Raised before the fake is started, which has the same."""
AT_ONCE = CALLS if FILES is None else min(CALLS, (FILES - 64) * 3 // 8)
"""All of them, unless this user may not open so many files: a gateway needs two for each."""

CONFIG = """
[policy]
bound = "{bound}"
[breaker]
open_above = 1  # never: every failure here is meant
[retry]
attempts = 4
base = "20ms"
cap = "100ms"
deadline = "20s"
[timeouts]
connect = "20s"
first_byte = "20s"
idle = "20s"
total = "60s"
[[budgets]]
per = "organization"
amount = "{amount} USD"
every = "month"
[[budgets]]
per = "user"
amount = "1 USD"
every = "month"
"""

FAULTS: list[dict[str, Any]] = [
    {"when": {"probability": 0.04}, "do": {"status": 529}},
    {"when": {"probability": 0.04}, "do": {"status": 500, "delay": 0.01}},
    {"when": {"probability": 0.04}, "do": {"status": 429, "retry_after_ms": 30}},
    {"when": {"probability": 0.01}, "do": {"reset": "before", "delay": 0.01}},
    {"when": {"probability": 0.02, "stream": True}, "do": {"reset": 4}},
    {"when": {"probability": 0.02, "stream": True}, "do": {"cut": 3}},
    {"when": {"probability": 0.02, "stream": True}, "do": {"error_event": 5}},
    {"when": {"probability": 0.7}, "do": {"output_tokens": "max"}},
]

PACE = {"gap": 0.004, "first_byte": 0.03, "delay": 0.02}


class Watch:
    """Reads the fake's own bill again and again while a block runs; remembers the highest."""

    def __init__(self, fake: FakeClaude) -> None:
        self.highest = 0
        self.looks = 0
        self.most_open = 0
        self._port = fake.port
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        wire = HTTPConnection("127.0.0.1", self._port)
        while not self._over.is_set():
            wire.request("GET", "/_fake/totals")
            totals = json.loads(wire.getresponse().read())
            self.highest = max(self.highest, totals["cost_now"])
            self.most_open = max(self.most_open, totals["open"])
            self.looks += 1
            time.sleep(0.002)  # the fake has other work, too
        wire.close()


async def storm(site: Site, gateways: list[Gateway], bodies: dict[str, bytes], figures: Figures) -> Counter[str]:
    """All calls at once; a fifth of them leaves in the middle, who is told to come back does.  How they ended."""
    luck = random.Random(7)
    starts: list[float] = []
    places = asyncio.Semaphore(AT_ONCE)

    async def once(port: int, sent: bytes, events: int, patience: float) -> Answer:
        if not events:
            return await call(port, sent)
        if b'"stream":true' in sent:
            return await call(port, sent, leave=lambda heard: heard.count(b"event: ") >= events)
        return await call(port, sent, leave_when=asyncio.sleep(patience))

    async def one(number: int, user: str, body: bytes) -> tuple[Answer, int]:
        sent = request(body, key=site.key, headers={"x-tidegate-user": user})
        events = luck.randrange(1, 9) if luck.random() < 0.2 else 0
        patience = luck.uniform(0.0, 0.15)
        starts.append(time.monotonic())
        for tries in range(1, 1_000):
            async with places:
                answer = await once(gateways[number % len(gateways)].port, sent, events, patience)
            if answer.reason != "budget_held":
                return answer, tries
            assert answer.headers["retry-after"] == "1"
            await asyncio.sleep(luck.uniform(0.2, 0.6))
        raise AssertionError("it is held for ever")

    done = await asyncio.gather(*(one(number, *item) for number, item in enumerate(bodies.items())))
    ends = Counter("left" if answer.left_at is not None else answer.reason or str(answer.status) for answer, _ in done)
    ends["(budget_held)"] = sum(tries - 1 for _, tries in done)
    figures["milliseconds from the first to the last start"] = round(1_000 * (starts[-1] - starts[0]))
    return ends


def run(
    site: Site,
    gateways: list[Gateway],
    fake: FakeClaude,
    bodies: dict[str, bytes],
    budget: int,
    figures: Figures,
    *,
    least: int,
) -> None:
    """The storm and all that must hold during and after it; `least` percent of the budget must be charged."""
    started = time.monotonic()
    with Watch(fake) as watch:
        answers = asyncio.run(storm(site, gateways, bodies, figures))
        site.settled()
        fake.wait(open=0)
    assert answers.pop("(budget_held)") > 0, "the budget was never contended"
    assert sum(answers.values()) == len(bodies)
    assert watch.looks > 10
    assert watch.highest <= budget, "the bill exceeded the budget"
    outcomes = books_agree(site, fake, bodies, budget)
    totals = fake.totals()
    assert totals.cost_settled <= budget
    for gateway in gateways:
        state = gateway.state()
        assert (state["open_holds"], state["owed_settlements"]) == (0, 0)
    # Nothing but these answers may come out of this: no 500 of our own, no store that is down.
    assert set(answers) <= {"left", "200", "500", "529", "429", "budget_spent", "upstream_down"}, answers
    charged = sum(row["total_cost"] for row in site.charges())
    assert charged >= budget * least // 100, "money is left that nobody can spend"
    figures["answers"] = dict(answers)
    figures["outcomes"] = dict(outcomes)
    figures["highest / budget"] = round(watch.highest / budget, 4)
    figures["billed / budget"] = round(totals.cost_settled / budget, 4)
    figures["charged / budget"] = round(charged / budget, 4)
    figures["samples, most open at once"] = (watch.looks, watch.most_open)
    figures["seconds"] = round(time.monotonic() - started, 2)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_thousand_mixed_calls(new_site: NewSite, fake_claude: FakeClaude, figures: Figures, processes: int) -> None:
    fake_claude.script(rules=FAULTS, **PACE)
    site = new_site(CONFIG.format(bound="strict", amount=1))
    gateways = [site.start() for _ in range(processes)]
    luck = random.Random(3)
    bodies = {
        f"user-{number}": ask(
            f"Question {number}: " + "why? " * luck.randrange(60),
            max_tokens=luck.choice([200, 600, 1200]),
            stream=luck.random() < 0.6,
        )
        for number in range(CALLS)
    }
    run(site, gateways, fake_claude, bodies, USD, figures, least=95)


LONG = [
    pytest.param(1, "worst", id="1-worst"),
    pytest.param(2, "worst", id="2-worst"),
    pytest.param(1, "usual", id="1-usual", marks=pytest.mark.slow),
    pytest.param(2, "usual", id="2-usual", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("processes", "bill"), LONG)
def test_long_prompts_with_short_answers(
    new_site: NewSite, fake_claude: FakeClaude, figures: Figures, processes: int, bill: str
) -> None:
    fake_claude.script({"settings": {"bill": bill}}, rules=FAULTS, **PACE)
    site = new_site(CONFIG.format(bound="strict", amount=1))
    gateways = [site.start() for _ in range(processes)]
    luck = random.Random(5)
    bodies = {
        f"user-{number}": ask(
            f"{number} " + "tide " * luck.randrange(4_000, 8_000), max_tokens=16, stream=luck.random() < 0.6
        )
        for number in range(CALLS)
    }
    run(site, gateways, fake_claude, bodies, USD, figures, least=85)


def test_calls_in_turn_use_up_95_percent_of_a_counted_budget(
    new_site: NewSite, fake_claude: FakeClaude, figures: Figures
) -> None:
    fake_claude.script(output_tokens="max")
    site = new_site(CONFIG.format(bound="counted", amount="0.2"))
    gateway = site.start()
    budget = USD // 5

    async def until_spent() -> int:
        for number in range(1_000):
            body = ask(f"Question {number}: how high is the tide?", max_tokens=512)
            answer = await call(gateway.port, request(body, key=site.key))
            if answer.status != 200:
                assert (answer.status, answer.reason) == (429, "budget_spent")
                return number
            assert fake_claude.cost() <= budget
        raise AssertionError("it never ended")

    calls = asyncio.run(until_spent())
    spent = fake_claude.totals().cost_settled
    assert budget * 95 // 100 <= spent <= budget
    assert calls == len(fake_claude.attempts())
    assert sum(row["total_cost"] for row in site.charges()) == spent
    assert {row["model"] for row in site.charges()} == {MODEL}
    assert spent >= calls * 512 * OUTPUT
    figures["spent / budget"] = round(spent / budget, 4)
