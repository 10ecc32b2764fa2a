"""An example as a real process: its files in a folder of its own, its configuration by environment, a fake Claude."""

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from docs.reader import environment, free_port
from e2e.gateways import PATIENCE, Site, until
from tidegate.testing import FakeClaude

EXAMPLES = Path(__file__).parents[2] / "examples"
SAID, TOLD = "CanaryOfTheAnswer", "CanaryOfTheUpstreamsError"
KEY = "sk-ant-api03-CanaryOfTheKey"
SECRET = "CanaryOfTheSessions"
ASKED = "CanaryOfTheQuestion"
CANARIES = (SAID, TOLD, KEY, SECRET, ASKED)
"""What must be in no log and in no ledger."""

QUICK = {
    "CLAUDE_TIMEOUT": "1",
    "TIDEGATE_RETRY_ATTEMPTS": "2",
    "TIDEGATE_RETRY_BASE": "1ms",
    "TIDEGATE_BREAKER_OPEN_ABOVE": "1",
}
"""So that faults do not take long, and so many of them do not end the asking."""


class Books(Site):
    """The store and the ledger of a folder in which no gateway runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = self.ledger = folder / "tidegate.db"


class Example:
    """One folder of examples/, copied, and the process that runs in it."""

    def __init__(self, name: str, folder: Path, fake: FakeClaude) -> None:
        self.folder = folder
        self.fake = fake
        self.books = Books(folder)
        self.process: subprocess.Popen[str] | None = None
        shutil.copytree(EXAMPLES / name, folder, dirs_exist_ok=True)
        self.environ = {
            **environment(folder),
            "ANTHROPIC_BASE_URL": fake.url,
            "ANTHROPIC_API_KEY": fake.key,
            "SESSION_SECRET": SECRET,
            "PYTHONUNBUFFERED": "1",
            # Who ends a process may leave its connections, and in a container anybody is root.
            "PYTHONWARNINGS": "default,ignore::ResourceWarning,ignore:You're running the worker with superuser",
            **QUICK,
        }

    def start(self, command: Sequence[str], **options: Any) -> "subprocess.Popen[str]":
        """Run a program of this environment; what it writes goes into files beside it."""
        program = str(Path(sys.executable).with_name(command[0]))
        with (self.folder / "stdout").open("a") as out, (self.folder / "stderr").open("a") as err:
            files: dict[str, IO[str]] = {"stdout": out, "stderr": err}
            self.process = subprocess.Popen(
                [program, *command[1:]], cwd=self.folder, env=self.environ, text=True, **{**files, **options}
            )
        return self.process

    def run(self, command: Sequence[str], **options: Any) -> "subprocess.CompletedProcess[str]":
        """Run a program of this environment to its end."""
        program = str(Path(sys.executable).with_name(command[0]))
        return subprocess.run(
            [program, *command[1:]],
            cwd=self.folder,
            env=self.environ,
            text=True,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
            **options,
        )

    def output(self) -> str:
        """What it has written so far to its standard output and error."""
        return "".join((self.folder / name).read_text() for name in ("stdout", "stderr"))

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """End it in order; it must not have complained."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        assert code in (0, 130, -number), self.output()
        assert "Traceback" not in self.output(), self.output()
        assert "Warning" not in self.output(), self.output()
        self.tells_nothing()
        assert self.books.holds() == {}

    def tells_nothing(self) -> None:
        """No canary stands in what was written; queue/ is the worker's own store of what it is asked."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and "queue" not in path.parts]
        written = [path for path in files if not (EXAMPLES / self.folder.name / path.name).exists()]
        assert {"stdout", "stderr", "tidegate.db"} <= {path.name for path in written}
        for path in written:
            data = path.read_bytes()
            assert not [canary for canary in CANARIES if canary.encode() in data], (path, data[-4_000:])

    def knows(self, reference: str) -> bool:
        """Whether whoever is asked about a reference finds it in the log."""
        return reference.removeprefix("req_") in self.output() + self.log()

    def log(self) -> str:
        """What it has written to a log file of its own."""
        return "".join(path.read_text() for path in self.folder.glob("*.log"))

    def books_agree(self) -> None:
        """Each attempt that the fake saw has its one charge, and nothing was billed that the ledger does not have."""
        until(lambda: self.fake.totals().open == 0)
        until(lambda: self.books.holds() == {})
        charges = self.books.charges()
        assert len(charges) == len(self.fake.attempts())
        assert sum(charge["total_cost"] for charge in charges) >= self.fake.totals().cost_settled


class Served(Example):
    """An example that serves HTTP."""

    def __init__(self, name: str, folder: Path, fake: FakeClaude, command: Sequence[str]) -> None:
        super().__init__(name, folder, fake)
        self.port = free_port()
        self.start([word.format(port=self.port) for word in command])
        until(self._listens)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.output()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False


@contextlib.contextmanager
def fake_claude() -> Iterator[FakeClaude]:
    """A fake that says canaries."""
    defaults: Mapping[str, str] = {"say": SAID, "message": TOLD}
    with FakeClaude(keys=[KEY], script={"defaults": defaults}) as fake:
        yield fake
