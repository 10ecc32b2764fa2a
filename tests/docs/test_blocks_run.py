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


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize(
    ("page", "commands"), [("limits-and-budgets", 3), ("claude-code", 4), ("fake-claude", 3), ("recover", 6)]
)
def test_a_how_to(following: Reader, page: str, commands: int) -> None:
    following.follow(DOCS / "howto" / f"{page}.md")
    assert following.ran == commands


def test_every_how_to_is_followed() -> None:
    followed = {"limits-and-budgets", "claude-code", "fake-claude", "recover"}
    assert {page.stem for page in (DOCS / "howto").glob("*.md")} == followed
