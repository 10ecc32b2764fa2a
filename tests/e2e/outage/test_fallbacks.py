"""Where a call goes on after an outage: through a real gateway, as the official SDK sees it, with two sets of books."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import pytest

from e2e.gateways import Gateway, Row, Site, site_at, until
from e2e.money import USD
from e2e.outage.books import agree, nothing_is_left
from tidegate.testing import FakeClaude
from tidegate.testing import Row as Seen

HAIKU, SONNET, SMALL = "claude-haiku-4-5", "claude-sonnet-5", "claude-opus-4-5"
SAYING = "The tide tables rest at the moment. Please come back in a minute."
CONFIG = """
[upstreams.anthropic]
[upstreams.second]
url = "{second}"
api_key = "env://SECOND_KEY"
priority = 2
[policy]
bound = "strict"
[retry]
attempts = 2
base = "1ms"
cap = "1ms"
[breaker]
window = "50ms"        # twenty failures in so short a time do not happen here: each test has closed circuits
[[budgets]]
per = "organization"
amount = "100 USD"
every = "month"
[[budgets]]
per = "user"
amount = "0.5 USD"
every = "month"
where = {{ user = "poor" }}
[routes.second]
fallback = ["upstream:second"]
[routes.other]
fallback = ["model:claude-sonnet-5"]
[routes.losing]
fallback = ["model:claude-sonnet-5"]
lose_thinking = true
[routes.all]
fallback = ["upstream:second", "model:claude-sonnet-5", "static:{saying}"]
[routes.sentence]
fallback = ["static:{saying}"]
[routes.small]
max_tokens = 100000
fallback = ["model:claude-opus-4-5"]
[routes.default]
"""
DEGRADED = "x-tidegate-degraded"
ASK: dict[str, Any] = {
    "model": HAIKU,
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hello, how high is the tide today?"}],
}


class Harbour:
    """The gateway between the two; each test is another user."""

    def __init__(self, site: Site, gateway: Gateway, first: FakeClaude, second: FakeClaude) -> None:
        self.site = site
        self.gateway = gateway
        self.first = first
        self.second = second
        self.user = ""

    def down(self, **orders: Any) -> None:
        """The first one fails from now on."""
        self.first.script(**(orders or {"status": 529}))

    @contextmanager
    def sdk(self, route: str = "unlisted", key: str | None = None, **options: Any) -> Iterator[anthropic.Anthropic]:
        headers = {"x-tidegate-user": self.user, "x-tidegate-route": route}
        url = f"http://127.0.0.1:{self.gateway.port}"
        with anthropic.Anthropic(
            api_key=key or self.site.key, base_url=url, default_headers=headers, max_retries=0, timeout=60.0, **options
        ) as client:
            yield client

    def create(self, route: str = "unlisted", key: str | None = None, **fields: Any) -> tuple[str | None, Any]:
        """The step that answered, and the message."""
        with self.sdk(route, key) as client:
            raw = client.messages.with_raw_response.create(**{**ASK, **fields})
            return raw.headers.get("x-tidegate-degraded"), raw.parse()

    def fails(self, route: str = "unlisted", key: str | None = None, **fields: Any) -> anthropic.APIStatusError:
        with pytest.raises(anthropic.APIStatusError) as caught:
            self.create(route, key, **fields)
        assert "x-tidegate-degraded" not in caught.value.response.headers
        return caught.value

    def charges(self) -> list[Row]:
        return self.site.charges(self.user)

    def line(self) -> Row:
        return self.site.line(self.user)


@pytest.fixture(scope="module")
def standing(
    tmp_path_factory: pytest.TempPathFactory, fake_claude_process: FakeClaude, second_claude_process: FakeClaude
) -> Iterator[Harbour]:
    folder = tmp_path_factory.mktemp("fallbacks") / "site"
    config = CONFIG.format(second=second_claude_process.url, saying=SAYING)
    with site_at(folder, fake_claude_process.url, config) as site:
        site.environ["SECOND_KEY"] = second_claude_process.key
        yield Harbour(site, site.start(), fake_claude_process, second_claude_process)


@pytest.fixture
def harbour(
    standing: Harbour, fake_claude: FakeClaude, second_claude: FakeClaude, request: pytest.FixtureRequest
) -> Iterator[Harbour]:
    """Afterwards the books of the two together are the ledger's, and nothing is held."""
    standing.user = f"user-{hashlib.sha256(request.node.name.encode()).hexdigest()[:12]}"
    yield standing
    fake_claude.wait(open=0)
    second_claude.wait(open=0)
    nothing_is_left(standing.site)
    agree(standing.charges(), fake_claude, second_claude)


def attempts(fake: FakeClaude) -> list[Seen]:
    return fake.attempts()


# -- another upstream


