"""Content leaves no trace: strings that exist nowhere else are sent through everything, then looked for on disk."""

import asyncio
import json
import secrets
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pytest

from e2e.client import Answer, call, request
from e2e.conftest import NewSite
from e2e.gateways import ADMIN_TOKEN, KEY_SECRET, UPSTREAM_KEY, Gateway, Site, until
from e2e.money import MODEL
from tidegate.testing import FakeClaude

CONFIG = """
[policy]
bound = "{bound}"
[breaker]
open_above = 1  # never: what is sent last has to arrive, too
[retry]
attempts = 2
base = "10ms"
[timeouts]
first_byte = "1s"
idle = "1s"
total = "2s"
[[limits]]
per = ["app", "user", "route", "model"]
requests = "1000/minute"
tokens = "1000000000/day"
[[budgets]]
per = ["app", "user", "route", "model"]
amount = "1000 USD"
every = "day"
"""


class Canaries:
    """Makes strings that exist nowhere else and finds them again, in any case of letters and in base64."""

    def __init__(self) -> None:
        self.made: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        """The canary of that name: letters and digits only, so that no escaping hides it."""
        return self.made.setdefault(name, f"Canary{name.title()}{secrets.token_hex(8)}")

    def hostile(self, name: str) -> str:
        """The canary in a text that is no label."""
        return f"{self[name]} said: 'no <b>label</b>'\t\\"

    def found_in(self, data: bytes) -> list[str]:
        """Names of those that are in there."""
        low = data.lower()
        return [
            name
            for name, text in self.made.items()
            if text.lower().encode() in low or b64encode(text.encode()).rstrip(b"=")[:-1] in data
        ]


@pytest.fixture
def canaries() -> Canaries:
    return Canaries()


def body_of(canaries: Canaries, **more: Any) -> dict[str, Any]:
    """A request with a canary in every field that can carry content."""
    return {
        "model": MODEL,
        "max_tokens": 2_000,
        "system": [{"type": "text", "text": canaries["system"], "cache_control": {"type": "ephemeral"}}],
        "thinking": {"type": "enabled", "budget_tokens": 1_024},
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": canaries["prompt"]},
                    {
                        "type": "document",
                        "title": canaries["title"],
                        "context": canaries["context"],
                        "source": {"type": "text", "media_type": "text/plain", "data": canaries["file"]},
                    },
                    {
                        "type": "image",
                        "source": {
                            "type": "base64",
                            "media_type": "image/png",
                            "data": b64encode(canaries["image"].encode()).decode(),
                        },
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": canaries["thought"], "signature": canaries["signature"]},
                    {
                        "type": "tool_use",
                        "id": f"toolu_{canaries['toolid']}",
                        "name": canaries["tool"],
                        "input": {canaries["inputname"]: canaries["inputvalue"]},
                    },
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": f"toolu_{canaries['toolid']}",
                        "content": [{"type": "text", "text": canaries["result"]}],
                    }
                ],
            },
        ],
        "tools": [
            {
                "name": canaries["tool"],
                "description": canaries["description"],
                "input_schema": {
                    "type": "object",
                    "properties": {canaries["property"]: {"type": "string", "description": canaries["propertytext"]}},
                },
            }
        ],
        "stop_sequences": [canaries["stop"]],
        "metadata": {"user_id": canaries.hostile("metadata")},
        canaries["fieldname"]: canaries["fieldvalue"],
        **more,
    }


def headers_of(canaries: Canaries, **more: str | bytes) -> dict[str, str | bytes]:
    """Headers with a canary in each value, the one of the user with bytes that are no text."""
    return {
        "x-tidegate-user": canaries.hostile("user").encode() + b"\xff\xfe",
        "x-tidegate-route": canaries.hostile("route"),
        "cookie": f"session={canaries['cookie']}",
        "user-agent": canaries["agent"],
        "x-forwarded-for": canaries["forwarded"],
        "x-custom": canaries["custom"],
        "x-fake-say": canaries["said"],
        **more,
    }


