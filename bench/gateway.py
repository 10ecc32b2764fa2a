"""Throughput and CPU of the gateway beside a plain nginx, in one run: `make bench`.

Core 0 runs what is measured, core 1 the upstream (nginx with a fixed reply) and the load (wrk).  Rounds alternate,
medians are quoted, and the ratio to nginx of the same round is what counts.  All controls are on: app key, limits,
budgets, a durable hold for every call, settlement, ledger, log.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TIDEGATE = Path(sys.executable).with_name("tidegate")
UPSTREAM, PROXY, GATEWAY = 9981, 9982, 9983

REPLY = {
    "id": "msg_01", "type": "message", "role": "assistant", "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": "The customer asks for a refund. " * 40}],
    "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {
        "input_tokens": 412, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 256,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}, "service_tier": "standard",
    },
}  # fmt: skip

BODY = {
    "model": "claude-haiku-4-5",
    "max_tokens": 512,
    "system": "You are a careful support assistant. Answer briefly and in a friendly tone.",
    "messages": [{"role": "user", "content": "Summarise this ticket in two sentences. " * 45}],
}

NGINX = """
worker_processes 1; daemon off; pid {folder}/{name}.pid; error_log {folder}/{name}.log; {modules}
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_buffer_size 1m;
  client_body_temp_path {folder}/{name}.body; proxy_temp_path {folder}/{name}.proxy;
  fastcgi_temp_path {folder}/{name}.f;
  uwsgi_temp_path {folder}/{name}.u; scgi_temp_path {folder}/{name}.s;
  upstream claude {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{port} backlog=4096; {server} }}
}}
"""

CONFIG = """
[gateway]
port = {port}
log_format = "json"
[upstreams.anthropic]
url = "http://127.0.0.1:{upstream}"
[[limits]]
per = "user"
requests = "1000000000/minute"
output_tokens = "1000000000000/hour"
concurrent = 100000
[[limits]]
per = "app"
requests = "1000000000/minute"
[[budgets]]
per = "organization"
amount = "100000000 USD"
every = "month"
[[budgets]]
per = "user"
amount = "1000000 USD"
every = "day"
"""


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        stack.enter_context(_nginx(folder, "upstream", UPSTREAM, _fixed_reply(folder), core=1))
        proxy = stack.enter_context(_nginx(folder, "proxy", PROXY, _PASS, core=0))
        gateway, key = stack.enter_context(_gateway(folder))
        body = folder / "body.json"
        body.write_text(json.dumps(BODY, separators=(",", ":")))
        targets = {"nginx": (PROXY, proxy), "tidegate": (GATEWAY, gateway)}
        rounds: dict[str, list[dict[str, float]]] = {target: [] for target in targets}
        for _ in range(options.rounds):
            for target, (port, pid) in targets.items():
                rounds[target].append(_measure(port, pid, key, body, options))
    _report(rounds, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    missing = [program for program in ("nginx", "wrk", "taskset") if shutil.which(program) is None]
    if missing:
        sys.exit(f"bench needs {', '.join(missing)}: apt-get install nginx-light wrk util-linux")
    return options


_PASS = "location / { proxy_pass http://claude; proxy_http_version 1.1; proxy_set_header Connection ''; }"


def _fixed_reply(folder: Path) -> str:
    (folder / "reply.json").write_text(json.dumps(REPLY, separators=(",", ":")))
    text = json.dumps(REPLY, separators=(",", ":")).replace("'", "")
    return (
        "location / { default_type application/json; add_header request-id req_011CSHoEeqs5C35K2UUqR7Fy; "
        f"return 200 '{text}'; }}"
    )


@contextmanager
def _nginx(folder: Path, name: str, port: int, server: str, core: int) -> Iterator[int]:
    config = folder / f"{name}.conf"
    config.write_text(NGINX.format(folder=folder, name=name, port=port, server=server, upstream=UPSTREAM, modules=""))
    command = ["taskset", "-c", str(core), "nginx", "-c", str(config), "-e", str(folder / "start.log")]
    with _process(command, port) as pid:
        yield pid


@contextmanager
def _gateway(folder: Path) -> Iterator[tuple[int, str]]:
    home = folder / "gateway"
    home.mkdir()
    (home / "tidegate.toml").write_text(CONFIG.format(port=GATEWAY, upstream=UPSTREAM))
    env = os.environ | {"TIDEGATE_KEY_SECRET": "b" * 32, "ANTHROPIC_API_KEY": "sk-ant-bench"}
    made = subprocess.run(
        [TIDEGATE, "keys", "create", "--app", "bench", "--json"], cwd=home, env=env, check=True, capture_output=True
    )
    key = json.loads(made.stdout)["key"]
    with (
        (home / "log").open("w") as log,
        _process(["taskset", "-c", "0", str(TIDEGATE), "serve"], GATEWAY, cwd=home, env=env, stdout=log) as pid,
    ):
        yield pid, key


@contextmanager
def _process(command: list[str], port: int, **options: object) -> Iterator[int]:
    process = subprocess.Popen(command, start_new_session=True, **options)  # type: ignore[call-overload]  # passed through
    try:
        _wait_for(port, process)
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(f"nothing listens on port {port}")


def _measure(port: int, pid: int, key: str, body: Path, options: argparse.Namespace) -> dict[str, float]:
    env = os.environ | {"BENCH_KEY": key, "BENCH_BODY": str(body)}
    load = ["taskset", "-c", "1", "wrk", "-t1", f"-c{options.connections}", "-s", str(HERE / "post.lua"), "--latency"]
    url = f"http://127.0.0.1:{port}/v1/messages"
    subprocess.run([*load, "-d1s", url], env=env, capture_output=True, check=True)  # warm-up
    before = _cpu(pid)
    run = subprocess.run([*load, f"-d{options.seconds}s", url], env=env, capture_output=True, check=True, text=True)
    used = _cpu(pid) - before
    line = next(line for line in run.stdout.splitlines() if line.startswith("BENCH "))
    figures: dict[str, float] = json.loads(line.removeprefix("BENCH "))
    if figures["errors"]:
        sys.exit(f"{figures['errors']} requests failed: {run.stdout}")
    figures["rps"] = figures["requests"] / figures["seconds"]
    figures["cpu_us"] = used / figures["requests"]
    return figures


def _cpu(pid: int) -> float:
    """Microseconds of CPU of a process group, threads included."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(process.name)) == pid:
                total += sum(int(task.read_text().split()[0]) for task in process.glob("task/*/schedstat"))
        except OSError:  # it has ended meanwhile
            continue
    return total / 1000


