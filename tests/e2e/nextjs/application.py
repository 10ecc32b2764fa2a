"""The example as a running server, and people who use it over HTTP."""

import gzip
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from e2e.gateways import PATIENCE, until
from e2e.nextjs.building import EXAMPLE, clean_environment, find_npm

SESSION_SECRET = "session-secret-of-the-tests-0123456789abcdef"
ROUTES = ("chat", "chat-ai-sdk")
REFERENCE = re.compile(r"(req|web)_[A-Za-z0-9_-]+")
HEADERS = {"content-type": "application/json", "accept-encoding": "gzip"}
CHATTER = re.compile(r"npm warn |> |▲ Next\.js |- (Local|Network): |✓ |$")
"""What npm and Next.js write when they start."""

JSON = dict[str, Any]


class Application:
    """`npm start` with its own settings; its log is a file."""

    def __init__(self, log: Path, gateway: str, key: str, **settings: str) -> None:
        self.log_file = log
        environ = {
            "ANTHROPIC_BASE_URL": gateway,
            "ANTHROPIC_API_KEY": key,
            "SESSION_SECRET": SESSION_SECRET,
            **settings,
        }
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [find_npm(), "start"],
                cwd=EXAMPLE,
                env=clean_environment(PORT="0", **environ),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.port = 0

    def wait_until_ready(self) -> None:
        """Until it listens; the port is its own choice."""
        until(lambda: "✓ Ready" in self.log() or self.process.poll() is not None)
        found = re.search(r"Local: +http://localhost:(\d+)", self.log())
        assert found, self.log()
        self.port = int(found[1])

    def log(self) -> str:
        """All that npm, Next.js and the application have written."""
        return self.log_file.read_text("utf-8")

    def failures(self) -> list[JSON]:
        """The lines about failures.  Any other line, such as a stack trace, fails the test."""
        lines = [line for line in self.log().split("\n")[:-1] if not CHATTER.match(line)]
        strays = [line for line in lines if not line.startswith('{"event":"chat_failed"')]
        assert strays == [], strays
        return [json.loads(line) for line in lines]

    def stop(self) -> None:
        """End it with everything that it has started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                os.killpg(self.process.pid, number)
                try:
                    self.process.wait(10)
                except subprocess.TimeoutExpired:
                    continue

    def kill(self) -> None:
        """End it as a machine that dies does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def user(self, name: str) -> "User":
        """Somebody who has signed in."""
        one = User(self, name)
        one.sign_in()
        return one


@contextmanager
def serving(log: Path, gateway: str, key: str, **settings: str) -> Iterator[Application]:
    """A running application; it must not have logged anything but failures."""
    app = Application(log, gateway, key, **settings)
    try:
        app.wait_until_ready()
        yield app
        app.failures()
    finally:
        app.stop()


class User:
    """A browser, as far as HTTP goes."""

    def __init__(self, app: Application, name: str) -> None:
        self.app = app
        self.name = name
        self.cookie = ""

    def sign_in(self) -> None:
        """Take the cookie."""
        form = {"content-type": "application/x-www-form-urlencoded"}
        with self.sent("POST", "/session", urlencode({"name": self.name}), form) as reply:
            assert (reply.status, reply.headers["location"]) == (303, "/"), reply.status
            self.cookie = str(reply.headers["set-cookie"]).partition(";")[0]

    @contextmanager
    def sent(
        self, method: str, path: str, body: str | bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Iterator[HTTPResponse]:
        """A request whose reply is still to be read; when the block ends, the browser leaves."""
        with closing(self._request(method, path, body, headers or {})) as wire:
            yield wire.getresponse()

    def page(self, path: str = "/") -> str:
        """What a browser gets there."""
        with self.sent("GET", path) as reply:
            return reply.read().decode()

    @contextmanager
    def asking(self, text: str, *, route: str = "chat", stream: bool = True) -> Iterator["Answer"]:
        """Ask; the answer is still to be read.  When the block ends, the browser leaves."""
        with self.sent("POST", f"/api/{route}", _question(text, stream=stream), HEADERS) as reply:
            yield Answer(reply)

    def ask(self, text: str, *, route: str = "chat", stream: bool = True) -> "Answer":
        """Ask, and read the answer to its end."""
        with self.asking(text, route=route, stream=stream) as answer:
            return answer.read()

    def ask_badly(self, body: str | bytes, *, route: str = "chat") -> "Answer":
        """Send what the page would not."""
        with self.sent("POST", f"/api/{route}", body, HEADERS) as reply:
            return Answer(reply).read()

    def leave_when(self, there: Callable[[], object], text: str, *, route: str, stream: bool) -> None:
        """Ask, and hang up without a look at the answer as soon as that is so."""
        with closing(self._request("POST", f"/api/{route}", _question(text, stream=stream), HEADERS)):
            until(there)

    def _request(self, method: str, path: str, body: str | bytes, headers: Mapping[str, str]) -> HTTPConnection:
        wire = HTTPConnection("127.0.0.1", self.app.port, timeout=PATIENCE)
        wire.request(method, path, body, {"cookie": self.cookie, **headers})
        return wire


def _question(text: str, *, stream: bool) -> str:
    return json.dumps({"messages": [{"role": "user", "content": text}], "stream": stream})


class Answer:
    """What a person sees of an answer."""

    def __init__(self, reply: HTTPResponse) -> None:
        self.status = reply.status
        self.headers = {name.lower(): value for name, value in reply.getheaders()}
        self.pieces: list[str] = []
        self.note: str | None = None
        self.failure: JSON | None = None
        self.reference = ""
        self.raw = b""
        """Everything that came, as it came."""
        self._reply = reply

    @property
    def text(self) -> str:
        """The words of the assistant."""
        return "".join(self.pieces)

    def read(self) -> "Answer":
        """To its end."""
        if "ndjson" in self.headers["content-type"]:
            while self.read_line():
                pass
            assert self.reference, self.raw
        else:
            self._take(self._document())
        return self

    def read_line(self) -> bool:
        """The next line of a stream; False after the last one."""
        line = self._reply.readline()
        self.raw += line
        if line:
            assert line.endswith(b"\n"), line
            self._take(json.loads(line))
        return bool(line)

    def _document(self) -> JSON:
        self.raw = self._reply.read()
        if self.headers.get("content-encoding") == "gzip":
            self.raw = gzip.decompress(self.raw)
        return dict(json.loads(self.raw))

    def _take(self, line: JSON) -> None:
        assert not self.reference, f"something comes after the end: {line}"
        if line.get("type") == "text":
            self.pieces.append(line["text"])
            return
        failure = line.get("error", line)
        if "message" in failure:
            assert failure.keys() == {"status", "message", "reference", "retryAfter"}, failure
            self.failure, self.reference = failure, failure["reference"]
        else:
            self.pieces += [line["text"]] if "text" in line else []
            self.note, self.reference = line["note"], line["reference"]
        assert REFERENCE.fullmatch(self.reference), self.reference
