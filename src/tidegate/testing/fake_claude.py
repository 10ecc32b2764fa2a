"""`FakeClaude`: a Claude API for tests, as a process of its own with real sockets and its own books."""

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlencode

import msgspec

from tidegate.fake.books import Row, Totals

READY = "fake Claude listens on "
KEY = "sk-ant-api03-fake"
"""A key that the fake accepts unless it was told which ones to accept."""


class FakeClaudeError(Exception):
    """The fake did not start, or did not understand an order; the text says why."""


class FakeClaude:
    """Start a fake Claude API, point clients at `.url`, and read afterwards what it would have billed.

        with FakeClaude() as fake:
            client = anthropic.Anthropic(base_url=fake.url, api_key=fake.key)
            ...
            assert fake.cost() == 1_234_000  # nano-dollars

    The process ends with the `with` block, and with this process however that ends.
    """

    def __init__(
        self,
        *,
        script: Mapping[str, Any] | str | Path | None = None,
        keys: Sequence[str] = (),
        bill: Literal["usual", "worst"] = "usual",
        pace: Literal["quick", "real"] = "quick",
        linger: int | None = None,
        seed: int = 0,
        keep_headers: bool = False,
        books_file: Path | None = None,
        port: int = 0,
    ) -> None:
        self.key = keys[0] if keys else KEY
        self.port = 0
        self._script = script
        self._options = [
            *("--bill", bill, "--pace", pace, "--seed", str(seed), "--port", str(port), "--until-eof"),
            *(part for key in keys for part in ("--key", key)),
            *(("--linger", str(linger)) if linger is not None else ()),
            *(("--keep-headers",) if keep_headers else ()),
            *(("--books", str(books_file)) if books_file else ()),
        ]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Start the process and wait until it listens."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the process."""
        self.stop()

    @property
    def url(self) -> str:
        """The base address for clients."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The fake's process id."""
        return self._running().pid

    def start(self) -> None:
        """Start the process, load the script; returns when it listens."""
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by stop
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "tidegate.fake", *self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith(READY):
            raise FakeClaudeError(f"the fake Claude did not start: {self._end()}")
        self.port = int(line.rsplit(":", 1)[1])
        self._load_first_script()

    def stop(self) -> None:
        """End the process; what it complained about meanwhile raises."""
        complaints = self._end()
        if complaints:
            raise FakeClaudeError(f"the fake Claude complained: {complaints}")

    def kill(self) -> None:
        """End the process as `kill -9` does; `start` may bring up another one."""
        self._running().kill()
        self._end()

    def _end(self) -> str:
        """End the process; returns the end of what it wrote to standard error."""
        process, self._process = self._process, None
        if process is None:
            return ""
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with self._complaints as complaints:
            complaints.seek(0)
            return complaints.read()[-4_000:]

    def script(
        self,
        script: Mapping[str, Any] | str | Path | None = None,
        /,
        *,
        rules: Sequence[Mapping[str, Any]] = (),
        **defaults: Any,
    ) -> None:
        """Replace the script: a mapping, TOML text or a file; `rules` and, as keywords, orders for every attempt."""
        data = _script_data(script) or {}
        data["rules"] = [*data.get("rules", ()), *rules]
        data["defaults"] = {**data.get("defaults", {}), **defaults}
        self._ask("POST", "/_fake/script", data)

    def reset(self) -> None:
        """As at the start: empty books and cache, the script that this value was made with, or none."""
        self._ask("POST", "/_fake/reset", {})
        self._load_first_script()

    def books(self, since: int = 0) -> list[Row]:
        """Every request seen, in order of arrival; `since`: only rows with a higher `seq`."""
        return msgspec.convert(self._ask("GET", f"/_fake/books?since={since}")["rows"], list[Row])

    def attempts(self) -> list[Row]:
        """The rows of `POST /v1/messages` alone."""
        return [row for row in self.books() if row.path == "/v1/messages" and row.method == "POST"]

    def totals(self) -> Totals:
        """The sums at this moment."""
        return msgspec.convert(self._ask("GET", "/_fake/totals"), Totals)

    def cost(self) -> int:
        """Nano-dollars billed so far, open attempts included."""
        return self.totals().cost_now

    def state(self) -> dict[str, Any]:
        """Totals, settings, script, and how often each rule's conditions held and struck."""
        return dict(self._ask("GET", "/_fake/state"))

    def wait(self, *, timeout: float = 30.0, **conditions: int) -> Totals:
        """Block until all hold: `attempts`, `requests`, `ended`, `open_at_least` at least so many, `open` exactly."""
        query = urlencode({**conditions, "timeout": timeout})
        return msgspec.convert(self._ask("GET", f"/_fake/wait?{query}", patience=timeout + 5), Totals)

    def _load_first_script(self) -> None:
        script = _script_data(self._script)
        if script is not None:
            self.script(script)

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise FakeClaudeError("the fake Claude is not running")
        return self._process

    def _ask(self, method: str, path: str, body: Any = None, patience: float = 30.0) -> Any:
        self._running()
        wire = HTTPConnection("127.0.0.1", self.port, timeout=patience)
        try:
            wire.request(method, path, None if body is None else msgspec.json.encode(body))
            reply = wire.getresponse()
            found = msgspec.json.decode(reply.read())
        finally:
            wire.close()
        if reply.status == 504:
            raise TimeoutError(f"the fake Claude waited in vain for {path}: {found}")
        if reply.status != 200:
            raise FakeClaudeError(str(found.get("error", found)))
        return found


def _script_data(script: Mapping[str, Any] | str | Path | None) -> dict[str, Any] | None:
    if isinstance(script, Path):
        text = script.read_text("utf-8")
        return dict(msgspec.json.decode(text)) if script.suffix == ".json" else tomllib.loads(text)
    if isinstance(script, str):
        return tomllib.loads(script)
    return None if script is None else dict(script)
