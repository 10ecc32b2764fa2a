"""A reader who types what a page says: in an empty folder, one block after the other, with a second terminal.

Directives, before the block that they are about (in brackets behind them stands why):

    skip ["COMMAND"]        the block, or one command of it, is not run
    background ["COMMAND"] [until "TEXT"]
                            it stays running in a second terminal; goes on when it shows the text and what stands below
    save as FILE            the block becomes that file
    append to FILE          the block is added to that file
    edit FILE "TEXT"        the block takes the place of that text in the file
    needs node              the block is run where Node.js and the SDK's package are; elsewhere the page ends here

and on their own:

    port NUMBER             that number stands for a free port
    let NAME be VALUE       NAME in commands and files stands for VALUE; `the last key`: the app key shown last
    stop                    Ctrl-C in the second terminal
    log shows "A" "B"       waits until the second terminal has shown these
    dashboard shows "A" "B" looks at the dashboard
    sdk is fake             the SDK finds a fake Claude where api.anthropic.com would be
    upstream is fake        the gateway finds a fake Claude where api.anthropic.com would be

Without directives: commands of `console` blocks are run, and the lines below them must be in their output, in order
(… stands for anything); `python` blocks are run.
"""

import os
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from docs.pages import Block, Directive, pieces
from e2e.sdk.documents import MODULES, install_node_modules
from tidegate.config.environment import PLATFORMS

PATIENCE = 240.0
"""Seconds after which a wait for something that must happen gives up."""

_KEY = re.compile(r"tg_[a-z0-9]{8}_[0-9A-Za-z]{38}")
_QUOTED = re.compile(r'"([^"]*)"')


class NoNodeError(Exception):
    """The rest of the page needs Node.js and npm."""


class Typed(NamedTuple):
    """A command and the output that the page shows below it."""

    command: str
    shown: list[str]


