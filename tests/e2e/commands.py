"""The command `tidegate` as its users run it: real processes in a folder, what they print, how they end."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from e2e.gateways import PATIENCE, READY, until

Command = tuple[str, ...]

TIDEGATE: Command = (sys.executable, "-m", "tidegate")


class Folder:
    """A new user's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.temporary = path.with_name(f"{path.name}-tmp")
        self.temporary.mkdir()
        ours = ("TIDEGATE_", "ANTHROPIC_")
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(ours) and name != "PORT"},
            "TIDEGATE_ENV": "development",
            "TMPDIR": str(self.temporary),
        }

    def run(self, *arguments: str, stdout: Any = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [*TIDEGATE, *arguments],
            cwd=self.path,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def json(self, *arguments: str) -> dict[str, Any]:
        """The document of a command that must succeed."""
        ran = self.run(*arguments, "--json")
        assert ran.returncode == 0, ran.stderr
        return dict(json.loads(ran.stdout))

    @contextmanager
    def running(self, *arguments: str, command: Command = TIDEGATE) -> Iterator["Running"]:
        """A command that runs on; whatever the test leaves of it is killed."""
        running = Running(self, (*command, *arguments))
        try:
            yield running
        finally:
            if running.process.poll() is None:
                running.process.kill()
                running.process.wait()


class Running:
    """A command that runs on; what it writes goes into files."""

    def __init__(self, folder: Folder, command: Command) -> None:
        number = len(list(folder.path.glob("out-*")))
        self._out, self._err = folder.path / f"out-{number}", folder.path / f"err-{number}"
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                command, cwd=folder.path, env=folder.environ, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )

    @property
    def out(self) -> str:
        """Standard output so far."""
        return self._out.read_text()

    @property
    def err(self) -> str:
        """Standard error so far."""
        return self._err.read_text()

    def says(self, text: str) -> None:
        """Wait until this stands on standard output or standard error."""
        until(lambda: text in self.out + self.err or self.process.poll() is not None)
        assert text in self.out + self.err, self.err

    def serves(self) -> str:
        """Wait for the banner of a gateway; returns its address."""
        self.says(READY)
        return self.err.partition(READY)[2].split()[0]

    def signal(self, number: int) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def children(self) -> list[int]:
        """The ids of its child processes."""
        pid = self.process.pid
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def call(address: str, key: str, *, user: str = "alice", **fields: Any) -> tuple[int, dict[str, Any]]:
    """One call of Claude through the gateway at that address; status and document."""
    status, body = ask(address, key, user=user, **fields)
    return status, dict(json.loads(body))


def ask(address: str, key: str, *, user: str = "alice", **fields: Any) -> tuple[int, bytes]:
    """As `call`, the body as it came."""
    wire, reply = opened(address, key, user=user, **fields)
    try:
        return reply.status, reply.read()
    finally:
        wire.close()


def opened(address: str, key: str, *, user: str = "alice", **fields: Any) -> tuple[HTTPConnection, Any]:
    """A call whose reply's body is still to be read."""
    body = {"model": "claude-haiku-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}], **fields}
    wire = HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE)
    headers = {"x-api-key": key, "anthropic-version": "2023-06-01", "x-tidegate-user": user}
    wire.request("POST", "/v1/messages", json.dumps(body), headers)
    return wire, wire.getresponse()


def alive(pid: int) -> bool:
    """Whether that process still runs; one that only waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
