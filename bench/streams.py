"""Many streams at once: what each costs in memory, whether any gets what is another's, and how a shutdown ends them.

    python bench/streams.py [--streams 5000] [--slow 0.1] [--stuck 20] [--prompt 0] [--terminate] [--json]

One gateway (`tidegate serve`), the fake Claude, and the clients in this process.  Every stream has other content, and
each is compared with what the fake says that it sent.  One client in ten is slow: it reads 300 KB through a straw, as
long as the others' streams take.  A few are stuck: of 12 MB they read as little, so that every buffer on the way is
full, the kernel's 4 MB included; they leave at the end.  With `--terminate` the gateway gets SIGTERM when all streams
run.  Memory is the resident set of the gateway's process; what the kernel keeps in sockets is not in it.
"""

import argparse
import asyncio
import hashlib
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
from gateway import TIDEGATE, _wait_for

from tidegate.testing import FakeClaude, Row

SPARE = 500
"""File descriptors for everything but streams."""
WARM = 20
"""Calls before anything is measured."""
AT_ONCE = 100
"""Calls that are being opened at the same time."""
STRAW = 4_096
"""Bytes that a slow client's socket takes at a time."""
SIP = 300_000
"""Bytes that it reads while the others' streams take place."""
LONG = {"quick": 0, "slow": SIP, "stuck": 40 * SIP}
"""Bytes of the one long event of a stream."""
USD = 1_000_000_000
CONFIG = """
[gateway]
port = {port}
log_format = "json"
drain = "{drain}s"
[upstreams.anthropic]
url = "{url}"
[policy]
bound = "strict"
[retry]
attempts = 1
[[budgets]]
per = "organization"
amount = "1000 USD"
every = "month"
[[limits]]
per = "user"
requests = "100000/minute"
concurrent = 100000
"""


class Target(NamedTuple):
    """Whom the clients ask, and for how long a stream."""

    port: int
    key: str
    seconds: float


class Heard:
    """What one client has heard."""

    def __init__(self, number: int, kind: str = "quick", prompt: int = 0) -> None:
        self.number = number
        self.kind = kind
        self.prompt = prompt
        self.status = 0
        self.request_id = ""
        self.begun = False
        self.whole = False
        """The body came to its legal end."""
        self.tail = b""
        self._digest = hashlib.sha256()
        self._framed = bytearray()
        self._in_head = True

    def feed(self, piece: bytes) -> None:
        """Head, then chunks; the body's digest is taken without them."""
        self._framed += piece
        if self._in_head:
            head, found, rest = bytes(self._framed).partition(b"\r\n\r\n")
            if not found:
                return
            self._in_head = False
            self._framed = bytearray(rest)
            self.status = int(head[9:12])
            for line in head.split(b"\r\n"):
                if line.startswith(b"request-id: "):
                    self.request_id = line[12:].decode()
        self._unchunk()

    def _unchunk(self) -> None:
        while (end := self._framed.find(b"\r\n")) >= 0:
            try:
                size = int(self._framed[:end], 16)
            except ValueError:
                return  # an error reply with a length
            if len(self._framed) < end + size + 4:
                return
            body = bytes(self._framed[end + 2 : end + 2 + size])
            del self._framed[: end + size + 4]
            self.begun = self.begun or b"message_start" in body
            self.whole = size == 0
            self._digest.update(body)
            self.tail = (self.tail + body)[-600:]

    @property
    def sha256(self) -> str:
        """Of the body."""
        return self._digest.hexdigest()

    @property
    def ending(self) -> str:
        """How the stream ended for its client."""
        if self.whole and b"event: message_stop" in self.tail:
            return "complete"
        if b"event: error" in self.tail:
            return "error event" if self.whole else "error event, then cut"
        if self.kind == "stuck":
            return "left, or cut"
        return "cut" if self.status == 200 else f"status {self.status}"


def body(heard: Heard) -> bytes:
    """Another question for each, so that the fake says something else."""
    question = f"What does the tide do at pier {heard.number}?" + "~" * heard.prompt
    asked = {"model": "claude-haiku-4-5", "max_tokens": 400, "stream": True}
    return json.dumps({**asked, "messages": [{"role": "user", "content": question}]}).encode()


