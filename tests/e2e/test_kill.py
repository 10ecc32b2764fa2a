"""`kill -9`: every attempt that was sent is charged once, the whole hold; nothing else is."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from e2e.client import Answer, call, request
from e2e.conftest import Figures, NewSite
from e2e.gateways import Row, Site, until
from e2e.money import INPUT, OUTPUT, ask, books_agree, digest, strict_hold
from tidegate.testing import FakeClaude

CONFIG = """
[policy]
bound = "strict"
[breaker]
open_above = 1  # never: every failure here is meant
[retry]
attempts = 3
base = "20ms"
cap = "100ms"
budget = 1.0
[timeouts]
connect = "3s"
first_byte = "60s"
idle = "60s"
total = "{total}s"
[[limits]]
per = "organization"
concurrent = 1000
[[budgets]]
per = "organization"
amount = "1000 USD"
every = "month"
[[budgets]]
per = "user"
amount = "1 USD"
every = "month"
"""

TWO_FILES = """
[ledger]
url = "sqlite:///ledger.db"
"""


async def call_all(site: Site, ports: list[int], bodies: dict[str, bytes], until_done: Awaitable[object]) -> None:
    """Keep all calls open until something has happened; how they end does not matter."""
    calls = [
        asyncio.ensure_future(_quiet(ports[number % len(ports)], site, user, body))
        for number, (user, body) in enumerate(bodies.items())
    ]
    try:
        await until_done
    finally:
        for task in calls:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


async def _quiet(port: int, site: Site, user: str, body: bytes) -> Answer | None:
    with contextlib.suppress(ConnectionError):
        return await call(port, request(body, key=site.key, headers={"x-tidegate-user": user}))
    return None


def charged_whole(charge: Row, body: bytes, max_tokens: int) -> None:
    assert (charge["outcome"], charge["exactness"]) == ("crashed", "assumed")
    assert charge["cost"] == charge["held"] == charge["total_cost"] == strict_hold(body, max_tokens)
    assert (charge["status"], charge["upstream_request_id"], charge["input_tokens"]) == (None, None, 0)


def test_all_that_was_in_flight_is_charged_once_and_whole(
    new_site: NewSite, fake_claude: FakeClaude, figures: Figures
) -> None:
    """Half of them wait for their headers, half are in the middle of a stream."""
    fake_claude.script(rules=[{"when": {"stream": True}, "do": {"stall": 4}}], delay=60)
    site = new_site(CONFIG.format(total=3))
    gateway = site.start()
    bodies = {f"user-{number}": ask(f"Question {number}", stream=number % 2 == 0) for number in range(200)}

    async def kill() -> None:
        await asyncio.to_thread(fake_claude.wait, attempts=200)
        assert fake_claude.totals().ended == 0
        gateway.kill()

    asyncio.run(call_all(site, [gateway.port], bodies, kill()))
    assert len(site.holds()) == 200
    assert not site.charges()
    killed = time.monotonic()
    again = site.start()
    until(lambda: len(site.charges()) >= 200)
    site.settled()
    figures["seconds from the kill to the last charge (total + 3 is 6)"] = round(time.monotonic() - killed, 2)
    assert again.state()["open_holds"] == 0
    for user, body in bodies.items():
        (charge,) = site.charges(user)
        charged_whole(charge, body, 100)
    books_agree(site, fake_claude, bodies)
    charged = {charge["attempt_id"] for charge in site.charges()}
    until(lambda: {line["attempt_id"] for line in site.log() if line["event"] == "lease_expired"} == charged)
    fake_claude.script()
    assert asyncio.run(call(again.port, request(ask("Still there?"), key=site.key))).status == 200


def test_a_process_that_lives_on_charges_what_another_left(
    new_site: NewSite, fake_claude: FakeClaude, figures: Figures
) -> None:
    """Among it second attempts: what came of the first ones stays as it is."""
    fake_claude.script(rules=[{"do": {"status": 529, "delay": 0}, "times": 50}], delay=60)
    site = new_site(CONFIG.format(total=1))
    dead, alive = site.start(), site.start()
    bodies = {f"user-{number}": ask(f"Question {number}", max_tokens=50) for number in range(100)}

    async def kill() -> None:
        await asyncio.to_thread(fake_claude.wait, attempts=150)
        dead.kill()

    asyncio.run(call_all(site, [dead.port], bodies, kill()))
    killed = time.monotonic()
    until(lambda: len(site.charges()) >= 150)
    site.settled()
    figures["seconds from the kill to the last charge (total + 3 is 4)"] = round(time.monotonic() - killed, 2)
    for user, body in bodies.items():
        *errors, crash = site.charges(user)
        charged_whole(crash, body, 50)
        assert [(charge["outcome"], charge["cost"], charge["exactness"]) for charge in errors] == [
            ("upstream_error", 0, "actual")
        ] * (crash["attempt"] - 1)
        assert len({charge["call_id"] for charge in (*errors, crash)}) == 1
    assert books_agree(site, fake_claude, bodies) == {"upstream_error": 50, "crashed": 100}
    assert alive.state()["open_holds"] == 0


def test_a_process_that_froze_corrects_what_another_charged(new_site: NewSite, fake_claude: FakeClaude) -> None:
    """Frozen for longer than its leases, it settles late: the whole hold was charged, an adjustment says the truth."""
    fake_claude.script(stall=4)
    site = new_site(CONFIG.format(total=3))
    frozen, other = site.start(), site.start()
    bodies = {f"user-{number}": ask(f"Question {number}", stream=True) for number in range(8)}
    begun: set[str] = set()

    def adjustments() -> int:
        return int(site.query("SELECT COUNT(*) AS n FROM adjustments")[0]["n"])

    async def one(user: str, body: bytes) -> None:
        def note(heard: bytes) -> bool:
            if b"message_start" in heard:
                begun.add(user)
            return False

        with contextlib.suppress(ConnectionError):
            await call(frozen.port, request(body, key=site.key, headers={"x-tidegate-user": user}), leave=note)

    async def freeze() -> None:
        await asyncio.to_thread(until, lambda: len(begun) == len(bodies))
        frozen.freeze()
        await asyncio.to_thread(until, lambda: len(site.charges()) >= len(bodies))
        assert {charge["outcome"] for charge in site.charges()} == {"crashed"}
        frozen.thaw()
        await asyncio.to_thread(until, lambda: adjustments() >= len(bodies))

    async def all_of_it() -> None:
        await asyncio.gather(freeze(), *(one(user, body) for user, body in bodies.items()))

    asyncio.run(all_of_it())
    site.settled()
    fake_claude.wait(open=0)
    seen = {row.request_sha256: row for row in fake_claude.attempts()}
    for user, body in bodies.items():
        (charge,) = site.charges(user)
        assert (charge["outcome"], charge["cost"]) == ("crashed", strict_hold(body, 100))
        assert charge["total_cost"] == seen[digest(body)].input_tokens * INPUT + 100 * OUTPUT
        (adjustment,) = site.query("SELECT * FROM adjustments WHERE adjusts = ?", charge["attempt_id"])
        assert (adjustment["source"], adjustment["cost_delta"]) == (
            "late_settlement",
            charge["total_cost"] - charge["cost"],
        )
    books_agree(site, fake_claude, bodies)
    for gateway in (frozen, other):
        assert (gateway.state()["open_holds"], gateway.state()["owed_settlements"]) == (0, 0)


class Traffic:
    """A stream of short calls on one or two gateways, of which none is told twice; some leave."""

    def __init__(self, site: Site, seed: int) -> None:
        self.site = site
        self.luck = random.Random(seed)
        self.bodies: dict[str, bytes] = {}
        self.ports: list[int] = []
        self.over = False

    async def worker(self) -> None:
        while not self.over:
            if not self.ports:
                await asyncio.sleep(0.02)  # everyone is dead at the moment
                continue
            number = len(self.bodies)
            user = f"user-{number}"
            stream = self.luck.random() < 0.5
            body = self.bodies[user] = ask(f"Question {number}", stream=stream, max_tokens=60)
            sent = request(body, key=self.site.key, headers={"x-tidegate-user": user})
            leave: Callable[[bytes], bool] | None = None
            if stream and self.luck.random() < 0.2:
                leave = lambda heard: heard.count(b"event: ") > 2  # noqa: E731 - a condition of one line
            with contextlib.suppress(ConnectionError):
                await call(self.luck.choice(self.ports), sent, leave=leave)

    async def run(self, meanwhile: Awaitable[None], workers: int = 40) -> None:
        tasks = [asyncio.ensure_future(self.worker()) for _ in range(workers)]
        await meanwhile
        self.over = True
        await asyncio.gather(*tasks)


FAULTS: list[dict[str, Any]] = [
    {"when": {"probability": 0.05}, "do": {"status": 529}},
    {"when": {"probability": 0.05, "stream": True}, "do": {"cut": 3}},
    {"when": {"probability": 0.05}, "do": {"reset": "before"}},
]


RUNS = [
    pytest.param(1, 2, 1, "", id="one process"),
    pytest.param(2, 2, 2, "", id="two processes"),
    *(
        pytest.param(seed, 5, seed % 2 + 1, extra, marks=pytest.mark.slow, id=f"{seed}{', two files' * bool(extra)}")
        for seed in range(3, 7)
        for extra in ("", TWO_FILES)
    ),
]


@pytest.mark.parametrize(("seed", "kills", "processes", "extra"), RUNS)
def test_kills_at_random_moments(
    new_site: NewSite, fake_claude: FakeClaude, figures: Figures, seed: int, kills: int, processes: int, extra: str
) -> None:
    """Only holds that were durable at a kill are charged as crashed, and each of those that nobody else had settled."""
    fake_claude.script(rules=FAULTS, delay=0.02, first_byte=0.02, gap=0.01)
    site = new_site(CONFIG.format(total=3) + extra)
    gateways = [site.start() for _ in range(processes)]
    traffic = Traffic(site, seed)
    traffic.ports = [gateway.port for gateway in gateways]
    luck = random.Random(seed)
    held: set[str] = set()

    async def kill_often() -> None:
        for _ in range(kills):
            await asyncio.sleep(luck.uniform(0.3, 1.0))  # the random moment
            at = luck.randrange(processes)
            gateways[at].kill()
            traffic.ports.remove(gateways[at].port)
            held.update(site.holds())
            gateways[at] = await asyncio.to_thread(site.start)
            traffic.ports.append(gateways[at].port)
        await asyncio.sleep(0.2)

    asyncio.run(traffic.run(kill_often()))
    site.settled()
    fake_claude.wait(open=0)
    outcomes = books_agree(site, fake_claude, traffic.bodies)
    charges = site.charges()
    crashed = [charge for charge in charges if charge["outcome"] == "crashed"]
    assert crashed, "no kill hit anything"
    assert {charge["attempt_id"] for charge in crashed} <= held, "a hold was charged that was not durable at a kill"
    assert all(charge["cost"] == charge["held"] for charge in crashed)
    if processes == 1 and not extra:  # nobody else could have settled what was held then
        assert {charge["attempt_id"] for charge in crashed} == held
    reached = {row.request_sha256 for row in fake_claude.attempts()}
    never_sent = sum(digest(traffic.bodies[charge["user_id"]]) not in reached for charge in crashed)
    figures["calls, attempts"] = (len(traffic.bodies), len(charges))
    figures["outcomes"] = dict(outcomes)
    figures["crashed, of these durable but never sent"] = (len(crashed), never_sent)
    figures["adjustments"] = site.query("SELECT COUNT(*) AS n FROM adjustments")[0]["n"]
    assert not [key for key, tally in site.tallies().items() if key.startswith("c|") and tally.held]