class Terminal:
    """A second terminal in which one command runs."""

    def __init__(self, command: str, folder: Path, environ: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        with self._news:
            self._over = True
            self._news.notify_all()

    @property
    def output(self) -> str:
        """What it has shown so far."""
        return "".join(self._lines)

    def wait_for(self, there: Callable[[str], bool]) -> None:
        """Until its output is as wanted."""
        with self._news:
            self._news.wait_for(lambda: there(self.output) or self._over, PATIENCE)
        assert there(self.output), self.output

    def stop(self) -> None:
        """Ctrl-C; a command that does not end well fails the test."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
        code = self._process.wait(PATIENCE)
        self._thread.join(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()
        assert code in (0, 130), f"exit code {code}\n{self.output}"
        assert "Traceback" not in self.output, self.output


class Reader:
    """Follows one page."""

    def __init__(self, folder: Path, upstream: str) -> None:
        self.folder = folder
        self.environ = environment(folder)
        self._upstream = upstream
        self._names: dict[str, str] = {}
        self._terminal: Terminal | None = None
        self._pending: list[str] = []
        self.ran = 0

    def follow(self, page: Path) -> None:
        """Do everything that the page says."""
        for piece in pieces(page):
            try:
                if isinstance(piece, Directive):
                    self._obey(piece.words)
                else:
                    self._do(piece, self._pending)
                    self._pending = []
            except (AssertionError, ValueError, KeyError, OSError) as error:
                error.add_note(f"{page}:{piece.line}")
                raise
        assert not self._pending, self._pending

    def close(self) -> None:
        """End what still runs."""
        if self._terminal is not None:
            terminal, self._terminal = self._terminal, None
            terminal.stop()

    # -- directives

    def _obey(self, words: str) -> None:
        verb, _, rest = words.partition(" ")
        if verb in {"skip", "background", "save", "append", "edit", "needs"}:
            self._pending.append(words)
        elif verb == "port":
            self._names[rest] = self.environ["PORT"] = str(free_port())
        elif verb == "let":
            name, _, value = rest.partition(" be ")
            self._names[name] = self._names["key"] if value == "the last key" else value
        elif verb == "stop":
            self.close()
        elif words.startswith("log shows "):
            assert self._terminal is not None
            texts = _QUOTED.findall(rest)
            self._terminal.wait_for(lambda output: all(text in output for text in texts))
        elif words.startswith("dashboard shows "):
            self._look(_QUOTED.findall(rest))
        elif words == "sdk is fake":
            self.environ["ANTHROPIC_BASE_URL"] = self._upstream
        elif words == "upstream is fake":
            self.environ["TIDEGATE_UPSTREAMS_ANTHROPIC_URL"] = self._upstream
        else:
            raise ValueError(f"no such directive: {words}")

    def _look(self, texts: list[str]) -> None:
        """The dashboard as a browser gets it, with the token from .env."""
        token = re.findall(r"^TIDEGATE_ADMIN_TOKEN=(.+)$", (self.folder / ".env").read_text(), re.MULTILINE)[0]
        wire = HTTPConnection("127.0.0.1", int(self.environ["PORT"]), timeout=PATIENCE)
        try:
            password = b64encode(f"me:{token}".encode()).decode()
            wire.request("GET", "/dashboard", headers={"authorization": f"Basic {password}"})
            reply = wire.getresponse()
            text = reply.read().decode()
        finally:
            wire.close()
        assert reply.status == 200, text
        assert not [wanted for wanted in texts if wanted not in text], text

    # -- blocks

    def _do(self, block: Block, orders: list[str]) -> None:
        if "skip" in orders:
            return
        text = self._meant(block.text)
        for order in orders:
            verb, _, rest = order.partition(" ")
            if verb == "needs":
                self._link_node()
            if verb == "edit":
                path, old = self.folder / rest.split()[0], _QUOTED.findall(rest)[0]
                before = path.read_text()
                pattern = r"\s+".join(map(re.escape, old.split()))
                assert len(re.findall(pattern, before)) == 1, before
                path.write_text(re.sub(pattern, lambda _: text.rstrip("\n"), before))
                return
            if verb in {"save", "append"}:
                with (self.folder / rest.split()[1]).open("a" if verb == "append" else "w") as file:
                    file.write(f"\n{text}" if verb == "append" else text)
                return
        if block.language == "console":
            for typed in commands(text):
                self._type(typed, orders)
        elif block.language == "python":
            self._run(shlex.join([sys.executable, "-c", text]), [])

    def _link_node(self) -> None:
        """The SDK's package as `npm install` would have put it here."""
        if shutil.which("node") is None or not install_node_modules():
            raise NoNodeError
        (self.folder / "node_modules").symlink_to(MODULES)

    def _type(self, typed: Typed, orders: list[str]) -> None:
        if f'skip "{typed.command}"' in orders:
            return
        for order in orders:
            verb, _, rest = order.partition(" ")
            which, _, until = rest.partition("until ")
            if verb == "background" and which.strip() in {"", f'"{typed.command}"'}:
                self._start(typed.command, [*typed.shown, *(f"…{text}…" for text in _QUOTED.findall(until))])
                return
        self._run(typed.command, typed.shown)

    def _start(self, command: str, shown: list[str]) -> None:
        """Leave it running in the second terminal."""
        assert self._terminal is None, "something runs in the second terminal already"
        assert shown, f"nothing says when {command} is ready"
        self._terminal = Terminal(command, self.folder, self.environ)
        self._terminal.wait_for(lambda output: missing(shown, output) is None)
        self.ran += 1

    def _run(self, command: str, shown: list[str]) -> None:
        """Run to the end; what it exports stays, as in a shell."""
        kept = self.folder / ".environment-of-the-test"
        done = subprocess.run(
            ["bash", "-c", f"{command}\ncode=$?\nenv -0 > {shlex.quote(str(kept))}\nexit $code"],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        self.environ = dict(pair.split("=", 1) for pair in kept.read_text().split("\0") if "=" in pair)
        kept.unlink()
        self.ran += 1
        assert done.returncode == 0, f"{command}\nexit code {done.returncode}\n{done.stdout}"
        assert missing(shown, done.stdout) is None, (
            f"{command}\nnot shown: {missing(shown, done.stdout)}\n{done.stdout}"
        )
        for key in _KEY.findall(done.stdout):
            self._names["key"] = key

    def _meant(self, text: str) -> str:
        for name, value in self._names.items():
            if name != "key":
                text = text.replace(name, value)
        return text


@contextmanager
def reader(folder: Path, upstream: str) -> Iterator[Reader]:
    """A reader in an empty folder; what they started ends with the block."""
    one = Reader(folder, upstream)
    try:
        yield one
    finally:
        one.close()


def commands(text: str) -> list[Typed]:
    """The commands of a console block, each with what is shown below it; comments behind them are the shell's."""
    found: list[Typed] = []
    more = False
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(Typed(line[2:].removesuffix("\\"), []))
        elif more:
            found[-1] = Typed(found[-1].command + line.strip().removesuffix("\\"), [])
        elif line.strip():
            found[-1].shown.append(line)
        more = line.endswith("\\") and not (found and found[-1].shown)
    return [Typed(re.sub(r"\s+# .*$", "", one.command).strip(), one.shown) for one in found]


def missing(shown: list[str], output: str) -> str | None:
    """The first line of the page that is not in the output behind the one before it."""
    lines = iter(" ".join(line.split()) for line in output.splitlines())
    for wanted in shown:
        pattern = re.compile(
            ".*".join(re.escape(" ".join(part.split())) for part in wanted.split("…"))
            .replace("\\ .*", ".*")
            .replace(".*\\ ", ".*")
        )
        if not any(pattern.fullmatch(line) for line in lines):
            return wanted
    return None


def environment(home: Path) -> dict[str, str]:
    """This machine's environment without what would change tidegate or the SDK, and with our programs first."""
    ours = ("TIDEGATE_", "ANTHROPIC_", "PYTEST_", "COV_")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(ours) and name not in {*PLATFORMS, "PORT", "FORCE_COLOR"}
    }
    programs = str(Path(sys.executable).parent)
    return kept | {"PATH": f"{programs}:{kept.get('PATH', '')}", "HOME": str(home)}


def free_port() -> int:
    """A port that nothing listens on, below those that systems give out by themselves."""
    rng = random.SystemRandom()
    for _ in range(200):
        port = rng.randrange(20_000, 30_000)
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")
