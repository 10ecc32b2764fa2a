"""What Claude Code sends through a gateway: probes, betas of tomorrow, both auth headers, two API versions."""

from typing import Any

import pytest

from e2e.http.wire import ask, body, request
from e2e.sdk.stage import HAIKU, SONNET, Stage

BETAS = (
    "claude-code-20250219,oauth-2025-04-20,interleaved-thinking-2025-05-14,advisor-tool-2026-03-01,"
    "context-management-2025-06-27,prompt-caching-scope-2026-01-05,tide-2031-12-24"
)
BODY: dict[str, Any] = {
    "model": SONNET,
    "max_tokens": 32_000,
    "stream": True,
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330; cc_entrypoint=cli;"},
        {"type": "text", "text": "You are Claude Code.", "cache_control": {"type": "ephemeral"}},
    ],
    "messages": [{"role": "user", "content": [{"type": "text", "text": "What does this repository do?"}]}],
    "tools": [{"name": "Bash", "description": "Runs a command", "input_schema": {"type": "object", "properties": {}}}],
    "metadata": {"user_id": "user_0b6f_account__session_5f1d0f0e"},
    "thinking": {"type": "adaptive"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "output_config": {"effort": "medium"},
    "tidal_mode": {"unheard": ["of"]},
}
LINES = (
    f"anthropic-beta: {BETAS}",
    "anthropic-dangerous-direct-browser-access: true",
    "user-agent: claude-cli/2.1.330 (external, cli)",
    "x-app: cli",
    "x-claude-code-session-id: 5f1d0f0e-8c64-4a39-9a52-2f0f5d7c9a10",
    "x-tomorrow: today",
    "accept-encoding: gzip, deflate, br, zstd",
)


def test_the_probe_is_answered_without_the_upstream(stage: Stage) -> None:
    for key in (None, stage.key):
        reply = ask(stage.gateway.port, request(key, b"", method="HEAD", path="/api/hello", length=False), head=True)
        assert (reply.status, reply.reason) == (200, "")
    assert ask(stage.gateway.port, request(None, b"", method="GET", path="/api/hello")).status == 200
    stage.nothing_reached_the_fake()


@pytest.mark.parametrize("key", ["normal", "transparent"])
@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
def test_a_turn(stage: Stage, version: str, key: str) -> None:
    used = stage.key if key == "normal" else stage.transparent
    raw = body(**BODY)
    sent = request(used, raw, *LINES, path="/v1/messages?beta=true").replace(b"2023-06-01", version.encode())
    reply = ask(stage.gateway.port, sent)
    assert reply.status == 200
    assert reply.body.endswith(b'data: {"type":"message_stop"}\n\n')
    assert reply.headers["request-id"]
    (row,) = stage.seen()
    assert (row.query, row.anthropic_version, row.anthropic_beta) == ("beta=true", version, BETAS)
    assert row.request_bytes == len(raw)
    for line in LINES[1:-1]:
        name, _, value = line.partition(": ")
        assert stage.header(name) == value
    charge = stage.site.charges()[-1]
    assert (charge["exactness"], charge["cost"], charge["user_id"]) == ("actual", row.cost, "anonymous")


def test_counting_with_beta(stage: Stage) -> None:
    raw = body(**{name: BODY[name] for name in ("model", "system", "messages", "tools", "thinking")})
    reply = ask(stage.gateway.port, request(stage.key, raw, *LINES, path="/v1/messages/count_tokens?beta=true"))
    assert reply.json["input_tokens"] > 0
    assert stage.seen()[0].query == "beta=true"


def test_models_for_discovery(stage: Stage) -> None:
    reply = ask(stage.gateway.port, request(stage.key, b"", *LINES, method="GET", path="/v1/models?limit=1000"))
    there = ask(stage.fake.port, request(stage.fake.key, b"", method="GET", path="/v1/models?limit=1000"))
    assert reply.body == there.body
    assert HAIKU in [model["id"] for model in reply.json["data"]]
    assert reply.status == 200


@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21", "1999-01-01", "tomorrow"])
def test_the_version_is_never_rewritten(stage: Stage, version: str) -> None:
    sent = request(stage.key).replace(b"2023-06-01", version.encode())
    here = ask(stage.gateway.port, sent)
    there = ask(stage.fake.port, sent.replace(stage.key.encode(), stage.fake.key.encode()))
    assert here.status == there.status
    assert stage.seen()[0].anthropic_version == version


AUTH: dict[str, tuple[tuple[str, ...], int]] = {
    "x-api-key": (("x-api-key: {key}",), 200),
    "bearer": (("authorization: Bearer {key}",), 200),
    "bearer in lower case": (("Authorization: bearer {key}",), 200),
    "both, the same": (("x-api-key: {key}", "authorization: Bearer {key}"), 200),
    "both, one empty": (("x-api-key:", "authorization: Bearer {key}"), 200),
    "the same twice": (("x-api-key: {key}", "x-api-key: {key}"), 200),
    "two different": (("x-api-key: {key}", "authorization: Bearer {other}"), 400),
    "two different, one of no use": (("x-api-key: {key}", "authorization: Bearer sk-ant-api03-x"), 400),
    "two different in one header": (("x-api-key: {key}", "x-api-key: {other}"), 400),
    "another scheme": (("authorization: Basic {key}",), 401),
    "another scheme beside the key": (("x-api-key: {key}", "authorization: Basic abc"), 400),
    "none": ((), 401),
}


@pytest.mark.parametrize("case", AUTH)
def test_credentials(stage: Stage, case: str) -> None:
    lines, status = AUTH[case]
    keys = {"key": stage.key, "other": stage.transparent}
    reply = ask(stage.gateway.port, request(None, body(), *(line.format(**keys) for line in lines)))
    assert reply.status == status
    assert reply.reason == {200: "", 400: "bad_request", 401: "bad_key"}[status]
    assert len(stage.seen()) == (status == 200)