def request(heard: Heard, target: Target) -> bytes:
    raw = body(heard)
    tokens = 40 + heard.number % 41
    orders = f"output_tokens={tokens}; tokens_per_event=4; gap={target.seconds / 20:.2f}; huge={LONG[heard.kind]}"
    head = (
        f"POST /v1/messages HTTP/1.1\r\nhost: gateway\r\nx-api-key: {target.key}\r\nanthropic-version: 2023-06-01\r\n"
        f"x-tidegate-user: user-{heard.number % 100}\r\nx-fake-fault: {orders}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(raw)}\r\n\r\n"
    )
    return head.encode() + raw


async def listen(heard: Heard, target: Target, opening: asyncio.Semaphore) -> None:
    """One client, to the end of its stream, or until it has been stuck for long enough."""
    loop = asyncio.get_running_loop()
    slow = heard.kind != "quick"
    read = 0
    sock = socket.socket()
    sock.setblocking(False)
    if slow:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, STRAW)
    try:
        async with opening:
            await loop.sock_connect(sock, ("127.0.0.1", target.port))
            await loop.sock_sendall(sock, request(heard, target))
            while not heard.begun and (piece := await loop.sock_recv(sock, STRAW)):
                heard.feed(piece)
        while not heard.whole and (piece := await loop.sock_recv(sock, STRAW if slow else 65_536)):
            heard.feed(piece)
            read += len(piece)
            if heard.kind == "stuck" and read > 1.5 * SIP:
                return
            if slow:
                await asyncio.sleep(target.seconds * len(piece) / SIP)
    except OSError:
        return
    finally:
        sock.close()


async def crowd(
    heard: list[Heard], target: Target, look: Callable[[], int], when_all_run: Callable[[], None]
) -> dict[str, Any]:
    """All clients; the most that `look` has seen meanwhile."""
    opening = asyncio.Semaphore(AT_ONCE)
    started = time.monotonic()
    clients = asyncio.gather(*(listen(one, target, opening) for one in heard))
    all_begun, most = 0.0, 0
    while not clients.done():
        await asyncio.sleep(0.25)
        most = max(most, look())
        if not all_begun and sum(one.begun for one in heard) == len(heard):
            all_begun = time.monotonic() - started
            when_all_run()
    await clients
    return {"seconds until all ran": round(all_begun, 1), "most memory": most}


def resident(pid: int) -> int:
    """Bytes; 0 when the process is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
    except FileNotFoundError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:")), 0)


def possible(wanted: int) -> int:
    """As many streams as this machine has file descriptors for: two each in the gateway."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(wanted, (hard - SPARE) // 2)


def compare(heard: list[Heard], rows: list[Row]) -> dict[str, Any]:
    """What the clients got beside what the fake has sent; `mixed up` must be nothing."""
    sent = {row.request_id: row for row in rows}
    mixed = [
        one.number
        for one in heard
        if one.ending == "complete"
        and (
            sent[one.request_id].response_sha256 != one.sha256
            or sent[one.request_id].request_sha256 != hashlib.sha256(body(one)).hexdigest()
        )
    ]
    complete = [one for one in heard if one.ending == "complete"]
    return {
        "endings": dict(Counter(one.ending for one in heard)),
        "endings of the slow": dict(Counter(one.ending for one in heard if one.kind == "slow")),
        "endings of the stuck": dict(Counter(one.ending for one in heard if one.kind == "stuck")),
        "different contents": len({one.sha256 for one in complete}),
        "mixed up": len(mixed),
    }


def books(file: Path, rows: list[Row]) -> dict[str, Any]:
    """The ledger beside the fake's books; the last three must be nothing."""
    with closing(sqlite3.connect(file)) as db:
        charges = db.execute("SELECT upstream_request_id, total_cost, held, exactness, outcome FROM costs").fetchall()
    billed = {row.request_id: row.cost for row in rows}
    named = [charge for charge in charges if charge[0] is not None]
    wrong = [
        charge
        for charge in named
        if not billed[charge[0]] <= charge[1] <= charge[2] or (charge[3] == "actual" and billed[charge[0]] != charge[1])
    ]
    return {
        "charges": len(charges),
        "outcomes": dict(Counter(charge[4] for charge in charges)),
        "charged, billed, USD": [round(sum(each) / USD, 4) for each in ([one[1] for one in charges], billed.values())],
        "attempts without a charge": len(billed.keys() - {charge[0] for charge in named}),
        "charges without an attempt": len(charges) - len(named),
        "wrong charges": len(wrong),
    }


