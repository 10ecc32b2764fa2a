"""The breaker of real gateways: shown at /readyz, shared through the file, kept by restarts, probed by the living."""

import asyncio
from typing import Any

import pytest

from e2e.client import Answer, call, request
from e2e.conftest import NewSite
from e2e.gateways import Gateway, Row, Site, until
from e2e.money import ask
from e2e.outage.books import agree, nothing_is_left
from tidegate.policy.breaker import LEAST
from tidegate.testing import FakeClaude

HAIKU, SONNET = "claude-haiku-4-5", "claude-sonnet-5"
CONFIG = """
[policy]
bound = "strict"
[retry]
attempts = 1
[breaker]
probe_after = "{probe_after}"
[timeouts]
total = "3s"
[[budgets]]
per = "organization"
amount = "100 USD"
every = "month"
[[limits]]
per = "user"
requests = "{requests}"
"""
DOWN: list[dict[str, Any]] = [{"when": {"model": HAIKU}, "do": {"status": 529}}]


def ask_all(gateway: Gateway, site: Site, number: int, *, model: str = HAIKU, user: str = "ann") -> list[Answer]:
    """So many calls at the same time."""
    sent = request(ask("How high?", model=model), key=site.key, headers={"x-tidegate-user": user})

    async def together() -> list[Answer]:
        return await asyncio.gather(*(call(gateway.port, sent) for _ in range(number)))

    return asyncio.run(together())


def one(gateway: Gateway, site: Site, **how: Any) -> Answer:
    return ask_all(gateway, site, 1, **how)[0]


def standing(gateway: Gateway, family: str = "haiku") -> Row:
    (found,) = [one for one in gateway.state()["breaker"] if one["family"] == family]
    return dict(found)


def go_down(gateway: Gateway, site: Site, fake: FakeClaude) -> None:
    fake.script(rules=DOWN)
    assert {answer.status for answer in ask_all(gateway, site, LEAST)} == {529}
    assert standing(gateway)["state"] == "open"


def test_it_opens_says_so_and_leaves_the_upstream_alone(new_site: NewSite, fake_claude: FakeClaude) -> None:
    site = new_site(CONFIG.format(probe_after="1h", requests="1000/minute"))
    gateway = site.start()
    assert gateway.state()["breaker"] == []
    go_down(gateway, site, fake_claude)
    refused = ask_all(gateway, site, 30)
    assert {(answer.status, answer.reason) for answer in refused} == {(529, "breaker_open")}
    assert {answer.json["error"]["type"] for answer in refused} == {"overloaded_error"}
    for answer in refused:
        assert answer.headers["x-should-retry"] == "false"
        assert 3_590 <= int(answer.headers["retry-after"]) <= 3_600
        assert (
            answer.json["error"]["message"]
            == "The assistant has trouble at the moment. Please try again in 60 minutes."
        )
    assert len(fake_claude.attempts()) == LEAST
    told = standing(gateway)
    assert (told["upstream"], told["state"]) == ("anthropic", "open")
    assert told["since"] < told["next_probe"]
    assert one(gateway, site, model=SONNET).status == 200, "another family is another circuit"
    assert agree(site.charges(), fake_claude) == {"upstream_error": LEAST, "ok": 1}
    assert site.query("SELECT DISTINCT reason, scope FROM refusals") == [
        {"reason": "breaker_open", "scope": "upstream"}
    ]
    nothing_is_left(site)


def test_whom_it_refuses_keeps_his_requests(new_site: NewSite, fake_claude: FakeClaude) -> None:
    site = new_site(CONFIG.format(probe_after="1s", requests=f"{LEAST + 1}/minute"))
    gateway = site.start()
    go_down(gateway, site, fake_claude)
    ask_all(gateway, site, 10, user="ann")
    fake_claude.script()
    until(lambda: one(gateway, site).status == 200)
    assert one(gateway, site).reason == "rate_limited"


def test_gateways_on_one_file_share_it_and_a_restart_keeps_it(new_site: NewSite, fake_claude: FakeClaude) -> None:
    site = new_site(CONFIG.format(probe_after="1h", requests="1000/minute"))
    first, second = site.start(), site.start()
    go_down(first, site, fake_claude)
    assert one(second, site).reason == "breaker_open"
    assert standing(second) == standing(first)
    before = standing(first)
    assert {first.stop(), second.stop()} == {0}
    third = site.start()
    assert standing(third) == before
    assert one(third, site).reason == "breaker_open"
    assert len(fake_claude.attempts()) == LEAST


def test_a_good_probe_closes_it_for_all(new_site: NewSite, fake_claude: FakeClaude) -> None:
    site = new_site(CONFIG.format(probe_after="1s", requests="1000/minute"))
    first, second = site.start(), site.start()
    go_down(first, site, fake_claude)
    fake_claude.script()
    until(lambda: one(first, site).status == 200)
    assert standing(second)["state"] == "closed"
    assert {answer.status for answer in ask_all(second, site, 10)} == {200}
    agree(site.charges(), fake_claude)
    nothing_is_left(site)


@pytest.mark.parametrize("fate", ["hangs", "is killed"])
def test_a_probe_that_brings_no_news_holds_nobody_up(new_site: NewSite, fake_claude: FakeClaude, fate: str) -> None:
    """It hangs at the upstream, or its gateway is killed meanwhile; the next probe goes an interval later."""
    site = new_site(CONFIG.format(probe_after="1s", requests="1000/minute"))
    first, second = site.start(), site.start()
    go_down(first, site, fake_claude)
    fake_claude.script(rules=[{"do": {"delay": 60}, "times": 1}])

    async def probe() -> None:
        sent = request(ask("How high?"), key=site.key, headers={"x-tidegate-user": "probe"})
        while True:
            asking = asyncio.ensure_future(call(first.port, sent))
            waiting = asyncio.to_thread(fake_claude.wait, attempts=LEAST + 1, timeout=0.2)
            try:
                await waiting
            except TimeoutError:
                assert (await asking).reason == "breaker_open"
                continue
            if fate == "is killed":
                first.kill()
                await asyncio.wait([asking])
            else:
                assert (await asyncio.to_thread(one, first, site)).reason == "breaker_open", "one in each interval"
                await until_well()
                assert (await asking).status == 504
            return

    async def until_well() -> None:
        await asyncio.to_thread(until, lambda: one(second, site).status == 200)

    asyncio.run(probe())
    until(lambda: one(second, site).status == 200)
    until(lambda: len(site.charges("probe")) == 1)
    (charge,) = site.charges("probe")
    assert (charge["outcome"], charge["cost"]) == ("crashed" if fate == "is killed" else "timeout", charge["held"])
    site.settled()
    fake_claude.wait(open=0)
    agree(site.charges(), fake_claude)
    nothing_is_left(site)
