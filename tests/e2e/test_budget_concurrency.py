"""A thousand calls at once on one budget, in one process and in two: the fake's bill never exceeds it, at any moment."""

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
from e2e.conftest import NewSite
from e2e.gateways import Gateway, Site
from e2e.money import MODEL, OUTPUT, USD, ask, books_agree

from tidegate.testing import FakeClaude

CALLS = 1_000

CONFIG = """
[policy]
bound = "{bound}"
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

FAULTS = [
    {"when": {"probability": 0.04}, "do": {"status": 529}},
    {"when": {"probability": 0.04}, "do": {"status": 500, "delay": 0.01}},
    {"when": {"probability": 0.04}, "do": {"status": 429, "retry_after_ms": 30}},
    {"when": {"probability": 0.01}, "do": {"reset": "before", "delay": 0.01}},
    {"when": {"probability": 0.02, "stream": True}, "do": {"reset": 4}},
    {"when": {"probability": 0.02, "stream": True}, "do": {"cut": 3}},
    {"when": {"probability": 0.02, "stream": True}, "do": {"error_event": 5}},
    {"when": {"probability": 0.3}, "do": {"output_tokens": "max"}},
]


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


async def storm(site: Site, gateways: list[Gateway], bodies: dict[str, bytes], seed: int) -> Counter[str]:
    """All calls at once; a fifth of them leaves in the middle.  Returns how they ended for the clients."""
    luck = random.Random(seed)

    async def one(number: int, user: str, body: bytes) -> Answer:
        sent = request(body, key=site.key, headers={"x-tidegate-user": user})
        leaves = luck.random() < 0.2
        events = luck.randrange(1, 9)
        patience = luck.uniform(0.0, 0.15)
        port = gateways[number % len(gateways)].port
        if not leaves:
            return await call(port, sent)
        if b'"stream":true' in body:
            return await call(port, sent, leave=lambda heard: heard.count(b"event: ") >= events)
        return await call(port, sent, leave_when=asyncio.sleep(patience))

    answers = await asyncio.gather(*(one(number, *item) for number, item in enumerate(bodies.items())))
    return Counter(
        "left" if answer.left_at is not None else answer.reason or str(answer.status) for answer in answers
    )


def run(
    site: Site,
    gateways: list[Gateway],
    fake: FakeClaude,
    bodies: dict[str, bytes],
    budget: int,
    record: Any,
    *,
    seed: int = 7,
) -> None:
    started = time.monotonic()
    with Watch(fake) as watch:
        answers = asyncio.run(storm(site, gateways, bodies, seed))
        site.settled()
        fake.wait(open=0)
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
    assert set(answers) <= {"left", "200", "500", "529", "429", "budget_held", "budget_spent", "upstream_down"}, answers
    record("answers", dict(answers))
    record("outcomes", dict(outcomes))
    record("highest / budget", round(watch.highest / budget, 4))
    record("billed / budget", round(totals.cost_settled / budget, 4))
    record("charged / budget", round(sum(row["total_cost"] for row in site.charges()) / budget, 4))
    record("samples, most open at once", (watch.looks, watch.most_open))
    record("seconds", round(time.monotonic() - started, 2))


@pytest.mark.parametrize("processes", [1, 2])
def test_a_thousand_mixed_calls(
    new_site: NewSite, fake_claude: FakeClaude, record_property: Any, processes: int
) -> None:
    fake_claude.script(rules=FAULTS, defaults={"gap": 0.004, "first_byte": 0.03, "delay": 0.02})
    site = new_site(CONFIG.format(bound="strict", amount=1))
    gateways = [site.start() for _ in range(processes)]
    luck = random.Random(3)
    bodies = {
        f"user-{number}": ask(
            f"Question {number}: " + "why? " * luck.randrange(60),
            max_tokens=luck.choice([50, 200, 400]),
            stream=luck.random() < 0.6,
        )
        for number in range(CALLS)
    }
    run(site, gateways, fake_claude, bodies, USD, record_property)


LONG = [
    pytest.param(1, "worst", id="1-worst"),
    pytest.param(2, "worst", id="2-worst", marks=pytest.mark.slow),
    pytest.param(1, "usual", id="1-usual", marks=pytest.mark.slow),
    pytest.param(2, "usual", id="2-usual"),
]


@pytest.mark.parametrize(("processes", "bill"), LONG)
def test_long_prompts_with_short_answers(
    new_site: NewSite, fake_claude: FakeClaude, record_property: Any, processes: int, bill: str
) -> None:
    fake_claude.script(rules=FAULTS, settings={"bill": bill}, defaults={"gap": 0.004, "first_byte": 0.03, "delay": 0.02})
    site = new_site(CONFIG.format(bound="strict", amount=1))
    gateways = [site.start() for _ in range(processes)]
    luck = random.Random(5)
    bodies = {
        f"user-{number}": ask(
            f"{number} " + "tide " * luck.randrange(4_000, 8_000), max_tokens=16, stream=luck.random() < 0.6
        )
        for number in range(CALLS)
    }
    run(site, gateways, fake_claude, bodies, USD, record_property)


def test_calls_in_turn_use_up_95_percent_of_a_counted_budget(
    new_site: NewSite, fake_claude: FakeClaude, record_property: Any
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
    record_property("spent / budget", round(spent / budget, 4))
