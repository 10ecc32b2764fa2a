"""Programs that use the guard, each a process of its own: `program.py CONFIG URL COMMAND [ARGUMENT]`.

What a program has opened stays in `kept`, so that it is open when the process ends.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic

import tidegate

kept: list[Any] = []
HELLO: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "How high is the tide?"}],
}
SLOW = {"x-fake-fault": "gap=0.3; output_tokens=max"}
CONFIG, URL, COMMAND = sys.argv[1:4]
ARGUMENT = sys.argv[4] if len(sys.argv) > 4 else ""
OPTIONS: dict[str, Any] = {"base_url": URL, "api_key": os.environ["FAKE_KEY"]}


def client() -> anthropic.Anthropic:
    return tidegate.guard(anthropic.Anthropic(**OPTIONS), config=CONFIG)


def say(word: str) -> None:
    print(word, flush=True)  # noqa: T201 - the test reads it


def leave_open() -> None:
    """End with a stream that was begun and one that was not."""
    made = client()
    for begun in (True, False):
        kept.append(made.messages.create(**HELLO, stream=True, extra_headers=SLOW))
        if begun:
            next(kept[-1])


def leave_open_by_error() -> None:
    """The same, by an exception that nobody catches."""
    leave_open()
    sys.excepthook = lambda *_: None
    raise RuntimeError


def leave_open_by_exit() -> None:
    leave_open()
    sys.exit(0)


def leave_open_async() -> None:
    """End with a stream whose loop has ended, too."""

    async def main() -> None:
        guarded = tidegate.guard(anthropic.AsyncAnthropic(**OPTIONS), config=CONFIG)
        kept.append(guarded)
        kept.append(await guarded.messages.create(**HELLO, stream=True, extra_headers=SLOW))
        await anext(kept[-1])

    asyncio.run(main())


def leave_a_daemon_waiting() -> None:
    """End while a daemon thread waits for an answer."""
    made = client()

    def ask() -> None:
        say("asking")
        made.messages.create(**HELLO, extra_headers={"x-fake-fault": "delay=60"})

    threading.Thread(target=ask, daemon=True).start()
    sys.stdin.readline()


def wait_to_be_killed() -> None:
    kept.append(client().messages.create(**HELLO, stream=True, extra_headers=SLOW))
    next(kept[-1])
    say("open")
    sys.stdin.readline()


def wait_to_be_interrupted() -> None:
    say("asking")
    client().messages.create(**HELLO, extra_headers={"x-fake-fault": "delay=60"})


def inherit() -> None:
    """A child uses the client that its parent has used before; prints which connections the fake saw."""
    made = client()

    def ask() -> None:
        made.messages.create(**HELLO)

    ask()
    pid = os.fork()
    if pid == 0:
        ask()
        ask()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    ask()


def inherit_async() -> None:
    """The same, with a loop in the parent and another one in the child."""
    made = tidegate.guard(anthropic.AsyncAnthropic(**OPTIONS), config=CONFIG)

    async def ask() -> None:
        await made.messages.create(**HELLO)

    with asyncio.Runner() as runner:
        runner.run(ask())
        pid = os.fork()
        if pid == 0:
            with asyncio.Runner() as other:
                other.run(ask())
                other.run(ask())
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        runner.run(ask())


def call() -> None:
    with tidegate.caller(user=ARGUMENT):
        client().messages.create(**HELLO)


def keep() -> None:
    """Serve until told to end: the keeper sweeps what other processes have left."""
    made = client()
    made.models.list(limit=1)
    say("ready")
    sys.stdin.readline()


def prefork() -> None:
    """As gunicorn with a preloaded application: the guard is made, and used, before the workers are forked."""
    made = client()
    if ARGUMENT == "used":
        with tidegate.caller(user="master"):
            made.messages.create(**HELLO)
            kept.append(made.messages.create(**HELLO, stream=True, extra_headers=SLOW))
            next(kept[-1])
    workers = []
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            worker(number)
        workers.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in workers]
    assert codes == [0, 0, 0], codes
    if ARGUMENT == "used":
        kept[-1].close()
    with tidegate.caller(user="master"):
        made.messages.create(**HELLO)


def worker(number: int) -> None:
    """One worker: it makes its own connections, asks from threads, leaves a stream open, and ends in order."""
    made = client()

    def ask(_: int) -> None:
        with tidegate.caller(user=f"worker-{number}"):
            made.messages.create(**HELLO)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(8)))
    with tidegate.caller(user=f"worker-{number}"):
        kept.append(made.messages.create(**HELLO, stream=True, extra_headers=SLOW))
    sys.exit(0)


def hammer() -> None:
    """Many threads on one budget; prints how many calls were answered."""
    made = client()
    answered: list[int] = []

    def ask(number: int) -> None:
        with tidegate.caller(user=f"{ARGUMENT}-{number}"):
            try:
                made.with_options(max_retries=0).messages.create(
                    **HELLO, metadata={"user_id": f"{ARGUMENT}-{number}"}, extra_headers={"x-fake-output-tokens": "max"}
                )
            except anthropic.RateLimitError:
                return
            answered.append(number)

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(ask, range(400)))
    say(str(len(answered)))


COMMANDS: dict[str, Callable[[], None]] = {
    function.__name__: function
    for function in (
        leave_open, leave_open_by_error, leave_open_by_exit, leave_open_async, leave_a_daemon_waiting,
        wait_to_be_killed, wait_to_be_interrupted, inherit, inherit_async, call, keep, prefork, hammer,
    )
}  # fmt: skip

if __name__ == "__main__":
    COMMANDS[COMMAND]()