class Storm:
    """Sends what can be sent, and keeps the answers."""

    def __init__(self, site: Site, gateway: Gateway, canaries: Canaries) -> None:
        self.site = site
        self.gateway = gateway
        self.canaries = canaries
        self.answers: dict[str, Answer] = {}

    def send(
        self,
        name: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str | bytes] | None = None,
        path: str = "/v1/messages",
        method: str = "POST",
        **how: Any,
    ) -> Answer:
        sent = request(
            body if body is not None else body_of(self.canaries),
            key=key or self.site.key,
            headers=headers_of(self.canaries, **(headers or {})),
            path=path,
            method=method,
        )
        self.answers[name] = answer = asyncio.run(call(self.gateway.port, sent, **how))
        return answer

    def well(self) -> None:
        for stream in (False, True):
            answer = self.send(f"well {stream}", body_of(self.canaries, stream=stream))
            assert answer.status == 200, answer.body
            assert self.canaries["said"] in (_spoken(answer) if stream else answer.body.decode())
        known = self.site.new_key(user_from="metadata")
        self.send("metadata", headers={"x-tidegate-user": ""}, key=known)
        self.send("gzip", headers={"x-fake-fault": "gzip=force"})
        self.send("other words", headers={"x-fake-stop-reason": self.canaries["reason"]})
        self.send("other model", headers={"x-fake-model": self.canaries.hostile("model")})
        self.send("count", path="/v1/messages/count_tokens")

    def errors(self) -> None:
        text, kind = self.canaries["errortext"], self.canaries["errortype"]
        for status in (400, 401, 403, 404, 413, 429, 500, 529):
            fault = f"status={status}; message={text} {status}; error_type={kind}"
            self.send(f"error {status}", headers={"x-fake-fault": fault})
        self.send("html", headers={"x-fake-fault": "status=502; html"})
        self.send("spent", headers={"x-fake-fault": "spend=tier"})
        self.send("malformed", headers={"x-fake-fault": "malformed"})
        self.send("lost", headers={"x-fake-fault": "reset=before; delay=0.02"})
        self.send("slow", headers={"x-fake-fault": "stall=before"})
        streaming = body_of(self.canaries, stream=True)
        for fault in ("cut=4", "cut_chunked=5; gzip=force", "reset=3", "stall=4", "malformed", "empty"):
            self.send(f"stream {fault}", streaming, headers={"x-fake-fault": fault})
        self.send("event", streaming, headers={"x-fake-fault": f"error_event=4; error_event_type={kind}"})

    def refusals(self) -> None:
        canaries = self.canaries
        self.send("unknown model", body_of(canaries, model=canaries.hostile("wantedmodel")))
        self.send("unknown model, escaped", body_of(canaries, model=canaries["wantedmodel"] + "\ud83c\udf0a\n"))
        self.send("no JSON", json.dumps(body_of(canaries)).encode()[:-5])
        self.send("twice", b'{"' + canaries["twice"].encode() + b'":1,"' + canaries["twice"].encode() + b'":2}')
        self.send("bad max_tokens", body_of(canaries, max_tokens=canaries["maxtokens"]))
        self.send("bad stream", body_of(canaries, stream=canaries["stream"]))
        self.send("not UTF-8", b'{"model":"' + canaries["latin"].encode() + b'\xff"}')
        self.send("gzip bomb", b"\x1f\x8b" + canaries["gzip"].encode(), headers={"content-encoding": "gzip"})
        self.send("coding", headers={"content-encoding": canaries["coding"]})
        self.send("tool type", body_of(canaries, tools=[{"type": canaries.hostile("tooltype"), "name": "x"}]))
        self.send("speed", body_of(canaries, speed=canaries["speed"], service_tier=canaries["tier"]))
        self.send("path", path=f"/v1/{canaries['path']}?{canaries['query']}=1")
        self.send("query", path=f"/v1/messages?{canaries['query']}=1")
        self.send("percent", path=f"/v1/messages/batches/{canaries['path']}/%00")
        self.send("method", method="PUT")
        self.send("bad key", key=canaries["key"])
        self.send("other key", key="sk-ant-api03-" + canaries["theirkey"])
        self.send("two keys", headers={"authorization": f"Bearer {canaries['theirkey']}"})
        revoked = "tg_abcdefgh_" + self.site.key.split("_")[2]
        self.send("forged key", key=revoked)
        narrow = self.site.new_key(routes=("one", "two"), models=("claude-opus-5-5",))
        self.send("route of another", key=narrow)
        self.send("model of another", key=narrow, headers={"x-tidegate-route": "one"})

    def left(self, fake: FakeClaude) -> None:
        """The client goes: while it waits, and in the middle of a stream."""
        streaming = body_of(self.canaries, stream=True)
        self.send("left", leave_when=_reached(fake, fake.totals().attempts + 1), headers={"x-fake-fault": "delay=0.9"})
        self.send(
            "left in mid-stream",
            streaming,
            headers={"x-fake-fault": "stall=6"},
            leave=lambda heard: heard.count(b"event: ") >= 6,
        )
        fake.wait(open=0)


def _spoken(answer: Answer) -> str:
    """The text of a stream."""
    lines = [line for line in answer.body.split(b"\n") if line.startswith(b"data: ") and b"text_delta" in line]
    return "".join(json.loads(line[6:])["delta"]["text"] for line in lines)