OUTAGES: dict[str, dict[str, Any]] = {
    "overloaded": {"status": 529},
    "a page of a proxy": {"status": 502, "html": True},
    "a reset": {"reset": "before"},
    "a time-out": {"status": 504},
    "a limit of the account": {"status": 429},
}


@pytest.mark.parametrize("name", OUTAGES)
@pytest.mark.parametrize("route", ["unlisted", "second"])
def test_the_other_upstream_answers(harbour: Harbour, name: str, route: str) -> None:
    harbour.down(**OUTAGES[name])
    degraded, message = harbour.create(route)
    assert degraded == "upstream:second"
    assert message.content[0].text
    assert (len(attempts(harbour.first)), len(attempts(harbour.second))) == (2, 1)
    assert [charge["upstream"] for charge in harbour.charges()] == ["anthropic", "anthropic", "second"]
    one, two = attempts(harbour.first)[0], attempts(harbour.second)[0]
    assert one.request_sha256 == two.request_sha256, "byte for byte"
    assert one.credential != two.credential, "each has its own key"
    assert harbour.line()["degraded"] == "upstream:second"


def test_the_other_upstreams_stream(harbour: Harbour) -> None:
    harbour.down()
    with harbour.sdk() as client, client.messages.stream(**ASK) as stream:
        text = "".join(stream.text_stream)
        assert stream.response.headers["x-tidegate-degraded"] == "upstream:second"
        assert stream.get_final_message().content[0].text == text  # type: ignore[union-attr]  # a text


def test_a_call_that_is_well_goes_nowhere_else(harbour: Harbour) -> None:
    assert harbour.create("all")[0] is None
    assert attempts(harbour.second) == []
    assert harbour.line()["degraded"] is None


@pytest.mark.parametrize("orders", [{"status": 400}, {"status": 404}, {"status": 413, "html": True}, {"spend": "tier"}])
def test_what_is_no_outage_goes_nowhere_else(harbour: Harbour, orders: dict[str, Any]) -> None:
    harbour.down(**orders)
    harbour.fails("all")
    assert len(attempts(harbour.first)) == 1
    assert attempts(harbour.second) == []


def test_when_both_are_down_the_first_ones_error_is_told(harbour: Harbour) -> None:
    harbour.down()
    harbour.second.script(status=500)
    error = harbour.fails()
    assert error.status_code == 529
    assert "very busy" in error.message
    assert len(attempts(harbour.second)) == 1


def test_a_key_that_the_other_one_rejects_is_told_in_the_log(harbour: Harbour) -> None:
    """Its caller hears of the first one; nobody else would know that the second can help nobody."""
    harbour.down()
    harbour.second.script(status=401)
    for _ in range(3):
        assert harbour.fails("second").status_code == 529
    until(lambda: len(harbour.site.calls(harbour.user)) == 3)
    told = [line for line in harbour.site.log() if line["event"] == "upstream_key_rejected"]
    assert [(line["upstream"], line["level"]) for line in told] == [("second", "error")]
    assert harbour.second.key not in told[0]["error_message"]


def test_what_costs_nothing_says_who_answered(harbour: Harbour) -> None:
    """Count_tokens and the models go on by priority, whatever the route."""
    asked = {name: value for name, value in ASK.items() if name != "max_tokens"}
    harbour.first.script(rules=[{"when": {"path": "*"}, "do": {"status": 529}}])
    with harbour.sdk() as client:
        assert client.messages.with_raw_response.count_tokens(**asked).headers[DEGRADED] == "upstream:second"
        assert client.models.with_raw_response.list().headers[DEGRADED] == "upstream:second"
        harbour.first.script()
        assert DEGRADED not in client.messages.with_raw_response.count_tokens(**asked).headers


def test_a_transparent_key_gets_none(harbour: Harbour) -> None:
    harbour.down()
    error = harbour.fails("all", harbour.site.new_key(transparent=True))
    assert error.status_code == 529
    assert (len(attempts(harbour.first)), len(attempts(harbour.second))) == (1, 0)


# -- another model


def test_another_model_at_its_own_price(harbour: Harbour) -> None:
    harbour.first.script(rules=[{"when": {"model": HAIKU}, "do": {"status": 529}}])
    degraded, message = harbour.create("other")
    assert (degraded, message.model) == (f"model:{SONNET}", SONNET)
    *_, row = attempts(harbour.first)
    (charge,) = [charge for charge in harbour.charges() if charge["outcome"] == "ok"]
    assert charge["model"] == SONNET
    assert charge["total_cost"] == row.cost == row.input_tokens * 2_000 + row.output_tokens * 10_000


