"""What a reader types works: the blocks of these pages run in order, in an empty folder, against the fake Claude."""

from docs.pages import DOCS, ROOT
from docs.reader import Reader


def test_the_readme(following: Reader) -> None:
    following.follow(ROOT / "README.md")
    assert following.ran == 9


def test_the_tutorial(following: Reader) -> None:
    following.follow(DOCS / "tutorials" / "first-gateway.md")
    assert following.ran == 11