async def _reached(fake: FakeClaude, attempts: int) -> None:
    await asyncio.to_thread(fake.wait, attempts=attempts)


def secrets_of(canaries: Canaries, site: Site) -> None:
    """From here on credentials are canaries too; an app key's id may be stored, its secret part may not."""
    canaries.made["appkey"] = site.key.split("_")[2]
    canaries.made["upstreamkey"] = UPSTREAM_KEY
    canaries.made["keysecret"] = KEY_SECRET
    canaries.made["admintoken"] = ADMIN_TOKEN


PASSED_ON = {"error 400", "error 403", "error 404", "error 413"}
"""Errors that are the caller's own: the upstream's words are for the caller."""


@pytest.mark.parametrize(("bound", "form"), [("counted", "json"), ("estimated", "readable")])
def test_nothing_of_a_call_is_written_down_or_told_to_others(
    new_site: NewSite, fake_claude: FakeClaude, canaries: Canaries, bound: str, form: str
) -> None:
    site = new_site(CONFIG.format(bound=bound))
    site.may_complain = True  # what it writes there is looked at here
    gateway = site.start(debug=True, form=form)
    storm = Storm(site, gateway, canaries)
    storm.well()
    storm.errors()
    storm.refusals()
    storm.left(fake_claude)
    secrets_of(canaries, site)
    until(lambda: not gateway.state()["open_holds"])
    assert canaries.found_in(site.bytes_on_disk()) == []
    for name, answer in storm.answers.items():
        if answer.status >= 400 and name not in PASSED_ON:
            told = canaries.found_in(answer.body + repr(answer.headers).encode())
            assert told == [], (name, answer)
            assert answer.json["type"] == "error", (name, answer)
            assert answer.json["error"]["message"], (name, answer)
    for name in PASSED_ON:
        assert canaries["errortext"].encode() in storm.answers[name].body
    status, page = gateway.get("/dashboard", {"authorization": f"Bearer {ADMIN_TOKEN}"})
    assert status == 200
    assert canaries.found_in(page) == []
    assert "Traceback" not in gateway.errors, gateway.errors
    _hashed(site)
    gateway.stop()
    assert canaries.found_in(site.bytes_on_disk()) == []


def _hashed(site: Site) -> None:
    """What is no label is kept as a hash, the same for the same text; vocabulary that nobody knows is `other`."""
    charges = site.charges()
    users = {charge["user_id"] for charge in charges}
    routes = {charge["route"] for charge in charges}
    assert len(users) == 2, "one user from the header, one from the metadata"
    assert all(user.startswith("hash:") and len(user) == 37 for user in users)
    assert len(routes) == 1
    assert next(iter(routes)).startswith("hash:")
    refused = {row["model"] for row in site.query("SELECT model FROM refusals WHERE reason = 'unknown_model'")}
    assert len(refused) == 2
    assert all(model.startswith("hash:") for model in refused)
    assert "other" in {charge["model"] for charge in charges}
    assert "other" in {charge["stop_reason"] for charge in charges}
    assert "other" in {charge["error_type"] for charge in charges}


@pytest.mark.parametrize("stream", [False, True])
def test_a_crash_leaves_nothing_either(
    new_site: NewSite, fake_claude: FakeClaude, canaries: Canaries, stream: bool
) -> None:
    """The process dies with calls in its memory; then another one charges what it finds."""
    site = new_site(CONFIG.format(bound="strict"))
    gateway = site.start(debug=True)
    fake_claude.script(rules=[{"when": {"stream": True}, "do": {"stall": 5}}], delay=0.9)
    secrets_of(canaries, site)
    storm = Storm(site, gateway, canaries)

    async def die() -> None:
        await asyncio.to_thread(fake_claude.wait, attempts=1)
        gateway.kill()

    storm.send("crash", body_of(canaries, stream=stream), leave_when=die())
    assert canaries.found_in(site.bytes_on_disk()) == []
    assert len(site.holds()) == 1
    site.start(debug=True)
    until(site.charges)
    site.settled()
    assert canaries.found_in(site.bytes_on_disk()) == []
    (charge,) = site.charges()
    assert charge["outcome"] == "crashed"
    assert charge["user_id"].startswith("hash:")


def test_the_canaries_can_be_found(canaries: Canaries) -> None:
    """The search sees what it must see."""
    text = canaries["one"]
    assert canaries.found_in(f"... {text.upper()} ...".encode()) == ["one"]
    assert canaries.found_in(b64encode(text.encode())) == ["one"]
    assert canaries.found_in(b"nothing") == []