def measure(options: argparse.Namespace, home: Path, fake: FakeClaude) -> dict[str, Any]:
    """One gateway, one crowd."""
    port = free_port()
    (home / "tidegate.toml").write_text(CONFIG.format(port=port, url=fake.url, drain=options.drain), "utf-8")
    env = os.environ | {"TIDEGATE_KEY_SECRET": "b" * 32, "ANTHROPIC_API_KEY": fake.key}
    made = subprocess.run(
        [TIDEGATE, "keys", "create", "--app", "bench", "--json"], cwd=home, env=env, check=True, capture_output=True
    )
    target = Target(port, json.loads(made.stdout)["key"], options.seconds)
    count = possible(options.streams)
    heard = [Heard(number, kind_of(number, options), options.prompt) for number in range(count)]
    signalled: list[float] = []
    gone: list[float] = []
    with (home / "log").open("wb") as log, (home / "err").open("wb") as err:
        process = subprocess.Popen([TIDEGATE, "serve"], cwd=home, env=env, stdout=log, stderr=err)
        try:
            _wait_for(port, process)
            warm(target)
            idle = resident(process.pid)

            def terminate() -> None:
                if options.terminate:
                    signalled.append(time.monotonic())
                    process.send_signal(signal.SIGTERM)

            def look() -> int:
                if not gone and process.poll() is not None:
                    gone.append(time.monotonic())
                return resident(process.pid)

            found = uvloop.run(crowd(heard, target, look, terminate))
            if not options.terminate:
                process.send_signal(signal.SIGTERM)
            code = process.wait(60)
            gone.append(time.monotonic())
        finally:
            process.kill()
            process.wait()
    fake.wait(open=0)
    rows = fake.attempts()
    most = found.pop("most memory")
    return {
        "streams": count,
        "kinds": dict(Counter(one.kind for one in heard)),
        "most at once": fake.totals().peak_concurrent,
        **found,
        "memory of the idle gateway, MB": round(idle / 2**20, 1),
        "most memory, MB": round(most / 2**20, 1),
        "memory of a stream, KB": round((most - idle) / 1024 / count, 1),
        **compare(heard, rows),
        **books(home / "tidegate.db", rows),
        "exit code": code,
        **({"seconds from SIGTERM to the end": round(gone[0] - signalled[0], 1)} if signalled else {}),
        "complaints": (home / "err").read_text("utf-8").partition("tidegate serves on")[2].count("Traceback"),
    }


def kind_of(number: int, options: argparse.Namespace) -> str:
    if number < options.stuck:
        return "stuck"
    return "slow" if number % 100 < options.slow * 100 else "quick"


def free_port() -> int:
    """A port that nobody has, so that two of these may run at once."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def warm(target: Target) -> None:
    """A few calls, so that the idle gateway has loaded what it needs."""
    few = [Heard(10_000_000 + number) for number in range(WARM)]
    uvloop.run(crowd(few, target._replace(seconds=min(1.0, target.seconds)), lambda: 0, lambda: None))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=5_000)
    parser.add_argument("--slow", type=float, default=0.1, help="share of clients that read slowly")
    parser.add_argument("--stuck", type=int, default=20, help="clients that hardly read at all")
    parser.add_argument("--prompt", type=int, default=0, help="bytes of a request beside its question")
    parser.add_argument("--seconds", type=float, default=40.0, help="how long a stream takes at least")
    parser.add_argument("--terminate", action="store_true", help="SIGTERM when all streams run")
    parser.add_argument("--drain", type=int, default=20, help="the gateway's `drain`, seconds")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, FakeClaude() as fake:
        figures = measure(options, Path(name), fake)
    if options.json:
        print(json.dumps(figures))
        return
    for what, value in figures.items():
        print(f"{what:36}{value}")


if __name__ == "__main__":
    main()
