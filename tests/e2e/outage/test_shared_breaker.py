"""The breaker of real gateways: shown at /readyz, shared through the file, kept by restarts, probed by the living."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.client import Answer, call, request
from e2e.conftest import NewSite
from e2e.gateways import Gateway, Row, Site, site_at, until
from e2e.money import ask
from e2e.outage.books import agree, nothing_is_left
from tidegate.policy.breaker import LEAST
from tidegate.testing import FakeClaude

HAIKU, SONNET, OPUS = "claude-haiku-4-5", "claude-sonnet-5", "claude-opus-4-5"
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
where = {{ user = "ann" }}
requests = "21/minute"
"""


class Pair:
    """Two gateways on one file, and a model whose circuit nobody else has used."""

    def __init__(self, site: Site, first: Gateway, second: Gateway, fake: FakeClaude, model: str) -> None:
        self.site, self.first, self.second, self.fake = site, first, second, fake
        self.model = model

    def ask_all(self, gateway: Gateway, number: int, *, model: str = "", user: str = "bob") -> list[Answer]:
        """So many calls at the same time."""
        body = ask("How high?", model=model or self.model)
        sent = request(body, key=self.site.key, headers={"x-tidegate-user": user})

        async def together() -> list[Answer]:
            return await asyncio.gather(*(call(gateway.port, sent) for _ in range(number)))

        return asyncio.run(together())

    def one(self, gateway: Gateway, **how: Any) -> Answer:
        return self.ask_all(gateway, 1, **how)[0]

    def standing(self, gateway: Gateway) -> Row:
        family = self.model.split("-")[1]
        (found,) = [one for one in gateway.state()["breaker"] if one["family"] == family]
        return dict(found)

    def go_down(self, user: str = "bob") -> None:
        """Twenty calls fail."""
        self.fake.script(rules=[{"when": {"model": self.model}, "do": {"status": 529}}])
        assert {answer.status for answer in self.ask_all(self.first, LEAST, user=user)} == {529}
        assert self.standing(self.first)["state"] == "open"

    def charges(self) -> list[Row]:
        """Of its model."""
        return [charge for charge in self.site.charges() if charge["model"] == self.model]


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, fake_claude_process: FakeClaude) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("breaker") / "site"
    with site_at(folder, fake_claude_process.url, CONFIG.format(probe_after="1s")) as site:
        site.start()
        site.start()
        yield site