def test_only_the_models_bytes_differ(harbour: Harbour) -> None:
    """The SDK's own body, as it went out; the fake knows it by its digest."""
    harbour.first.script(rules=[{"when": {"model": HAIKU}, "do": {"status": 529}}])
    sent: list[bytes] = []
    http = anthropic.DefaultHttpxClient(event_hooks={"request": [lambda request: sent.append(request.content)]})
    with harbour.sdk("other", http_client=http) as client:
        client.messages.create(**ASK)
    (body,) = sent
    other = body.replace(HAIKU.encode(), SONNET.encode())
    assert [row.request_sha256 for row in attempts(harbour.first)] == [
        *[hashlib.sha256(body).hexdigest()] * 2,
        hashlib.sha256(other).hexdigest(),
    ]


def test_its_max_tokens_are_what_it_can_write(harbour: Harbour) -> None:
    harbour.first.script(rules=[{"when": {"model": "claude-opus-5"}, "do": {"status": 529}}])
    degraded, message = harbour.create("small", model="claude-opus-5", max_tokens=90_000)
    assert (degraded, message.model) == (f"model:{SMALL}", SMALL)
    assert [row.max_tokens for row in attempts(harbour.first)] == [90_000, 90_000, 64_000]


def test_a_key_that_may_not_use_it(harbour: Harbour) -> None:
    harbour.down()
    assert harbour.fails("other", harbour.site.new_key(models=(HAIKU,))).status_code == 529
    assert {row.model for row in attempts(harbour.first)} == {HAIKU}


THOUGHT: list[Any] = [
    {"role": "user", "content": "Why are there tides?"},
    {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "The moon.", "signature": "c2lnbmF0dXJl"},
        {"type": "text", "text": "The moon."},
    ]},
    {"role": "user", "content": "And the sun?"},
]  # fmt: skip


def test_thinking_does_not_travel_unless_told(harbour: Harbour) -> None:
    harbour.first.script(rules=[{"when": {"model": HAIKU}, "do": {"status": 529}}])
    assert harbour.fails("other", messages=THOUGHT).status_code == 529
    assert {row.model for row in attempts(harbour.first)} == {HAIKU}
    assert harbour.create("losing", messages=THOUGHT)[0] == f"model:{SONNET}"


# -- a sentence


def shape(value: Any) -> Any:
    """Names and kinds, without what is said."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


def test_a_sentence_has_the_shape_of_a_real_message(harbour: Harbour) -> None:
    _, real = harbour.create("sentence")
    harbour.down()
    degraded, said = harbour.create("sentence")
    assert degraded == "static"
    assert said.content[0].text == SAYING
    assert (said.model, said.stop_reason) == (HAIKU, "end_turn")
    theirs, ours = shape(json.loads(real.to_json())), shape(json.loads(said.to_json()))
    assert ours["usage"].items() <= theirs["usage"].items()
    assert {**ours, "usage": 0} == {**theirs, "usage": 0}


def test_a_sentence_as_a_stream(harbour: Harbour) -> None:
    harbour.down()
    with harbour.sdk("sentence") as client:
        events = list(client.messages.create(**ASK, stream=True))
        with client.messages.stream(**ASK) as stream:
            assert list(stream.text_stream) == [SAYING]
            assert stream.get_final_message().content[0].text == SAYING  # type: ignore[union-attr]  # a text
            assert stream.response.headers["x-tidegate-degraded"] == "static"
    assert [event.type for event in events] == [
        "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
        "message_stop",
    ]  # fmt: skip


def test_a_sentence_costs_nothing_and_is_no_success(harbour: Harbour) -> None:
    harbour.down()
    harbour.create("sentence")
    assert {charge["total_cost"] for charge in harbour.charges()} == {0}
    line = harbour.line()
    assert (line["event"], line["degraded"]) == ("claude_call_error", "static")
    assert SAYING not in json.dumps(line)


def test_all_steps_in_their_order(harbour: Harbour) -> None:
    harbour.down()
    assert harbour.create("all")[0] == "upstream:second"
    harbour.second.script(status=503)
    harbour.first.script(rules=[{"when": {"model": HAIKU}, "do": {"status": 529}}])
    assert harbour.create("all")[0] == f"model:{SONNET}"
    harbour.down()
    assert harbour.create("all")[0] == "static"


# -- money


def test_a_budget_holds_on_every_step(harbour: Harbour) -> None:
    """There is room for what Haiku may cost, and none for what Sonnet may."""
    harbour.user = "poor"
    harbour.first.script(rules=[{"when": {"model": HAIKU}, "do": {"status": 529}}])
    assert harbour.fails("other", max_tokens=64_000).status_code == 529
    assert {row.model for row in attempts(harbour.first)} == {HAIKU}
    assert harbour.create("other", max_tokens=10_000)[0] == f"model:{SONNET}"
    nothing_is_left(harbour.site, 100 * USD)
    assert sum(charge["total_cost"] for charge in harbour.charges()) <= USD // 2
