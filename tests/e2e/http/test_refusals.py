"""Every refusal on the wire, reason by reason: status, type, headers and words as section 6 of the design has them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, get_args

import pytest

from e2e.gateways import until
from e2e.http.wire import ASK, BODY, Reply, Wire, ask, body, request, wire
from e2e.sdk.stage import Stage, stage_at
from tidegate.assemble import load_texts
from tidegate.model.keys import compose
from tidegate.model.refusal import Reason
from tidegate.system.ids import new_key_id, new_key_secret

CONFIG = """
[gateway]
max_body = "1MB"
[policy]
bound = "strict"
require_user = true
[retry]
attempts = 1
[timeouts]
first_byte = "2s"  # a busy machine is not late
[routes.short]
max_tokens = 64
when_above = "refuse"
[routes.haiku]
models = ["claude-haiku-4-5"]
[[limits]]
per = "user"
where = { route = "limited" }
requests = "1/hour"
[[limits]]
per = "user"
where = { route = "single" }
concurrent = 1
[[budgets]]
per = "user"
where = { route = "poor" }
amount = "0.000001 USD"
every = "day"
[[budgets]]
per = "user"
where = { route = "tight" }
amount = "0.0016 USD"
every = "month"
"""
# One call of BODY holds 0.001033 USD: the input at 2.5 tokens a byte and 500 more, and all 50 tokens of output.

SHAPES: dict[str, tuple[int, str, set[str]]] = {
    "rate_limited": (429, "rate_limit_error", {"retry-after", "x-should-retry: false"}),
    "too_many_concurrent": (429, "rate_limit_error", {"retry-after", "x-should-retry: false"}),
    "budget_held": (429, "rate_limit_error", {"retry-after: 1"}),
    "budget_spent": (429, "billing_error", {"x-should-retry: false", "x-tidegate-resets-at"}),
    "upstream_spend_stop": (429, "billing_error", {"x-should-retry: false", "x-tidegate-resets-at"}),
    "bad_request": (400, "invalid_request_error", {"x-should-retry: false"}),
    "unknown_model": (400, "invalid_request_error", {"x-should-retry: false"}),
    "unbounded_cost": (400, "invalid_request_error", {"x-should-retry: false"}),
    "identity_required": (400, "invalid_request_error", {"x-should-retry: false"}),
    "max_tokens_too_large": (400, "invalid_request_error", {"x-should-retry: false"}),
    "bad_key": (401, "authentication_error", set()),
    "key_revoked": (401, "authentication_error", set()),
    "key_expired": (401, "authentication_error", set()),
    "not_allowed": (403, "permission_error", set()),
    "unknown_path": (404, "not_found_error", set()),
    "bad_method": (405, "invalid_request_error", {"allow: POST"}),
    "too_large": (413, "request_too_large", set()),
    "upstream_down": (529, "overloaded_error", {"retry-after", "x-should-retry: false"}),
    "breaker_open": (529, "overloaded_error", {"retry-after", "x-should-retry: false"}),
    "timeout": (504, "timeout_error", {"x-should-retry: false"}),
    "draining": (503, "api_error", {"retry-after: 1", "x-should-retry: true"}),
    "store_down": (503, "api_error", {"retry-after", "x-should-retry: false"}),
    "upstream_key_rejected": (502, "api_error", {"x-should-retry: false"}),
}
"""The table of the design, written out again on purpose: reason to status, type and the headers it has to have."""

ELSEWHERE = {"store_down": "test_environment.py"}
NOT_REACHABLE = {
    "queue_full": "e2e/test_open_files.py: it needs a gateway with few files",
    "not_found": "batches and files are not built yet",
}
OPTIONAL = {"retry-after", "x-should-retry", "x-tidegate-resets-at", "allow"}
TEXTS = load_texts()
CANARY = "canary-0b6f"


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_at(tmp_path_factory.mktemp("refusals"), CONFIG) as stage:
        yield stage


@pytest.fixture
def strict(standing: Stage) -> Stage:
    """A gateway where everything can be refused."""
    standing.fake.reset()
    return standing


def call(stage: Stage, *lines: str, key: str | None = None, user: str = "u", **changes: Any) -> bytes:
    """A call of that user with a canary in it."""
    messages = [{"role": "user", "content": f"{CANARY} {ASK['messages'][0]['content']}"}]
    return request(key or stage.key, body(**{"messages": messages, **changes}), f"x-tidegate-user: {user}", *lines)


@contextmanager
def stalled(stage: Stage, route: str, **changes: Any) -> Iterator[Wire]:
    """A call on that route that goes on as long as the block."""
    sent = call(stage, f"x-tidegate-route: {route}", "x-fake-fault: stall=2; output_tokens=50", stream=True, **changes)
    with wire(stage.gateway.port, sent) as connection:
        stage.fake.wait(open=1)
        yield connection
    stage.fake.wait(open=0)
    stage.site.settled()


def test_the_operators_own_words(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("texts")
    own = folder / "de.toml"
    own.write_text('rate_limited = "Das war zu schnell: {scope}."\n[scope]\nuser = "Sie"\n', encoding="utf-8")
    with stage_at(folder, f'{CONFIG}\n[texts]\nfile = "{own}"\n') as stage:
        assert rate_limited(stage).json["error"]["message"] == "Das war zu schnell: Sie."
        unknown = ask(stage.gateway.port, call(stage, model="claude-none"))
        assert unknown.json["error"]["message"].startswith(TEXTS["unknown_model"])


def rate_limited(stage: Stage) -> Reply:
    sent = call(stage, "x-tidegate-route: limited")
    return [ask(stage.gateway.port, sent) for _ in range(2)][-1]


def too_many_concurrent(stage: Stage) -> Reply:
    with stalled(stage, "single"):
        return ask(stage.gateway.port, call(stage, "x-tidegate-route: single"))


def budget_held(stage: Stage) -> Reply:
    with stalled(stage, "tight"):
        return ask(stage.gateway.port, call(stage, "x-tidegate-route: tight"))


def breaker_open(stage: Stage) -> Reply:
    """Twenty failures in a row; with a model of another family than all else here."""
    sent = call(stage, "x-fake-status: 500", model="claude-opus-5")
    return [ask(stage.gateway.port, sent) for _ in range(21)][-1]


def draining(stage: Stage) -> Reply:
    """A second gateway of the site is told to end while it streams; the call that waits behind comes too late."""
    gateway = stage.site.start()
    stream = call(stage, "x-fake-fault: gap=0.1; output_tokens=60; tokens_per_event=8", stream=True)
    with wire(gateway.port, stream + call(stage)) as connection:
        stage.fake.wait(open=1)
        gateway.terminate()
        until(lambda: _refuses(gateway.port))
        assert connection.reply().body.endswith(b'data: {"type":"message_stop"}\n\n')
        return connection.reply()


def _refuses(port: int) -> bool:
    """The gateway takes no more connections."""
    try:
        Wire(port).socket.close()
    except ConnectionError:
        return True
    return False


PROVOKED: dict[str, Callable[[Stage], Reply]] = {
    "rate_limited": rate_limited,
    "too_many_concurrent": too_many_concurrent,
    "budget_held": budget_held,
    "budget_spent": lambda stage: ask(stage.gateway.port, call(stage, "x-tidegate-route: poor")),
    "upstream_spend_stop": lambda stage: ask(stage.gateway.port, call(stage, "x-fake-spend: tier")),
    "bad_request": lambda stage: ask(stage.gateway.port, request(stage.key, BODY[:-1] + CANARY.encode())),
    "unknown_model": lambda stage: ask(stage.gateway.port, call(stage, model=f"claude {CANARY}")),
    "unbounded_cost": lambda stage: ask(
        stage.gateway.port, call(stage, tools=[{"type": "web_search_20250305", "name": "web_search"}])
    ),
    "identity_required": lambda stage: ask(stage.gateway.port, request(stage.key)),
    "max_tokens_too_large": lambda stage: ask(
        stage.gateway.port, call(stage, "x-tidegate-route: short", max_tokens=65)
    ),
    "bad_key": lambda stage: ask(stage.gateway.port, call(stage, key=compose(new_key_id(), new_key_secret()))),
    "key_revoked": lambda stage: ask(stage.gateway.port, call(stage, key=stage.site.new_key(revoked_at=1))),
    "key_expired": lambda stage: ask(stage.gateway.port, call(stage, key=stage.site.new_key(expires_at=1))),
    "not_allowed": lambda stage: ask(stage.gateway.port, call(stage, "x-tidegate-route: haiku", model="claude-opus-5")),
    "unknown_path": lambda stage: ask(stage.gateway.port, request(stage.key, path=f"/v1/{CANARY}")),
    "bad_method": lambda stage: ask(stage.gateway.port, request(stage.key, method="PUT")),
    "too_large": lambda stage: ask(stage.gateway.port, request(stage.key, CANARY.encode() * 100_000)),
    "upstream_down": lambda stage: ask(stage.gateway.port, call(stage, "x-fake-reset: before")),
    "breaker_open": breaker_open,
    "timeout": lambda stage: ask(stage.gateway.port, call(stage, "x-fake-stall: before", stream=True)),
    "draining": draining,
    "upstream_key_rejected": lambda stage: ask(stage.gateway.port, call(stage, "x-fake-status: 401")),
}


def test_every_reason_is_either_tried_or_out_of_reach() -> None:
    assert PROVOKED.keys() | ELSEWHERE.keys() == SHAPES.keys()
    assert SHAPES.keys() | NOT_REACHABLE.keys() == set(get_args(Reason))


@pytest.mark.parametrize("reason", PROVOKED)
def test_a_refusal_on_the_wire(strict: Stage, reason: str) -> None:
    is_as_designed(PROVOKED[reason](strict), reason)


def is_as_designed(reply: Reply, reason: str) -> None:
    """The reply has the shape of that reason, and nothing of the request in it."""
    status, kind, wanted = SHAPES[reason]
    headers = reply.headers
    assert (reply.status, reply.error, reply.reason) == (status, kind, reason)
    assert headers["content-type"] == "application/json"
    assert reply.json.keys() == {"type", "error", "request_id"}
    assert reply.json["type"] == "error"
    assert reply.json["error"].keys() == {"type", "message"}
    assert reply.json["request_id"] == headers["request-id"]
    assert headers["request-id"].startswith("req_")
    present = {name for name in headers if name in OPTIONAL}
    assert present == {line.partition(":")[0] for line in wanted}
    for name, _, value in (line.partition(": ") for line in wanted if ": " in line):
        assert headers[name] == value
    assert int(headers.get("retry-after", 1)) >= 1
    words = reply.json["error"]["message"]
    assert words.startswith(TEXTS[reason].partition("{")[0])
    assert "{" not in words
    assert len(words) < 250
    assert CANARY not in reply.body.decode() + repr(reply.pairs)


def test_refusals_are_recorded_without_content(strict: Stage) -> None:
    ask(strict.gateway.port, call(strict, "x-tidegate-route: poor"))
    (row,) = strict.site.query("SELECT * FROM refusals ORDER BY rowid DESC LIMIT 1")
    expected = {"app": "tests", "user_id": "u", "route": "poor", "reason": "budget_spent", "scope": "user"}
    assert {name: row[name] for name in expected} == expected
    assert CANARY.encode() not in strict.site.bytes_on_disk()


@pytest.mark.parametrize("stream", [False, True])
def test_a_refused_stream_is_no_stream(strict: Stage, *, stream: bool) -> None:
    is_as_designed(
        ask(strict.gateway.port, call(strict, "x-tidegate-route: poor", stream=stream)),
        "budget_spent",
    )
    strict.nothing_reached_the_fake()


def test_a_budget_that_is_held_is_free_again(strict: Stage) -> None:
    """Of a user of its own: who was held before has spent a part."""
    with stalled(strict, "tight", user="held"):
        sent = call(strict, "x-tidegate-route: tight", user="held")
        assert ask(strict.gateway.port, sent).reason == "budget_held"
    assert len(strict.fake.attempts()) == 1
