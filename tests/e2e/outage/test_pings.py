"""Pings through a real gateway: after the upstream's headers, between events, for SDKs that parse what they get."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from e2e.client import Answer, call, request
from e2e.gateways import Gateway, Site, site_at
from e2e.money import ask
from e2e.outage.books import agree, nothing_is_left
from e2e.sdk.documents import NODE_FOLDER, install_node_modules
from tidegate.testing import FakeClaude

CONFIG = """
[gateway]
ping = "200ms"
[policy]
bound = "strict"
[retry]
attempts = 1
[[budgets]]
per = "organization"
amount = "100 USD"
every = "month"
"""
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
"""As tidegate writes it, and as the API does."""
ASK: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hello, how high is the tide today?"}],
}


class Quay:
    """A gateway that pings after 200 ms."""

    def __init__(self, site: Site, gateway: Gateway, fake: FakeClaude) -> None:
        self.site = site
        self.gateway = gateway
        self.fake = fake

    def stream(self, **headers: str) -> Answer:
        sent = request(ask("How high?", stream=True), key=self.site.key, headers=headers)
        return asyncio.run(call(self.gateway.port, sent))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.gateway.port}"


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, fake_claude_process: FakeClaude) -> Iterator[Quay]:
    with site_at(tmp_path_factory.mktemp("pings") / "site", fake_claude_process.url, CONFIG) as site:
        yield Quay(site, site.start(), fake_claude_process)


@pytest.fixture
def quay(standing: Quay, fake_claude: FakeClaude) -> Iterator[Quay]:
    """Afterwards nothing is held."""
    yield standing
    fake_claude.wait(open=0)
    nothing_is_left(standing.site)


def without_pings(answer: Answer) -> list[str]:
    return [name for name in answer.events if name != "ping"]


def pieces(answer: Answer) -> list[bytes]:
    """The events as they stand on the wire; each is whole."""
    *events, rest = answer.body.split(b"\n\n")
    assert rest == b""
    for event in events:
        name, data = event.split(b"\n")
        assert json.loads(data.removeprefix(b"data: "))["type"].encode() == name.removeprefix(b"event: ")
    return events


def test_a_silent_upstream_is_bridged(quay: Quay) -> None:
    """Half a second before the first event, 0.3 seconds between the others."""
    quay.fake.script(first_byte=0.5, gap=0.3, output_tokens=8, tokens_per_event=4)
    answer = quay.stream()
    assert answer.whole
    names = answer.events
    assert names[0] == "ping", "before message_start"
    assert names.count("ping") >= 4
    assert without_pings(answer) == [
        "message_start", "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop",
        "message_delta", "message_stop",
    ]  # fmt: skip
    pieces(answer)


def test_none_before_the_upstreams_headers(quay: Quay) -> None:
    """Until then the reply may still become an error, with a status of its own."""
    quay.fake.script(delay=0.5, output_tokens=4)
    answer = quay.stream()
    assert answer.status == 200
    assert answer.events[0] == "message_start"
    quay.fake.script(delay=0.3, status=400)
    assert quay.stream().status == 400


def test_none_for_who_is_spoken_to(quay: Quay) -> None:
    quay.fake.script(gap=0.02, output_tokens=40, tokens_per_event=4)
    assert PING not in quay.stream().body.replace(PING, b"", 1), "but for the API's own"


def test_none_in_a_compressed_stream(quay: Quay) -> None:
    quay.fake.script(gzip="force", first_byte=0.3, gap=0.25, output_tokens=4)
    answer = quay.stream(**{"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert b"ping" not in answer.body


def test_none_for_an_answer_that_is_no_stream(quay: Quay) -> None:
    quay.fake.script(delay=0.3)
    sent = request(ask("How high?"), key=quay.site.key)
    answer = asyncio.run(call(quay.gateway.port, sent))
    assert answer.json["type"] == "message"


def test_the_python_sdk_reads_through_them(quay: Quay) -> None:
    quay.fake.script(first_byte=0.3, gap=0.25, output_tokens=8, tokens_per_event=4, say="The tide is high.")
    with anthropic.Anthropic(api_key=quay.site.key, base_url=quay.url, max_retries=0) as client:
        with client.messages.stream(**ASK) as stream:
            text = "".join(stream.text_stream)
            final = stream.get_final_message()
        events = [event.type for event in client.messages.create(**ASK, stream=True)]
    assert text == "The tide is high."
    assert final.content[0].text == text  # type: ignore[union-attr]  # a text
    assert events[0] == "message_start"
    assert "ping" not in events
    agree(quay.site.charges()[-2:], quay.fake)


NODE = """
import Anthropic from '@anthropic-ai/sdk';
const client = new Anthropic({ maxRetries: 0 });
const stream = client.messages.stream(JSON.parse(process.argv[2]));
const names = [];
stream.on('streamEvent', (event) => names.push(event.type));
const message = await stream.finalMessage();
console.log(JSON.stringify({ names, text: message.content[0].text }));
"""


def test_the_typescript_sdk_reads_through_them(quay: Quay) -> None:
    node = shutil.which("node")
    if node is None or not install_node_modules():
        pytest.skip(
            "the TypeScript SDK is not installed: it needs Node 20 or newer, npm, and a way to npm's registry "
            "(registry.npmjs.org, or what `npm config get registry` says)"
        )
    quay.fake.script(first_byte=0.3, gap=0.25, output_tokens=8, tokens_per_event=4, say="The tide is high.")
    done = subprocess.run(
        [node, "--input-type=module", "-e", NODE, "-", json.dumps(ASK)],
        cwd=NODE_FOLDER,
        env={"PATH": os.environ["PATH"], "ANTHROPIC_BASE_URL": quay.url, "ANTHROPIC_API_KEY": quay.site.key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["text"] == "The tide is high."
    assert found["names"][0] == "message_start"


def test_who_does_not_read_is_settled_when_he_leaves(quay: Quay) -> None:
    """He reads the status and no more; the upstream is silent all the time."""
    quay.fake.script(stall=1)
    before = len(quay.site.charges())

    async def idle() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", quay.gateway.port, limit=1)
        writer.write(request(ask("How high?", stream=True), key=quay.site.key))
        await reader.readexactly(12)
        assert (await asyncio.to_thread(quay.gateway.state))["open_holds"] == 1
        writer.transport.abort()

    asyncio.run(idle())
    quay.fake.wait(open=0)
    quay.site.settled()
    assert len(quay.site.charges()) == before + 1
