"""Several gateway processes on one port: they share one budget, are replaced, and end in order."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from e2e.commands import Folder, Running, alive, call, opened
from e2e.gateways import PATIENCE, until
from tidegate.testing import FakeClaude

WORKERS = 2


@pytest.fixture
def folder(tmp_path: Path, fake_claude: FakeClaude) -> Folder:
    folder = Folder(tmp_path / "app")
    folder.run("init")
    folder.environ |= {"TIDEGATE_UPSTREAMS_ANTHROPIC_URL": fake_claude.url, "ANTHROPIC_API_KEY": fake_claude.key}
    return folder


@pytest.fixture
def key(folder: Folder) -> str:
    return str(folder.json("keys", "create", "--app", "chat")["key"])


@pytest.fixture
def gateway(folder: Folder) -> Iterator[Running]:
    with folder.running("serve", "--port", "0", "--workers", str(WORKERS)) as running:
        running.serves()
        yield running


def test_they_serve_on_one_port_and_end_in_order(gateway: Running, key: str) -> None:
    workers = gateway.children()
    assert len(workers) == WORKERS
    assert gateway.err.count("tidegate serves on ") == 1
    for number in range(20):
        assert call(gateway.serves(), key, user=f"u{number}")[0] == 200
    assert gateway.signal(signal.SIGTERM) == 0
    assert not any(alive(pid) for pid in workers)
    assert gateway.out.count('"claude_call_success"') == 20
    assert "Traceback" not in gateway.err


def test_limits_hold_over_all_of_them(gateway: Running, key: str) -> None:
    statuses = [call(gateway.serves(), key)[0] for _ in range(25)]
    assert statuses == [200] * 20 + [429] * 5


def test_one_that_is_killed_is_replaced(gateway: Running, key: str) -> None:
    first, second = gateway.children()
    for pid in (first, second):
        os.kill(pid, signal.SIGKILL)
        gateway.says(f"worker {pid} ended (SIGKILL)")
        until(lambda: len(gateway.children()) == WORKERS)
    assert not {first, second} & set(gateway.children())
    assert call(gateway.serves(), key)[0] == 200
    assert gateway.signal(signal.SIGTERM) == 0


def test_ctrl_c_lets_running_streams_finish(gateway: Running, key: str, fake_claude: FakeClaude) -> None:
    fake_claude.script(gap=0.05)
    wire, reply = opened(gateway.serves(), key, stream=True)
    assert reply.readline().startswith(b"event: message_start")
    gateway.process.send_signal(signal.SIGINT)
    rest = reply.read()
    wire.close()
    assert b"event: message_stop" in rest
    assert gateway.process.wait(PATIENCE) == 0
    assert "Traceback" not in gateway.err


def test_a_second_ctrl_c_does_not_wait(gateway: Running, key: str, fake_claude: FakeClaude) -> None:
    fake_claude.script(gap=30)
    workers = gateway.children()
    wire, reply = opened(gateway.serves(), key, stream=True)
    reply.readline()
    gateway.process.send_signal(signal.SIGINT)
    until(lambda: len(gateway.children()) < WORKERS)  # the idle one has ended: all were told
    assert gateway.signal(signal.SIGINT) in {0, 130}
    wire.close()
    assert not any(alive(pid) for pid in workers)


def test_they_end_with_a_parent_that_is_killed(gateway: Running) -> None:
    workers = gateway.children()
    address = urlsplit(gateway.serves())
    gateway.signal(signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in workers))
    with socket.create_server((address.hostname or "", address.port or 0)):
        pass


SUPERVISE = """
import sys
from tidegate.doors.gateway.workers import serve_many

def serve(on_ready):
    {body}

sys.exit(serve_many(2, serve, on_ready=lambda: print("ready"), complain=print, patience=5))
"""


@pytest.mark.parametrize(
    ("body", "code", "deaths"),
    [("return 1", 1, 3), ("raise ValueError('a bug')", 1, 3), ("return 2", 2, 0), ("on_ready(); return 1", 1, 3)],
)
def test_what_dies_at_once_is_given_up(body: str, code: int, deaths: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SUPERVISE.format(body=body)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert ran.returncode == code
    assert ran.stdout.count("ended (exit code 1)") == deaths
    assert ("giving up" in ran.stdout) == (deaths > 0)
