"""Real gateways for tests: a site is a folder with a configuration, a ledger and app keys, where gateways run."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tidegate.core.run_now import run_now
from tidegate.databases.sqlite import BlockingFile
from tidegate.ledgers.keys import SqliteKeys
from tidegate.model.hold import Hold
from tidegate.model.keys import AppKey, compose, keyed_hash
from tidegate.policy.budgets import Tally
from tidegate.stores.sqlite_journal import SqliteJournal
from tidegate.system.ids import new_key_id, new_key_secret

KEY_SECRET = "key-secret-of-the-tests-0123456789abcdef"
ADMIN_TOKEN = "admin-token-of-the-tests-0123456789abcdef"
UPSTREAM_KEY = "sk-ant-api03-upstream"
PATIENCE = 240.0
"""Seconds after which a wait for something that must happen gives up."""

READY = "tidegate serves on "

Row = dict[str, Any]


class Gateway:
    """One gateway process; its log and its complaints go to files of the site."""

    def __init__(
        self,
        site: "Site",
        name: str,
        *,
        port: int = 0,
        debug: bool = False,
        form: str = "json",
        log: Path | None = None,
    ) -> None:
        self.log_file = log or site.folder / f"{name}.log"
        self.error_file = site.folder / f"{name}.err"
        self._ending = False
        with self.log_file.open("ab") as lines, self.error_file.open("ab") as errors:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, str(Path(__file__).with_name("gateway_process.py"))),
                    *("debug" if debug else "info", "serve", "--port", str(port), "--log-format", form),
                    *("--config", str(site.folder / "tidegate.toml")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=lines,
                stderr=errors,
                env=site.environ,
                cwd=site.folder,
            )
        until(lambda: READY in self.error_file.read_text() or self.process.poll() is not None)
        text = self.error_file.read_text()
        assert READY in text, f"the gateway did not start: {text}"
        self.port = int(text.partition(READY)[2].split()[0].rpartition(":")[2])

    @property
    def errors(self) -> str:
        """What it wrote to standard error beside its banner."""
        lines = self.error_file.read_text().splitlines()
        return "\n".join(line for line in lines if not line.startswith((READY, "  ", "note:")))

    def state(self) -> Row:
        """What it says about itself at /readyz."""
        return dict(json.loads(self.get("/readyz")[1]))

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body of a page."""
        wire = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            wire.request("GET", path, headers=headers or {})
            reply = wire.getresponse()
            return reply.status, reply.read()
        finally:
            wire.close()

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """Stop it in the middle of what it does, as a machine that swaps or a suspended container."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Ask it to end, once: who asks twice will not wait for its settlements."""
        if not self._ending:
            self._ending = True
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Ask it to end and wait; returns its exit code."""
        if self.process.poll() is None:
            self.terminate()
        return self.process.wait(PATIENCE)


class Site:
    """Where gateways run: one configuration, one SQLite file for store and ledger, any number of processes."""

    def __init__(self, folder: Path, upstream: str, config: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tidegate.toml").write_text(config)
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("TIDEGATE_", "ANTHROPIC_"))},
            "TIDEGATE_KEY_SECRET": KEY_SECRET,
            "TIDEGATE_ADMIN_TOKEN": ADMIN_TOKEN,
            "TIDEGATE_UPSTREAMS_ANTHROPIC_URL": upstream,
            "ANTHROPIC_API_KEY": UPSTREAM_KEY,
            "PYTHONFAULTHANDLER": "1",
        }
        self.database = folder / "tidegate.db"
        """The store."""
        self.ledger = folder / ("ledger.db" if "ledger.db" in config else "tidegate.db")
        """The ledger, and the keys."""
        self.gateways: list[Gateway] = []
        self.key = self.new_key()
        self.may_complain = False
        """True where a gateway is made to write to standard error."""
        self._read: dict[Path, tuple[int, list[Row]]] = {}

    def start(self, *, port: int = 0, debug: bool = False, form: str = "json", log: Path | None = None) -> Gateway:
        """A gateway that listens; `form` of its log: json or readable."""
        name = f"gateway-{len(self.gateways)}"
        gateway = Gateway(self, name, port=port, debug=debug, form=form, log=log)
        self.gateways.append(gateway)
        return gateway

    def close(self) -> None:
        """End every gateway; one that ended badly, or complained, fails the test."""
        codes = [gateway.stop() for gateway in self.gateways]
        assert set(codes) <= {0, -signal.SIGKILL}, (codes, [gateway.errors for gateway in self.gateways])
        for gateway in self.gateways:
            assert self.may_complain or not gateway.errors, gateway.errors

    def new_key(self, **options: Any) -> str:
        """An app key of the app `tests`."""
        key_id = new_key_id()
        key = compose(key_id, new_key_secret())
        options = {"app": "tests", **options}
        file = BlockingFile(self.ledger)
        now = time.time_ns() // 1000
        run_now(SqliteKeys(file).add(AppKey(id=key_id, hash=keyed_hash(key, KEY_SECRET), created_at=now, **options)))
        file.close()
        return key

    # -- what is written down

    def query(self, query: str, *values: object) -> list[Row]:
        """Rows of the ledger, as dictionaries."""
        with _connected(self.ledger) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(query, values)]

    def charges(self, user: str | None = None) -> list[Row]:
        """The ledger's charges with `total_cost`, adjustments included; oldest first."""
        if user is None:
            return self.query("SELECT * FROM costs ORDER BY attempt_id")
        return self.query("SELECT * FROM costs WHERE user_id = ? ORDER BY attempt", user)

    def live(self) -> tuple[dict[str, Tally], dict[str, Hold]]:
        """The store's tallies and open holds, as a process that starts now would find them; writes nothing."""
        journal = SqliteJournal()
        with _connected(self.database) as db:
            db.execute("BEGIN")
            journal.before_work(db)
            saved = {key: Tally(settled, held) for key, settled, held in db.execute("SELECT * FROM tallies")}
            db.execute("ROLLBACK")
        return {**saved, **journal._tallies}, journal.live.holds

    def tallies(self) -> dict[str, Tally]:
        """Settled and held money, and open calls, by the key of the scope."""
        return self.live()[0]

    def holds(self) -> dict[str, Hold]:
        """Open holds by attempt id."""
        return self.live()[1]

    def log(self) -> list[Row]:
        """The lines of all gateways' logs; a last line that a kill tore apart is left out."""
        lines: list[Row] = []
        for path in sorted({gateway.log_file for gateway in self.gateways}):
            at, known = self._read.get(path, (0, []))
            with path.open("rb") as file:
                file.seek(at)
                new = file.read()
            end = new.rfind(b"\n") + 1
            known = known + [json.loads(line) for line in new[:end].splitlines() if line]
            self._read[path] = (at + end, known)
            lines += known
        return lines

    def line(self, user: str) -> Row:
        """The one line about the one call of that user; it may come a moment after the answer."""
        until(lambda: self.calls(user))
        (line,) = self.calls(user)
        return line

    def calls(self, user: str) -> list[Row]:
        """The lines about calls of that user."""
        return [line for line in self.log() if line.get("user_id") == user and line["event"].startswith("claude_call_")]

    def settled(self) -> None:
        """Wait until no hold is open."""
        until(lambda: not self.holds())

    def bytes_on_disk(self) -> bytes:
        """Everything that was written: database, write-ahead log, logs, complaints; the configuration is left out."""
        return b"".join(path.read_bytes() for path in sorted(self.folder.iterdir()) if path.suffix != ".toml")


@contextlib.contextmanager
def _connected(file: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(file, isolation_level=None, timeout=PATIENCE)) as db:
        yield db


def until(true: Callable[[], object], *, patience: float = PATIENCE) -> None:
    """Look again and again until it is true."""
    end = time.monotonic() + patience
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


@contextlib.contextmanager
def site_at(folder: Path, upstream: str, config: str) -> Iterator[Site]:
    """A site whose gateways end with the block."""
    site = Site(folder, upstream, config)
    try:
        yield site
    except BaseException:
        for gateway in site.gateways:
            gateway.process.kill()
            gateway.process.wait()
        raise
    site.close()
