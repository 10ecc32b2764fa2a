"""The page in a real browser: what a person sees and can press."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.gateways import until
from e2e.nextjs.application import serving
from e2e.nextjs.browser import Browser, browsing
from e2e.nextjs.stage import Stage, canary

pytestmark = pytest.mark.slow

SDKS = ("Anthropic SDK", "AI SDK")
QUESTION = "textarea"
LAST = "article:last-of-type"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("chromium")) as one:
        yield one


@pytest.fixture
def page(browser: Browser, stage: Stage) -> Browser:
    """The chat, nothing said yet."""
    sign_in(browser, stage.app.port)
    return browser


def sign_in(browser: Browser, port: int) -> None:
    """A new person."""
    browser.send("Network.clearBrowserCookies")
    browser.complaints.clear()
    browser.go(f"http://localhost:{port}/")
    browser.type("#name", f"walker-{canary('')[-6:]}")
    browser.click("button[type=submit]")
    # Until React has taken the page over, it is a picture.
    browser.wait("Object.keys(document.querySelector('.composer') ?? {}).some((key) => key.startsWith('__react'))")


def choose(page: Browser, sdk: str) -> None:
    at = SDKS.index(sdk) + 1
    page.click(f".switch button:nth-child({at})")
    page.wait(f"document.querySelector('.switch [aria-pressed=true]').innerText === '{sdk}'")


def ask(page: Browser, text: str) -> None:
    page.type(QUESTION, text, enter=True)


def state(page: Browser, wanted: str) -> None:
    """Until the last answer is there, has failed, …"""
    page.wait(f"document.querySelector('{LAST}')?.className === '{wanted}'")


@pytest.mark.parametrize("sdk", SDKS)
def test_a_conversation(page: Browser, stage: Stage, sdk: str) -> None:
    choose(page, sdk)
    ask(page, "[[fake: say=Because the moon pulls.]] Why are there tides?")
    state(page, "whole")
    assert page.text(f"{LAST} .text") == "Because the moon pulls."
    before = stage.last()
    ask(page, "[[fake: say=Twice a day.]] How often?")
    page.wait("document.querySelectorAll('article.whole').length === 2")
    assert page.text(f"{LAST} .text") == "Twice a day."
    (row,) = stage.seen(before)
    assert row.request_bytes > 250, "the second question goes with the first one and its answer"
    assert page.complaints == []


@pytest.mark.parametrize("sdk", SDKS)
def test_words_appear_while_the_answer_is_written_and_stop_ends_it(page: Browser, stage: Stage, sdk: str) -> None:
    choose(page, sdk)
    before = stage.last()
    ask(page, "[[fake: stall=8]] Tell me a long story.")
    page.wait(f"(document.querySelector('{LAST} .text')?.innerText ?? '') !== ''")
    assert page.ask(f"document.querySelector('{LAST}').className") == "writing"
    assert [row.ending for row in stage.seen(before)] == ["open"]
    page.click("button.stop")
    state(page, "stopped")
    assert "You stopped this answer." in page.text(LAST)
    until(lambda: [row.ending for row in stage.seen(before)] == ["disconnected"])
    ask(page, "[[fake: say=Here I am.]] Are you there?")
    state(page, "whole")


@pytest.mark.parametrize("sdk", SDKS)
def test_a_stream_that_breaks_off_can_be_asked_again(page: Browser, stage: Stage, sdk: str) -> None:
    choose(page, sdk)
    ask(page, "[[fake: cut=6]] Why?")
    state(page, "failed")
    assert page.text(f"{LAST} .text")
    failure = page.text(f"{LAST} [role=alert]")
    assert "The answer broke off before it was complete. Please try again." in failure
    assert "Reference: req_" in failure
    before = stage.last()
    page.click(f"{LAST} .failure button")
    until(lambda: stage.seen(before))
    state(page, "failed")
    assert page.ask("document.querySelectorAll('article').length") == 1


@pytest.mark.parametrize("sdk", SDKS)
def test_a_refusal_says_when_to_try_again(page: Browser, sdk: str) -> None:
    choose(page, sdk)
    ask(page, "[[fake: status=529; retry_after=1]] Why?")
    state(page, "failed")
    assert "The assistant is very busy at the moment." in page.text(f"{LAST} [role=alert]")
    page.wait(f"document.querySelector('{LAST} .failure button').innerText === 'Try again'")


@pytest.mark.parametrize("sdk", SDKS)
def test_a_note(page: Browser, sdk: str) -> None:
    choose(page, sdk)
    ask(page, "[[fake: refuse=before]] Why?")
    state(page, "whole")
    assert "The assistant declined to answer this." in page.text(LAST)
    assert "Reference: req_" in page.text(LAST)


def test_a_text_stays_a_text(page: Browser) -> None:
    ask(page, "[[fake: say=<img src=x onerror=alert(1)> & <b>bold</b>]] <script>alert(1)</script>")
    state(page, "whole")
    assert page.text(f"{LAST} .text") == "<img src=x onerror=alert(1)> & <b>bold</b>"
    assert page.ask("document.querySelectorAll('article img, article b, article script').length") == 0


def test_an_application_that_dies(browser: Browser, example: Path, stage: Stage, tmp_path: Path) -> None:
    """In the middle of an answer, and then for good."""
    assert example.exists()
    with serving(tmp_path / "next.log", f"http://127.0.0.1:{stage.gateway.port}", stage.site.key) as app:
        sign_in(browser, app.port)
        ask(browser, "[[fake: stall=8]] Why?")
        browser.wait(f"(document.querySelector('{LAST} .text')?.innerText ?? '') !== ''")
        app.kill()
        state(browser, "failed")
        failure = browser.text(f"{LAST} [role=alert]")
        assert "The answer broke off before it was complete." in failure
        assert "Reference: req_" in failure
        browser.click(f"{LAST} .failure button")
        browser.wait(f"document.querySelector('{LAST} [role=alert]')?.innerText.includes('cannot reach its server')")
    stage.fake.wait(open=0)


def test_a_new_conversation_knows_nothing_of_the_old_one(page: Browser, stage: Stage) -> None:
    ask(page, "[[fake: status=400]] Why?")
    state(page, "failed")
    assert "Please start a new conversation." in page.text(LAST)
    page.click("header form button[type=button]")
    page.wait("document.querySelectorAll('article').length === 0")
    before = stage.last()
    ask(page, "Why?")
    state(page, "whole")
    (row,) = stage.seen(before)
    assert row.status == 200


def test_somebody_else(page: Browser) -> None:
    name = page.text("header form span")
    assert name.startswith("walker-")
    page.click("header form button[type=submit]")
    page.wait("document.querySelector('#name') !== null")
    assert name not in page.text()
