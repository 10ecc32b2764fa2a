"""A place: a folder with a configuration and a ledger, a fake Claude, and guarded clients in this process."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anthropic

import tidegate
from e2e.gateways import PATIENCE, Site
from tidegate.doors.guard.engine import REGISTRY, Running
from tidegate.testing import FakeClaude

PROGRAM = Path(__file__).with_name("program.py")

QUICK = """
[retry]
attempts = 4
base = "1ms"
cap = "2ms"
"""


class Place:
    """What the tests of this folder share."""

    def __init__(self, fake: FakeClaude, folder: Path) -> None:
        self.fake = fake
        self.site = Site(folder / "site", fake.url, QUICK)
        self._clients: list[anthropic.Anthropic] = []

    @property
    def config(self) -> str:
        """The path of the configuration."""
        return str(self.site.folder / "tidegate.toml")

    def configure(self, text: str) -> None:
        """Replace the configuration."""
        Path(self.config).write_text(text, "utf-8")

    def bare(self, **options: Any) -> anthropic.Anthropic:
        """The SDK on the fake itself."""
        client = anthropic.Anthropic(**{"base_url": self.fake.url, "api_key": self.fake.key, **options})
        self._clients.append(client)
        return client

    def bare_async(self, **options: Any) -> anthropic.AsyncAnthropic:
        """The async SDK on the fake itself; whoever asks closes it."""
        return anthropic.AsyncAnthropic(**{"base_url": self.fake.url, "api_key": self.fake.key, **options})

    def guarded(self, settings: Mapping[str, Any] | None = None, **options: Any) -> anthropic.Anthropic:
        """The SDK with these options, guarded with these settings."""
        return tidegate.guard(self.bare(**options), config=self.config, **(settings or {}))

    def guarded_async(self, **options: Any) -> anthropic.AsyncAnthropic:
        """The async SDK with these options, guarded; whoever asks closes it."""
        return tidegate.guard(self.bare_async(**options), config=self.config)

    def charges(self) -> list[tuple[str, str, str]]:
        """User, outcome and exactness of all charges, oldest first."""
        return [(row["user_id"], row["outcome"], row["exactness"]) for row in self.site.charges()]

    def settled(self) -> None:
        """Wait until the keeper has done what is on its queue; nothing may be open then."""
        for running in self.running():
            running.keeper.settled()
            assert running.open_streams == 0
            assert running.books.open_holds == 0
            assert running.books.owed == 0

    def running(self) -> list[Running]:
        """What runs in this process."""
        return [engine.running() for engine in REGISTRY.engines.values()]

    def program(self, *words: str, **more: Any) -> "subprocess.Popen[str]":
        """Another process on this place: see program.py."""
        environ = {**self.site.environ, "PYTHONPATH": str(PROGRAM.parents[2]), "FAKE_KEY": self.fake.key}
        del environ["TIDEGATE_UPSTREAMS_ANTHROPIC_URL"]  # the gateway's
        return subprocess.Popen(
            [sys.executable, str(PROGRAM), self.config, self.fake.url, *words],
            env=environ,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **more,
        )

    def run(self, *words: str) -> str:
        """What another process prints; it must end well and complain of nothing."""
        process = self.program(*words)
        out, complaints = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, complaints
        assert notices_only(complaints), complaints
        return out

    def close(self) -> None:
        """Close the clients and whatever gateway was started."""
        for client in self._clients:
            client.close()
        self.site.close()


@contextlib.contextmanager
def place_at(fake: FakeClaude, folder: Path) -> Iterator[Place]:
    """A place that is closed with the block."""
    place = Place(fake, folder)
    try:
        yield place
    finally:
        place.close()


def notices_only(complaints: str) -> bool:
    """Whether a program has written what the guard says at its start, and nothing else."""
    said = ("has no [[limits]]", "A call named no user", "claude_call_error", "claude_call_refused", "lease_expired")
    return all(any(word in line for word in said) for line in complaints.splitlines())


def until(true: Callable[[], object]) -> None:
    """Wait for what must happen."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)
