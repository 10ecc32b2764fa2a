"""The fake on raw sockets: how connections break, what an abandoned call costs, and what survives a crash."""

import gzip
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tidegate.testing import FakeClaude, FakeClaudeError, Row

ASK: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 1_000,
    "messages": [{"role": "user", "content": "Hi"}],
}
STREAM = {**ASK, "stream": True}


def request(body: bytes | dict[str, Any], *, path: str = "/v1/messages", method: str = "POST", **headers: str) -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {
        "host": "fake",
        "x-api-key": "sk-ant-api03-x",
        "anthropic-version": "2023-06-01",
        "content-length": str(len(raw)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + raw


@contextmanager
def connected(fake: FakeClaude) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", fake.port), timeout=20) as wire:
        yield wire


def read_until(wire: socket.socket, enough: Callable[[bytes], bool]) -> bytes:
    got = b""
    while not enough(got):
        piece = wire.recv(65_536)
        if not piece:
            return got
        got += piece
    return got


def head_and_body(got: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = got.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return status, dict(line.split(": ", 1) for line in lines), body


def whole(got: bytes) -> bool:
    if b"\r\n\r\n" not in got:
        return False
    _, headers, body = head_and_body(got)
    return len(body) >= int(headers["content-length"])


def ask(fake: FakeClaude, sent: bytes) -> tuple[str, dict[str, str], Any]:
    with connected(fake) as wire:
        wire.sendall(sent)
        status, headers, body = head_and_body(read_until(wire, whole))
    return status, headers, json.loads(body) if body else None


def ended(fake: FakeClaude) -> Row:
    fake.wait(open=0, attempts=1)
    return fake.attempts()[-1]


def test_reset_after_events_reaches_the_client_as_rst(fake_claude: FakeClaude) -> None:
    with connected(fake_claude) as wire:
        wire.sendall(request(STREAM, x_fake_fault="reset=3; output_tokens=100"))
        got = read_until(wire, lambda got: got.count(b"event: ") == 3)
        with pytest.raises(ConnectionResetError):
            wire.recv(1)
    assert got.count(b"event: ") == 3
    row = ended(fake_claude)
    assert (row.ending, row.fault) == ("fault:reset", "reset=3")
    assert row.cost > 0


@pytest.mark.parametrize(("fault", "ending"), [("cut_chunked=4", "fault:cut_chunked"), ("cut=4", "cut")])
def test_cuts(fake_claude: FakeClaude, fault: str, ending: str) -> None:
    with connected(fake_claude) as wire:
        wire.sendall(request(STREAM, x_fake_fault=f"{fault}; output_tokens=100", connection="close"))
        got = read_until(wire, lambda _: False)
    assert got.endswith(b"0\r\n\r\n") is (ending == "cut")
    assert got.count(b"data: ") == 4
    assert b"message_stop" not in got
    assert ended(fake_claude).ending == ending


def test_a_client_that_leaves_pays_for_what_was_generated_and_a_little_more(fake_claude: FakeClaude) -> None:
    with connected(fake_claude) as wire:
        wire.sendall(request(STREAM, x_fake_fault="gap=0.01; output_tokens=1000; tokens_per_event=2; linger=7"))
        got = read_until(wire, lambda got: got.count(b"content_block_delta\n") >= 5)
        open_cost = fake_claude.wait(open=1).cost_now
        assert open_cost > 0
    row = ended(fake_claude)
    seen = 2 * got.count(b"event: content_block_delta\n")
    assert row.ending == "disconnected"
    assert seen + 7 <= row.output_tokens < 1_000
    assert row.cost == row.input_tokens * 1_000 + row.output_tokens * 5_000
    assert row.cost >= open_cost
    assert fake_claude.totals().cost_settled == row.cost


def test_lingering_never_passes_max_tokens(fake_claude: FakeClaude) -> None:
    with connected(fake_claude) as wire:
        wire.sendall(request({**STREAM, "max_tokens": 30}, x_fake_fault="stall=3; output_tokens=30; linger=5000"))
        read_until(wire, lambda got: got.count(b"event: ") == 3)
    row = ended(fake_claude)
    assert (row.ending, row.output_tokens) == ("disconnected", 30)


@pytest.mark.parametrize("where", ["before", "headers", "1"])
def test_a_stalled_json_call_was_generated_all_the_same(fake_claude: FakeClaude, where: str) -> None:
    with connected(fake_claude) as wire:
        wire.sendall(request(ASK, x_fake_fault=f"stall={where}; output_tokens=50"))
        fake_claude.wait(open=1)
    row = ended(fake_claude)
    assert (row.ending, row.output_tokens, row.fault) == ("disconnected", 50, f"stall={where}")


def test_a_call_left_while_it_waits_pays_for_the_part_done(fake_claude: FakeClaude) -> None:
    with connected(fake_claude) as wire:
        wire.sendall(request(ASK, x_fake_fault="delay=3600; output_tokens=1000; linger=0"))
        fake_claude.wait(open=1)
    row = ended(fake_claude)
    assert row.input_tokens > 0
    assert row.output_tokens < 1_000


def test_an_error_that_nobody_waits_for_costs_nothing(fake_claude: FakeClaude) -> None:
    with connected(fake_claude) as wire:
        wire.sendall(request(ASK, x_fake_fault="status=529; delay=3600"))
        assert fake_claude.wait(open=1).cost_now == 0
    assert ended(fake_claude).cost == 0


def test_concurrent_attempts_are_counted(fake_claude: FakeClaude) -> None:
    wires = [socket.create_connection(("127.0.0.1", fake_claude.port)) for _ in range(20)]
    for wire in wires:
        wire.sendall(request(STREAM, x_fake_stall="2"))
    assert fake_claude.wait(attempts=20, open=20).peak_concurrent == 20
    for wire in wires:
        wire.close()
    assert fake_claude.wait(open=0).endings == {"disconnected": 20}


def test_slow_readers_are_not_generated_for(fake_claude: FakeClaude) -> None:
    with connected(fake_claude) as wire:
        wire.sendall(
            request({**STREAM, "max_tokens": 64_000}, x_fake_fault="output_tokens=max; tokens_per_event=1; linger=0")
        )
        read_until(wire, lambda got: len(got) > 1_000)
    row = ended(fake_claude)
    assert (row.ending, row.output_tokens < 64_000) == ("disconnected", True)


def test_pipelined_requests_are_answered_in_order(fake_claude: FakeClaude) -> None:
    with connected(fake_claude) as wire:
        wire.sendall(request(ASK, x_fake_fault="say=first; delay=0.05") + request(ASK, x_fake_say="second"))
        got = read_until(wire, lambda got: b"second" in got)
    assert got.index(b"first") < got.index(b"second")
    assert len({row.connection for row in fake_claude.books()}) == 1


def test_expect_continue(fake_claude: FakeClaude) -> None:
    sent = request(ASK, expect="100-continue")
    head, _, body = sent.partition(b"\r\n\r\n")
    with connected(fake_claude) as wire:
        wire.sendall(head + b"\r\n\r\n")
        assert read_until(wire, lambda got: got.endswith(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        wire.sendall(body)
        assert read_until(wire, whole).startswith(b"HTTP/1.1 200")


def test_paths_methods_and_doors(fake_claude: FakeClaude) -> None:
    def told(**how: Any) -> tuple[str, str]:
        status, _, body = ask(fake_claude, request(how.pop("body", b""), **how))
        return status.split(" ", 2)[1], (body or {}).get("error", {}).get("type", "")

    assert told(path="/v1/nothing") == ("404", "not_found_error")
    assert told(path="/v1/messages", method="GET") == ("405", "invalid_request_error")
    assert told(path="/api/hello", method="HEAD", connection="close")[0] == "200"
    assert told(body=ASK, path="/v1/messages?beta=true")[0] == "200"
    assert told(body=ASK, x_api_key="nonsense") == ("401", "authentication_error")
    assert told(body=ASK, x_api_key="", authorization="Bearer sk-ant-y")[0] == "200"
    assert told(body=ASK, anthropic_version="") == ("400", "invalid_request_error")
    assert told(body=b"{") == ("400", "invalid_request_error")
    assert told(body=b"x" * (32 * 1024 * 1024 + 1)) == ("413", "request_too_large")
    assert fake_claude.totals().attempts == 6


def test_compressed_requests(fake_claude: FakeClaude) -> None:
    plain = json.dumps(ASK).encode()
    packed = gzip.compress(plain)
    status, _, body = ask(fake_claude, request(packed, content_encoding="gzip"))
    assert status == "HTTP/1.1 200 OK"
    assert body["usage"]["input_tokens"] == ask(fake_claude, request(plain))[2]["usage"]["input_tokens"]
    assert ask(fake_claude, request(packed[:-9], content_encoding="gzip"))[0] == "HTTP/1.1 400 Bad Request"
    assert ask(fake_claude, request(packed, content_encoding="br"))[0] == "HTTP/1.1 400 Bad Request"


def test_response_headers(fake_claude: FakeClaude) -> None:
    _, headers, _ = ask(fake_claude, request(ASK))
    assert headers["content-type"] == "application/json"
    assert headers["request-id"].startswith("req_")
    for kind in ("requests", "tokens", "input-tokens", "output-tokens"):
        assert int(headers[f"anthropic-ratelimit-{kind}-remaining"]) <= int(
            headers[f"anthropic-ratelimit-{kind}-limit"]
        )
        assert headers[f"anthropic-ratelimit-{kind}-reset"].endswith("Z")
    assert {"anthropic-organization-id", "anthropic-workspace-id"} <= headers.keys()


def test_what_a_gateway_should_have_stripped_is_noted_by_name(fake_claude: FakeClaude) -> None:
    ask(fake_claude, request(ASK, cookie="secret=1", x_tidegate_user="ann", x_forwarded_for="::1"))
    row = fake_claude.books()[-1]
    assert row.forbidden == ("cookie", "x-tidegate-user", "x-forwarded-for")
    assert "secret" not in json.dumps(fake_claude.state())


def test_books_file_survives_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "books.jsonl"
    with FakeClaude(books_file=file) as fake:
        ask(fake, request(ASK, x_fake_say="canary-in-the-reply"))
        with connected(fake) as wire:
            wire.sendall(request({**ASK, "system": "canary-in-the-prompt"}, x_fake_stall="before"))
            fake.wait(open=1)
            fake.kill()
    text = file.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["event"], line["seq"]) for line in lines] == [("start", 1), ("end", 1), ("start", 2)]
    assert "canary" not in text
    assert "sk-ant" not in text


def test_orders_that_nobody_understands_are_refused(fake_claude: FakeClaude) -> None:
    status, _, body = ask(fake_claude, request(ASK, x_fake_fault="stauts=529"))
    assert status == "HTTP/1.1 400 Bad Request"
    assert "stauts" in body["error"]["message"]
    with pytest.raises(FakeClaudeError, match="colour"):
        fake_claude.script(colour="blue")
    with pytest.raises(FakeClaudeError, match="tides"):
        fake_claude.script({"rules": [{"when": {"tides": 3}}]})


def test_a_wait_in_vain_says_so(fake_claude: FakeClaude) -> None:
    with pytest.raises(TimeoutError, match="attempts=1"):
        fake_claude.wait(attempts=1, timeout=0.01)


def test_the_fake_ends_with_its_parent() -> None:
    program = (
        "from tidegate.testing import FakeClaude\n"
        "fake = FakeClaude(); fake.start(); print(fake.pid, flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        watched = os.pidfd_open(pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        poll = select.poll()
        poll.register(watched)
        assert poll.poll(10_000)
        os.close(watched)


def test_it_says_why_it_does_not_start(tmp_path: Path) -> None:
    script = tmp_path / "rules.toml"
    script.write_text("[defaults]\nstauts = 529\n")
    done = subprocess.run(
        [sys.executable, "-m", "tidegate.fake", "--script", str(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "stauts" in done.stderr