@pytest.fixture
def pair(standing: Site, fake_claude: FakeClaude, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Its books are the fake's at the end, and nothing is held."""
    first, second = standing.gateways
    found = Pair(standing, first, second, fake_claude, request.param)
    yield found
    fake_claude.wait(open=0)
    nothing_is_left(standing)
    agree(found.charges(), fake_claude)


def new_pair(new_site: NewSite, fake: FakeClaude, probe_after: str) -> Pair:
    """Two gateways of the test's own."""
    site = new_site(CONFIG.format(probe_after=probe_after))
    return Pair(site, site.start(), site.start(), fake, HAIKU)


def test_it_opens_says_so_to_all_and_leaves_the_upstream_alone(new_site: NewSite, fake_claude: FakeClaude) -> None:
    """Another gateway on the same file knows it, too, and a restart keeps it."""
    pair = new_pair(new_site, fake_claude, "1h")
    site = pair.site
    assert pair.first.state()["breaker"] == []
    pair.go_down()
    refused = pair.ask_all(pair.first, 30)
    assert {(answer.status, answer.reason) for answer in refused} == {(529, "breaker_open")}
    assert {answer.json["error"]["type"] for answer in refused} == {"overloaded_error"}
    for answer in refused:
        assert answer.headers["x-should-retry"] == "false"
        assert 3_540 <= int(answer.headers["retry-after"]) <= 3_600
        assert "trouble at the moment. Please try again in" in answer.json["error"]["message"]
    told = pair.standing(pair.first)
    assert (told["upstream"], told["state"]) == ("anthropic", "open")
    assert told["since"] < told["next_probe"]
    assert pair.one(pair.second).reason == "breaker_open"
    assert pair.standing(pair.second) == told
    assert pair.one(pair.first, model=SONNET).status == 200, "another family is another circuit"
    assert {pair.first.stop(), pair.second.stop()} == {0}
    third = site.start()
    assert pair.standing(third) == told
    assert pair.one(third).reason == "breaker_open"
    assert len(fake_claude.attempts()) == LEAST + 1
    assert agree(site.charges(), fake_claude) == {"upstream_error": LEAST, "ok": 1}
    assert site.query("SELECT DISTINCT reason, scope FROM refusals") == [
        {"reason": "breaker_open", "scope": "upstream"}
    ]
    nothing_is_left(site)


@pytest.mark.parametrize("pair", [HAIKU], indirect=True)
def test_whom_it_refuses_keeps_his_requests(pair: Pair) -> None:
    """Twenty were sent, one is left to Ann."""
    pair.go_down(user="ann")
    assert {answer.reason for answer in pair.ask_all(pair.first, 10, user="ann")} == {"breaker_open"}
    pair.fake.script()
    until(lambda: pair.one(pair.first, user="ann").status == 200)
    assert pair.one(pair.first, user="ann").reason == "rate_limited"


@pytest.mark.parametrize("pair", [SONNET], indirect=True)
def test_a_good_probe_closes_it_for_all(pair: Pair) -> None:
    pair.go_down()
    pair.fake.script()
    until(lambda: pair.one(pair.first).status == 200)
    assert pair.standing(pair.second)["state"] == "closed"
    assert {answer.status for answer in pair.ask_all(pair.second, 10)} == {200}


@pytest.mark.parametrize("pair", [OPUS], indirect=True)
def test_a_probe_that_hangs_holds_nobody_up(pair: Pair) -> None:
    """The next one goes an interval later."""
    asyncio.run(probed(pair, killed=False))
    ends_well(pair, "timeout")


def test_a_probe_whose_gateway_is_killed_holds_nobody_up(new_site: NewSite, fake_claude: FakeClaude) -> None:
    pair = new_pair(new_site, fake_claude, "1s")
    asyncio.run(probed(pair, killed=True))
    ends_well(pair, "crashed")
    agree(pair.charges(), fake_claude)


async def probed(pair: Pair, *, killed: bool) -> None:
    """A probe through the first gateway gets no answer; calls at the second one meanwhile."""
    await asyncio.to_thread(pair.go_down)
    pair.fake.script(rules=[{"do": {"delay": 60}, "times": 1}])
    asking = await _asking(pair)
    if killed:
        pair.first.kill()
        await asyncio.wait([asking])
        return
    assert (await asyncio.to_thread(pair.one, pair.first)).reason == "breaker_open", "one in each interval"
    await asyncio.to_thread(until, lambda: pair.one(pair.second).status == 200)
    assert (await asking).status == 504


async def _asking(pair: Pair) -> "asyncio.Future[Answer]":
    """The call that has become the probe."""
    sent = request(ask("How high?", model=pair.model), key=pair.site.key, headers={"x-tidegate-user": "probe"})
    while True:
        asking = asyncio.ensure_future(call(pair.first.port, sent))
        try:
            await asyncio.to_thread(pair.fake.wait, attempts=LEAST + 1, timeout=0.2)
        except TimeoutError:
            assert (await asking).reason == "breaker_open"
        else:
            return asking


def ends_well(pair: Pair, outcome: str) -> None:
    """The upstream answers again, and the probe is charged whole."""
    until(lambda: pair.one(pair.second).status == 200)
    until(lambda: len(pair.site.charges("probe")) == 1)
    (charge,) = pair.site.charges("probe")
    assert (charge["outcome"], charge["cost"]) == (outcome, charge["held"])
    pair.site.settled()
    pair.fake.wait(open=0)
