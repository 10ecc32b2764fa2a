"""The how-tos about frameworks: their blocks run in order, in an empty folder, against the fake Claude."""

import shutil
import signal

import pytest

from docs.pages import DOCS
from docs.reader import PATIENCE, reader
from tidegate.testing import FakeClaude

PAGES = {"fastapi": 9, "flask": 8, "django": 8, "celery": 4}
"""How-tos, and how many commands each has."""


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing, and the pages use it")
@pytest.mark.parametrize("page", PAGES)
def test_a_page(page: str, tmp_path_factory: pytest.TempPathFactory, fake_claude: FakeClaude) -> None:
    folder = tmp_path_factory.mktemp(page)
    with reader(folder, fake_claude.url) as following:
        following.environ |= {"ANTHROPIC_BASE_URL": fake_claude.url}
        following.follow(DOCS / "howto" / f"{page}.md")
        assert following.ran == PAGES[page]
        if following._terminal is not None:  # the worker, for which Ctrl-C is a failure
            following._terminal._process.send_signal(signal.SIGTERM)
            following._terminal._process.wait(PATIENCE)