def _report(rounds: dict[str, list[dict[str, float]]], options: argparse.Namespace) -> None:
    pairs = list(zip(rounds["tidegate"], rounds["nginx"], strict=True))
    result: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{os.cpu_count()} CPUs, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}",
        "command": f"make bench ({options.rounds} rounds of {options.seconds} s, {options.connections} connections)",
        "throughput_ratio": round(statistics.median(own["rps"] / other["rps"] for own, other in pairs), 3),
        "cpu_ratio": round(statistics.median(own["cpu_us"] / other["cpu_us"] for own, other in pairs), 2),
    }
    for name, runs in rounds.items():
        result[name] = {
            figure: round(statistics.median(run[figure] for run in runs), 1)
            for figure in ("rps", "cpu_us", "p50_us", "p99_us")
        }
    if options.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{result['date']}, {result['machine']}, {result['command']}")
    print(f"{'':10}{'req/s':>10}{'CPU us/req':>12}{'p50 us':>9}{'p99 us':>9}")
    for name in rounds:
        row = result[name]
        print(f"{name:10}{row['rps']:>10,.0f}{row['cpu_us']:>12.1f}{row['p50_us']:>9,.0f}{row['p99_us']:>9,.0f}")
    print(
        f"tidegate / nginx: {result['throughput_ratio']} of the throughput, {result['cpu_ratio']} x the CPU, "
        f"so {1 / result['cpu_ratio']:.3f} of nginx's throughput per core"
    )


if __name__ == "__main__":
    main()
