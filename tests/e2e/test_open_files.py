"""A gateway that may open few files: it raises what it can, and shares the rest so that those who ask are served."""

import asyncio
import json
import resource
import signal
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from e2e.client import call, request
from e2e.commands import Command, Folder, Running
from e2e.gateways import PATIENCE, until
from e2e.money import ask
from tidegate.testing import FakeClaude

CONFIG = """
[retry]
attempts = 2
base = "10ms"
"""

LIMITED = """
import os, resource, sys
soft, hard = map(int, sys.argv[1:3])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
os.execv(sys.executable, [sys.executable, "-m", "tidegate", *sys.argv[3:]])
"""

FEW = 256
CLIENTS = (FEW - 64) // 2


def limited(soft: int, hard: int) -> Command:
    """`tidegate` under these limits."""
    return (sys.executable, "-c", LIMITED, str(soft), str(hard))


def limits(pid: int) -> tuple[int, int]:
    return resource.prlimit(pid, resource.RLIMIT_NOFILE)


@pytest.fixture
def folder(tmp_path: Path, fake_claude: FakeClaude) -> Folder:
    folder = Folder(tmp_path / "app")
    folder.run("init")
    (folder.path / "tidegate.toml").write_text(CONFIG)
    folder.environ |= {"TIDEGATE_UPSTREAMS_ANTHROPIC_URL": fake_claude.url, "ANTHROPIC_API_KEY": fake_claude.key}
    return folder


@pytest.fixture
def key(folder: Folder) -> str:
    return str(folder.json("keys", "create", "--app", "chat")["key"])


@contextmanager
def serving(folder: Folder, soft: int, hard: int, *options: str) -> Iterator[tuple[Running, int]]:
    """A gateway under these limits, and its port."""
    with folder.running("serve", "--port", "0", *options, command=limited(soft, hard)) as running:
        yield running, urlsplit(running.serves()).port or 0
        assert running.signal(signal.SIGTERM) == 0
        assert "Traceback" not in running.err


def state(port: int) -> dict[str, Any]:
    wire = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    wire.request("GET", "/readyz")
    found = dict(json.loads(wire.getresponse().read()))
    wire.close()
    return found


def breakers(port: int) -> set[str]:
    """Their states, as soon as there is room to ask for them."""
    until(lambda: "breaker" in state(port))
    return {one["state"] for one in state(port)["breaker"]}


class Kept:
    """A connection that is kept until the end of the block."""

    def __init__(self, port: int) -> None:
        self.wire = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def __enter__(self) -> Self:
        self.wire.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.wire.close()

    def ask(self, key: str) -> str:
        """Ask something; the reason of the refusal, or the status."""
        headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
        self.wire.request("POST", "/v1/messages", ask("How high is the tide?"), headers)
        reply = self.wire.getresponse()
        reply.read()
        return reply.headers.get("x-tidegate-reason") or str(reply.status)


@pytest.mark.parametrize("options", [(), ("--workers", "2"), ("--fake",)], ids=" ".join)
def test_the_soft_limit_is_raised(folder: Folder, key: str, options: tuple[str, ...]) -> None:
    """Also of the processes that it starts."""
    with serving(folder, 64, 300, *options) as (running, port):
        processes = [running.process.pid, *running.children()]
        assert len(processes) == (1 if not options else len(options) + 1)
        assert [limits(pid) for pid in processes] == [(300, 300)] * len(processes)
        with Kept(port) as inside:
            assert inside.ask(key) == "200"
        who = "Each worker" if "--workers" in options else "It"
        assert f"! {who} takes 118 clients at once, because it may open 300 files: raise the hard limit" in running.err


def test_a_limit_that_is_high_enough_is_not_told(folder: Folder) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 9_000:
        pytest.skip(f"this user may open {hard} files at most")
    with serving(folder, 1_024, 9_000) as (running, _):
        assert "clients at once" not in running.err


def test_the_fake_raises_it_too(folder: Folder) -> None:
    with folder.running("fake", command=limited(64, 300)) as running:
        running.says("Ctrl-C ends it.")
        assert limits(running.process.pid) == (300, 300)
        running.says("It may open 300 files")


def test_the_demo_raises_it_too(folder: Folder) -> None:
    with folder.running("demo", "--calls", "1", "--keep", command=limited(64, 300)) as running:
        running.says("Still running.")
        processes = [running.process.pid, *running.children()]
        assert [limits(pid) for pid in processes] == [(300, 300)] * 3
        assert running.signal(signal.SIGINT) == 0


def test_connections_that_ask_nothing_take_no_files_of_those_who_ask(
    folder: Folder, key: str, fake_claude: FakeClaude
) -> None:
    with serving(folder, FEW, FEW) as (_, port):
        with ExitStack() as stack:
            inside = [stack.enter_context(Kept(port)) for _ in range(40)]
            assert state(port)["ready"]  # they came before that, and are in
            for _ in range(2 * FEW):
                stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            assert Counter(one.ask(key) for one in inside) == {"200": len(inside)}
            # Who says nothing for a second makes room for who comes then.
            until(lambda: asyncio.run(call(port, request(ask("q"), key=key))).status == 200)
            assert len(fake_claude.attempts()) == len(inside) + 1
        assert breakers(port) == {"closed"}


def test_more_calls_at_once_than_files(folder: Folder, key: str, fake_claude: FakeClaude) -> None:
    """As many as there is room for are answered, the others are told to come back; none is lost behind the gate."""
    fake_claude.script(delay=0.3)
    number = 3 * FEW

    async def one(port: int) -> str:
        try:
            answer = await call(port, request(ask("q"), key=key))
        except ConnectionError:
            return "closed"
        return answer.reason or str(answer.status)

    async def storm(port: int) -> Counter[str]:
        return Counter(await asyncio.gather(*(one(port) for _ in range(number))))

    with serving(folder, FEW, FEW) as (running, port):
        ends = asyncio.run(storm(port))
        assert ends.keys() <= {"200", "queue_full", "closed", "0"}, ends
        assert ends["200"] >= CLIENTS
        assert len(fake_claude.attempts()) == ends["200"]
        assert breakers(port) == {"closed"}
        assert asyncio.run(one(port)) == "200"
        assert running.out.count('"clients_turned_away"') == 1


def test_our_own_lack_of_files_opens_no_breaker(folder: Folder, key: str, fake_claude: FakeClaude) -> None:
    with serving(folder, FEW, FEW) as (running, port), Kept(port) as inside:
        pid = running.process.pid
        assert inside.ask("nonsense") == "bad_key"  # it is in now, and nothing is connected behind it
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, FEW))
        assert {inside.ask(key) for _ in range(30)} == {"upstream_down"}
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (FEW, FEW))
        assert inside.ask(key) == "200"
        assert breakers(port) == {"closed"}
        assert len(fake_claude.attempts()) == 1
