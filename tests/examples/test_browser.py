"""The pages of the examples in a real browser: somebody signs in, asks, and reads."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.nextjs.browser import Browser, browsing
from examples.faults import FAULTS
from examples.running import SAID, Served, fake_claude
from examples.talking import SENTENCES
from examples.test_web import KINDS

pytestmark = pytest.mark.slow


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with browsing(tmp_path / "profile") as found:
        yield found


def served_at(name: str, folder: Path) -> Iterator[Served]:
    with fake_claude() as fake:
        served = Served(KINDS[name].example, folder, fake, KINDS[name].command)
        try:
            yield served
        finally:
            served.stop()


@pytest.fixture
def fastapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from served_at("fastapi", tmp_path_factory.mktemp("fastapi"))


@pytest.fixture
def flask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from served_at("flask", tmp_path_factory.mktemp("flask"))


def test_the_chat(fastapi: Served, browser: Browser, tmp_path: Path) -> None:
    browser.go(fastapi.url)
    browser.type("#name", "alice")
    browser.type("#text", "How high is the tide?", enter=True)
    browser.wait(f"document.querySelector('#answer').innerText === '{SAID}'")
    assert browser.text("#error") == ""
    for orders in ("status=529", "cut=4", "refuse=before", "spend=tier", "reset=before"):
        assert FAULTS[orders].streamed != 200
        browser.wait("!document.querySelector('#ask').disabled")
        browser.ask("document.querySelector('#text').value = ''")
        browser.type("#text", f"[[fake: {orders}]]", enter=True)
        browser.wait("document.querySelector('#error small') !== null && !document.querySelector('#ask').disabled")
        words = browser.text("#error")
        assert any(pattern.search(words) for pattern in SENTENCES), (orders, words)
        assert browser.text("#error small").startswith("req_")
    browser.screenshot(tmp_path / "chat.png")
    browser.ask("document.querySelector('#text').value = ''")
    browser.type("#text", "And now?", enter=True)
    browser.wait("document.querySelector('#error').innerText === ''")
    browser.wait(f"document.querySelector('#answer').innerText === '{SAID}'")
    browser.screenshot(tmp_path / "answer.png")
    # A browser notes each reply with an error status; nothing else is wrong.
    assert [one for one in browser.complaints if "status of" not in one and "favicon" not in one] == []


def test_the_chat_when_its_server_is_gone(fastapi: Served, browser: Browser) -> None:
    browser.go(fastapi.url)
    fastapi.stop()
    browser.type("#name", "alice")
    browser.type("#text", "How high is the tide?", enter=True)
    browser.wait("document.querySelector('#error').innerText.startsWith('This page cannot reach its server.')")


def test_the_summaries(flask: Served, browser: Browser, tmp_path: Path) -> None:
    browser.go(flask.url)
    browser.type("[name=name]", "alice", enter=True)
    browser.type("textarea", "A long text.")
    browser.click("button")
    browser.wait(f"document.querySelector('.summary')?.innerText === '{SAID}'")
    browser.screenshot(tmp_path / "summary.png")
    browser.ask("document.querySelector('textarea').value = ''")
    browser.type("textarea", "[[fake: status=529]]")
    browser.click("button")
    browser.wait("document.querySelector('h1')?.innerText === 'Very busy'")
    assert "req_" in browser.text("small")
    browser.screenshot(tmp_path / "sorry.png")
