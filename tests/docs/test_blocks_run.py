"""What a reader types works: the blocks of these pages run in order, in an empty folder, against the fake Claude."""

import pytest

from docs.pages import DOCS, ROOT
from docs.reader import Reader


def test_the_readme(following: Reader) -> None:
    following.follow(ROOT / "README.md")
    assert following.ran == 9


def test_the_tutorial(following: Reader) -> None:
    following.follow(DOCS / "tutorials" / "first-gateway.md")
    assert following.ran == 11


FOLLOWED = {"claude-code": 4, "fake-claude": 3, "recover": 6}
"""How-tos, and how many commands each has."""

REPEATS = {"limits-and-budgets"}
"""Their few commands are run on other pages; their settings are loaded by test_toml.py."""


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize("page", FOLLOWED)
def test_a_how_to(following: Reader, page: str) -> None:
    following.follow(DOCS / "howto" / f"{page}.md")
    assert following.ran == FOLLOWED[page]


def test_every_how_to_is_followed() -> None:
    assert {page.stem for page in (DOCS / "howto").glob("*.md")} == FOLLOWED.keys() | REPEATS
