"""A crowd: 1,000 calls at once on one budget, directly and through the gateway, in turn; medians and their ratio.

The fake Claude answers at a realistic pace.  Half of the calls are streams.  What counts is how long an admitted call
takes, beside the same call made directly in the same run.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import uvloop
from gateway import _process

from tidegate.core.ports import Outgoing
from tidegate.policy.rules import Timeouts
from tidegate.testing import FakeClaude
from tidegate.upstreams.anthropic import Anthropic

TIDEGATE = Path(sys.executable).with_name("tidegate")
PORT = 9984
CONFIG = """
[gateway]
port = {port}
log_format = "json"
[upstreams.anthropic]
url = "{url}"
[policy]
bound = "strict"
[[budgets]]
per = "organization"
amount = "1000 USD"
every = "month"
[[limits]]
per = "user"
requests = "100000/minute"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, FakeClaude(pace="real") as fake, ExitStack() as stack:
        home = Path(name)
        (home / "tidegate.toml").write_text(CONFIG.format(port=PORT, url=fake.url))
        env = os.environ | {"TIDEGATE_KEY_SECRET": "b" * 32, "ANTHROPIC_API_KEY": fake.key}
        made = subprocess.run(
            [TIDEGATE, "keys", "create", "--app", "bench", "--json"], cwd=home, env=env, check=True, capture_output=True
        )
        key = json.loads(made.stdout)["key"]
        log = stack.enter_context((home / "log").open("w"))
        stack.enter_context(_process([str(TIDEGATE), "serve"], PORT, cwd=home, env=env, stdout=log, stderr=log))
        medians: dict[str, list[float]] = {"directly": [], "through tidegate": []}
        for _ in range(options.rounds):
            for way, (url, credential) in {
                "directly": (fake.url, fake.key),
                "through tidegate": (f"http://127.0.0.1:{PORT}", key),
            }.items():
                medians[way].append(uvloop.run(crowd(url, credential, options.calls)))
    for way, seconds in medians.items():
        print(f"{way:18}{1000 * statistics.median(seconds):8.0f} ms, median of {options.calls} calls at once")
    pairs = zip(medians["through tidegate"], medians["directly"], strict=True)
    print(f"{'ratio':18}{statistics.median(own / other for own, other in pairs):8.2f}")


async def crowd(url: str, key: str, calls: int) -> float:
    """The median time of that many calls that start together, seconds."""
    client = Anthropic(key=lambda: key, url=url, max_connections=calls)

    async def one(number: int) -> float:
        started = asyncio.get_running_loop().time()
        reply = await client.send(outgoing(number), Timeouts(), lambda: None)
        while await reply.read():
            pass
        if reply.status != 200:
            sys.exit(f"status {reply.status}")
        return asyncio.get_running_loop().time() - started

    try:
        return statistics.median(await asyncio.gather(*map(one, range(calls))))
    finally:
        await client.aclose()


def outgoing(number: int) -> Outgoing:
    body = {
        "model": "claude-haiku-4-5",
        "max_tokens": 64,
        "stream": number % 2 == 0,
        "messages": [{"role": "user", "content": f"Summarise ticket {number}. " * 20}],
    }
    headers = [
        (b"content-type", b"application/json"),
        (b"anthropic-version", b"2023-06-01"),
        (b"x-tidegate-user", b"user-%d" % (number % 100)),
    ]
    return Outgoing("POST", "/v1/messages", headers, json.dumps(body).encode())


if __name__ == "__main__":
    main()
