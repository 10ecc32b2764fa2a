import gzip
import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate.fake.settings import Settings

BODY: dict[str, Any] = {"model": "claude-sonnet-5", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 300_000) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
BLOCK = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image", "document", "tool_result", "tool_use", "thinking", "wave"])},
    optional={"text": JSON, "source": JSON, "content": JSON, "cache_control": JSON, "signature": JSON, "input": JSON},
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "sailor"]), "content": JSON | st.lists(BLOCK, max_size=3)}
)
TOOL = st.fixed_dictionaries(
    {}, optional={"type": st.sampled_from(["bash_1", "web_search_1", "custom"]), "name": JSON, "input_schema": JSON}
)
FIELDS = {
    "model": st.sampled_from(["claude-haiku-4-5", "claude-opus-5-5", "claude-sonnet-5-5"]),
    "max_tokens": st.integers(0, 3_000),
    "messages": st.lists(MESSAGE | JSON, max_size=3),
    "system": JSON | st.lists(BLOCK, max_size=2),
    "tools": JSON | st.lists(TOOL, max_size=2),
    "tool_choice": JSON,
    "thinking": JSON | st.just({"type": "adaptive"}),
    "stop_sequences": JSON,
    "metadata": JSON,
    "output_config": JSON,
    "cache_control": JSON,
    "stream": JSON,
    "speed": JSON,
    "inference_geo": JSON,
}


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(st.fixed_dictionaries({}, optional=FIELDS), st.sampled_from(["/v1/messages", "/v1/messages/count_tokens"]))
def test_every_body_gets_an_answer(asker: Callable[..., Any], body: dict[str, Any], path: str) -> None:
    ask = asker()
    status, told, attempt = ask({**BODY, **body}, path=path)
    assert status in (200, 400, 404)
    if status != 200:
        assert told["type"] == "error"
        assert attempt.row.cost == 0
    assert ask.world.books.totals().open == 0


def test_rows_say_what_came_and_went(ask: Any) -> None:
    status, _, attempt = ask(BODY, x_stainless_retry_count="2", user_agent="tests/1", anthropic_beta="a-1,b-2")
    row = attempt.row
    raw = msgspec.json.encode(BODY)
    assert (status, row.retry_count, row.user_agent, row.anthropic_beta) == (200, 2, "tests/1", "a-1,b-2")
    assert (row.request_sha256, row.request_bytes) == (hashlib.sha256(raw).hexdigest(), len(raw))
    payload = b"".join(step.payload for step in attempt.reply.steps)
    assert (row.response_sha256, row.response_bytes) == (hashlib.sha256(payload).hexdigest(), len(payload))
    assert row.credential == hashlib.sha256(b"sk-ant-api03-x").hexdigest()[:16]


def test_the_same_request_gets_the_same_answer(asker: Callable[..., Any]) -> None:
    assert asker()(BODY)[1] == asker()(BODY)[1]
    assert asker()(BODY)[1]["content"] != asker()({**BODY, "max_tokens": 51})[1]["content"]


def test_nothing_of_the_content_is_kept(asker: Callable[..., Any]) -> None:
    ask = asker()
    canary = "canary-31415926535897932384 <secret>"  # too long to turn up by chance among sizes and hashes
    for body in (
        {**BODY, "messages": [{"role": "user", "content": canary}], "system": canary},
        {**BODY, "model": canary},
        {**BODY, "metadata": {"user_id": canary}},
    ):
        ask(
            body,
            user_agent=canary,
            anthropic_beta=canary,
            x_other=canary,
            path=f"/v1/messages?q={canary}",
            x_api_key=canary,
        )
        ask(body, x_fake_say=canary)
    assert b"31415926535897932384" not in msgspec.json.encode(list(ask.world.books.rows))


def test_header_values_only_on_demand(asker: Callable[..., Any]) -> None:
    assert asker()(BODY)[2].row.kept_headers is None
    kept = asker(Settings(keep_headers=True))(BODY, x_other="1")[2].row.kept_headers
    assert kept["x-other"] == "1"


@pytest.mark.parametrize(
    ("keys", "headers", "status"),
    [
        ((), {}, 200),
        ((), {"x_api_key": "nonsense"}, 401),
        ((), {"x_api_key": "", "authorization": "Bearer sk-ant-1"}, 200),
        ((), {"x_api_key": "", "authorization": "Basic sk-ant-1"}, 401),
        ((), {"authorization": "Bearer nonsense"}, 401),
        ((), {"x_api_key": ""}, 401),
        (("mine",), {}, 401),
        (("mine",), {"x_api_key": "mine"}, 200),
    ],
)
def test_keys(asker: Callable[..., Any], keys: tuple[str, ...], headers: dict[str, str], status: int) -> None:
    assert asker(Settings(keys=keys))(BODY, **headers)[0] == status


