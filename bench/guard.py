"""What the guard adds to the SDK's own CPU: per call and per event of a stream, bare and guarded in turns; and how
long a refused call takes.

    python bench/guard.py [--rounds 15] [--calls 100] [--events 300]

One process, the fake Claude in another; CPU time of the whole process (the keeper's thread included), rounds
interleaved, medians.  All controls on: limit, budget, durable hold, settlement, ledger in SQLite.  An event is the
difference between a long stream and a short one: what a call costs stands in the line of the call.
"""

import argparse
import asyncio
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic

import tidegate
from tidegate.testing import FakeClaude

MODEL = "claude-haiku-4-5"
SETTINGS: dict[str, Any] = {
    "limits": [{"per": "user", "requests": "100000000/minute"}],
    "budgets": [{"per": "organization", "amount": "1000000 USD", "every": "month"}],
    "retry": {"attempts": 1},
}
TEXT = "What does the tide do when the moon is full? " * 40


def main() -> None:
    """Measure and print one line for each thing."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--events", type=int, default=300)
    options = parser.parse_args()
    logging.getLogger("tidegate").setLevel(logging.CRITICAL)  # a line for each refused call
    with tempfile.TemporaryDirectory() as folder, FakeClaude() as fake:
        os.chdir(folder)
        Path("tidegate.toml").write_text("", encoding="utf-8")
        rounds, count = options.rounds, options.calls
        sync = anthropic.Anthropic(base_url=fake.url, api_key=fake.key)
        both = (sync, tidegate.guard(sync, **SETTINGS))
        show("sync call", *measure(rounds, lambda c: calls(c, count), *both), count)
        show_events("sync event", rounds, options.events, stream, *both)
        with asyncio.Runner() as runner:
            awaited = anthropic.AsyncAnthropic(base_url=fake.url, api_key=fake.key)
            pair = (awaited, tidegate.guard(awaited, **SETTINGS))
            show("async call", *measure(rounds, lambda c: runner.run(acalls(c, count)), *pair), count)
            show_events("async event", rounds, options.events, lambda c, n: runner.run(astream(c, n)), *pair)
            runner.run(awaited.close())
        refused(tidegate.guard(anthropic.Anthropic(base_url=fake.url, api_key=fake.key), **ONE), count)


ONE: dict[str, Any] = {"limits": [{"per": "user", "requests": "1/day"}]}


def refused(client: Any, count: int) -> None:
    """How long a refused call takes, from the application's call to the SDK's exception."""
    client.messages.create(**request())
    times = []
    for _ in range(count):
        start = time.perf_counter()
        try:
            client.messages.create(**request())
        except anthropic.RateLimitError:
            times.append(time.perf_counter() - start)
    assert len(times) == count
    worst = statistics.quantiles(times, n=100)[98]
    print(f"refused call median {statistics.median(times) * 1e3:.2f} ms   99 in 100 within {worst * 1e3:.2f} ms")


def measure(rounds: int, work: Callable[[Any], None], bare: Any, guarded: Any) -> tuple[float, float]:
    """Median CPU seconds of the work, bare and guarded."""
    times: tuple[list[float], list[float]] = ([], [])
    for one in (bare, guarded):  # connections, imports, caches
        work(one)
    for number in range(rounds):
        order = [(bare, times[0]), (guarded, times[1])]
        for client, found in order if number % 2 else reversed(order):
            start = time.process_time()
            work(client)
            found.append(time.process_time() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def show(what: str, bare: float, guarded: float, count: int) -> None:
    """Microseconds each, and the share that was added."""
    unit = 1e6 / count
    added = guarded - bare
    print(
        f"{what:12} bare {bare * unit:8.1f} us   guarded {guarded * unit:8.1f} us   "
        f"added {added * unit:6.1f} us   {added / bare:6.1%}"
    )
    sys.stdout.flush()


def request(**more: Any) -> dict[str, Any]:
    """A request of 2 KB."""
    return {"model": MODEL, "max_tokens": 2_000, "messages": [{"role": "user", "content": TEXT}], **more}


def calls(client: Any, count: int) -> None:
    for _ in range(count):
        client.messages.create(**request())


async def acalls(client: Any, count: int) -> None:
    for _ in range(count):
        await client.messages.create(**request())


def show_events(what: str, rounds: int, events: int, read: Callable[[Any, int], int], bare: Any, guarded: Any) -> None:
    """What an event costs: a stream of `events` against one of a tenth of them."""
    seen = [0, 0]

    def long(client: Any) -> None:
        seen[0] = read(client, events)

    def short(client: Any) -> None:
        seen[1] = read(client, events // 10)

    many, few = measure(rounds, long, bare, guarded), measure(rounds, short, bare, guarded)
    show(what, many[0] - few[0], many[1] - few[1], seen[0] - seen[1])


def _events(events: int) -> dict[str, str]:
    """One event for each read: that is how they come over a network."""
    return {"x-fake-fault": f"output_tokens={events}; tokens_per_event=1; gap=0.0005"}


def stream(client: Any, events: int) -> int:
    with client.messages.create(**request(stream=True), extra_headers=_events(events)) as found:
        return sum(1 for _ in found)


async def astream(client: Any, events: int) -> int:
    async with await client.messages.create(**request(stream=True), extra_headers=_events(events)) as found:
        return len([1 async for _ in found])


if __name__ == "__main__":
    main()
