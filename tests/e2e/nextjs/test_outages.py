"""What people see when the gateway is down, dies, hangs, or speaks too slowly."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.gateways import Site, site_at, until
from e2e.nextjs.application import ROUTES, Answer, Application, serving
from e2e.nextjs.stage import PATIENT
from tidegate.testing import FakeClaude

pytestmark = pytest.mark.slow

each_route = pytest.mark.parametrize("route", ROUTES)

UNREACHABLE = "The assistant cannot be reached at the moment. Please try again in a minute."
TOO_LATE = "The answer took too long. Please try again, perhaps with a shorter question."
BROKE_OFF = "The answer broke off before it was complete. Please try again."


@pytest.fixture
def site(tmp_path: Path, fake_claude: FakeClaude) -> Iterator[Site]:
    """Where a gateway can be started."""
    with site_at(tmp_path / "site", fake_claude.url, PATIENT) as one:
        yield one


@contextlib.contextmanager
def mute() -> Iterator[int]:
    """The port of a server that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield int(server.getsockname()[1])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def told(app: Application, answer: Answer) -> tuple[int, str, str]:
    """Status, sentence and the log's reason of a failure."""
    assert answer.failure is not None
    line = app.failures()[-1]
    assert line["reference"] == answer.reference
    return answer.failure["status"], answer.failure["message"], line["reason"]


def test_a_gateway_that_is_not_there_yet(example: Path, tmp_path: Path, site: Site) -> None:
    assert example.exists()
    port = free_port()
    with serving(tmp_path / "next.log", f"http://127.0.0.1:{port}", site.key) as app:
        user = app.user("dora")
        for route in ROUTES:
            for stream in (True, False):
                answer = user.ask("Hello", route=route, stream=stream)
                assert told(app, answer) == (503, UNREACHABLE, "unreachable")
                assert answer.reference.startswith("web_")
        site.start(port=port)
        for route in ROUTES:
            assert user.ask("Hello", route=route).failure is None


@each_route
def test_a_gateway_that_dies_in_the_middle(
    example: Path, tmp_path: Path, site: Site, fake_claude: FakeClaude, route: str
) -> None:
    assert example.exists()
    gateway = site.start()
    with serving(tmp_path / "next.log", f"http://127.0.0.1:{gateway.port}", site.key) as app:
        user = app.user("dora")
        with user.asking("[[fake: stall=6]]", route=route) as answer:
            assert answer.read_line()
            gateway.kill()
            answer.read()
        assert answer.pieces
        assert told(app, answer) == (502, BROKE_OFF, "cut")
        assert answer.reference == answer.headers["x-reference"]
        fake_claude.wait(open=0)
        assert told(app, user.ask("Hello", route=route)) == (503, UNREACHABLE, "unreachable")


def test_a_gateway_that_never_answers(example: Path, tmp_path: Path) -> None:
    assert example.exists()
    settings = {"CHAT_TIMEOUT_SECONDS": "1"}
    with mute() as port, serving(tmp_path / "next.log", f"http://127.0.0.1:{port}", "tg_x", **settings) as app:
        user = app.user("dora")
        for route in ROUTES:
            for stream in (True, False):
                answer = user.ask("Hello", route=route, stream=stream)
                assert told(app, answer) == (504, TOO_LATE, "timeout")


@each_route
def test_an_answer_that_takes_too_long(
    example: Path, tmp_path: Path, site: Site, fake_claude: FakeClaude, route: str
) -> None:
    """It is cancelled upstream, too: an answer that nobody waits for costs money."""
    assert example.exists()
    gateway = site.start()
    settings = {"CHAT_TIMEOUT_SECONDS": "2"}
    with serving(tmp_path / "next.log", f"http://127.0.0.1:{gateway.port}", site.key, **settings) as app:
        answer = app.user("dora").ask("[[fake: stall=6]]", route=route)
        assert told(app, answer)[1:] == (TOO_LATE, "timeout")
        until(lambda: [row.ending for row in fake_claude.attempts()] == ["disconnected"])


@each_route
def test_an_environment_that_has_more_to_say(example: Path, tmp_path: Path, site: Site, route: str) -> None:
    """Variables that the SDKs would read: another key, another address with a path, a log of everything."""
    assert example.exists()
    gateway = site.start()
    traps = {"ANTHROPIC_AUTH_TOKEN": "another-key", "ANTHROPIC_LOG": "debug"}
    address = f"http://127.0.0.1:{gateway.port}/"
    with serving(tmp_path / "next.log", address, site.key, **traps) as app:
        user = app.user("dora")
        assert user.ask("Hello", route=route).failure is None
        assert user.ask("[[fake: malformed]]", route=route).failure is not None
        assert len(app.failures()) == 1