def test_orders_come_before_all_checks(ask: Any) -> None:
    assert ask({}, x_api_key="nonsense", x_fake_status="529")[0] == 529
    assert ask(path="/v1/models", method="GET", x_fake_status="500")[0] == 500


def test_too_long_prompts(asker: Callable[..., Any]) -> None:
    body = {**BODY, "model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "water " * 200_000}]}
    status, told, _ = asker()(body)
    assert (status, "prompt is too long" in told["error"]["message"]) == (400, True)
    _, told, _ = asker(Settings(bill="worst"))(body)
    assert told["usage"]["input_tokens"] == 200_000


def test_scripts_play_and_reset(asker: Callable[..., Any]) -> None:
    ask = asker(script={"rules": [{"when": {"nth": 1}, "do": {"status": 500}}], "settings": {"bill": "worst"}})
    assert [ask(BODY)[0] for _ in range(2)] == [500, 200]
    assert ask.world.settings.bill == "worst"
    ask.world.reset()
    assert ask.world.books.totals().attempts == 0
    assert [ask(BODY)[0] for _ in range(2)] == [500, 200]


def test_rules_see_the_user_and_the_stream_flag(asker: Callable[..., Any]) -> None:
    ask = asker(script={"rules": [{"when": {"user": "ann", "stream": True}, "do": {"status": 500}}]})
    ann = {**BODY, "metadata": {"user_id": "ann"}}
    assert [ask(body)[0] for body in (BODY, ann, {**ann, "stream": True})] == [200, 200, 500]


def test_html_errors(ask: Any) -> None:
    attempt = ask.begin(BODY, x_fake_fault="html; status=413")
    wire = b"".join(step.wire for step in attempt.reply.steps)
    assert wire.startswith(b"HTTP/1.1 413 ")
    assert b"text/html" in wire
    assert b"request-id" not in wire


@pytest.mark.parametrize("body", [BODY, {**BODY, "stream": True}])
def test_dressing(ask: Any, body: dict[str, Any]) -> None:
    def wire(**orders: str) -> bytes:
        return b"".join(step.wire for step in ask.begin(body, **orders).reply.steps)

    assert b"content-type: text/plain\r\n" in wire(x_fake_content_type="text/plain")
    assert b"content-encoding" not in wire(x_fake_gzip="true")
    assert b"content-encoding: gzip" in wire(x_fake_gzip="true", accept_encoding="gzip, br")
    assert b"content-encoding: gzip" in wire(x_fake_gzip="force")
    assert b"usage" not in wire(x_fake_no_usage="true")
    assert wire(x_fake_empty="true").endswith((b"content-length: 0\r\n\r\n", b"\r\n\r\n0\r\n\r\n"))


def test_gzip_streams_unpack_to_the_plain_ones(ask: Any) -> None:
    body = {**BODY, "stream": True}
    plain, packed = (ask.begin(body, **how).reply.steps for how in ({}, {"x_fake_gzip": "force"}))
    unpacked = gzip.decompress(b"".join(step.payload for step in packed))
    assert unpacked == b"".join(step.payload for step in plain)


def test_models_pages(ask: Any) -> None:
    def ids(query: str) -> tuple[list[str], bool]:
        _, told, _ = ask(path=f"/v1/models?{query}", method="GET")
        return [model["id"] for model in told["data"]], told["has_more"]

    everything, more = ids("limit=1000")
    assert not more
    assert ids("limit=3") == (everything[:3], True)
    assert ids(f"limit=3&after_id={everything[2]}") == (everything[3:6], True)
    assert ids(f"limit=3&before_id={everything[5]}") == (everything[2:5], True)
    assert ids(f"limit=30&before_id={everything[5]}") == (everything[:5], False)
    assert ask(path="/v1/models?limit=0", method="GET")[0] == 400
    assert ask(path="/v1/models/claude-9", method="GET")[0] == 404
    assert ask(path="/v1/models/claude-haiku-4-5-20251001", method="GET")[1]["id"] == "claude-haiku-4-5"


def test_real_pace(asker: Callable[..., Any]) -> None:
    steps = asker(Settings(pace="real")).begin({**BODY, "stream": True}).reply.steps
    assert [step.wait for step in steps[:4]] == [0.0, 0.3, 0.02, 0.02]
    (whole,) = asker(Settings(pace="real")).begin(BODY).reply.steps
    assert whole.wait > 0.4
