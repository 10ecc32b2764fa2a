"""What a reader types works: the blocks of these pages run in order, in an empty folder, against the fake Claude."""

import shutil

import pytest

from docs.pages import DOCS, ROOT, blocks
from docs.reader import NoNodeError, Reader


def test_the_readme(following: Reader) -> None:
    following.follow(ROOT / "README.md")
    assert following.ran == 13


def test_the_tutorial(following: Reader) -> None:
    following.follow(DOCS / "tutorials" / "first-gateway.md")
    assert following.ran == 11


def test_from_localhost_to_production(following: Reader) -> None:
    try:
        following.follow(DOCS / "tutorials" / "localhost-to-production.md")
    except NoNodeError:
        assert following.ran == 21
        pytest.skip("the TypeScript section needs Node 20 or newer and npm; all before it was run")
    assert following.ran == 25


FOLLOWED = {"check": 9, "claude-code": 4, "fake-claude": 3, "nextjs": 3, "outages": 11, "recover": 6, "scan": 9}
"""How-tos, and how many commands each has."""

ELSEWHERE = {"celery", "django", "fastapi", "flask"}
"""Followed by tests/examples/test_pages.py, with what their frameworks need."""

REPEATS = {"limits-and-budgets"}
"""Their few commands are run on other pages; their settings are loaded by test_toml.py."""


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize("page", FOLLOWED)
def test_a_how_to(following: Reader, page: str) -> None:
    path = DOCS / "howto" / f"{page}.md"
    if shutil.which("curl") is None and any("curl " in block.text for block in blocks(path, "console")):
        pytest.skip("curl is missing, and the page uses it")
    following.follow(path)
    assert following.ran == FOLLOWED[page]


def test_every_how_to_is_followed() -> None:
    assert {page.stem for page in (DOCS / "howto").glob("*.md")} == FOLLOWED.keys() | REPEATS | ELSEWHERE
