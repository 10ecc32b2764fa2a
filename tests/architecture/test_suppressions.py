"""A suppression names its rule and its reason."""

import re
import tokenize
from collections.abc import Iterator
from io import StringIO

import pytest

from architecture.sources import modules, name

SUPPRESSES = re.compile(r"#\s*(noqa|type:\s*ignore|mypy:|ruff:|flake8:|pylint:|pyright:|pragma:)", re.IGNORECASE)
GOOD = re.compile(
    r"# noqa: [A-Z]+[0-9]+(, ?[A-Z]+[0-9]+)* - \S.{5,}"
    r"|# type: ignore\[[a-z-]+(, ?[a-z-]+)*\]  # \S.{5,}"
)


def suppressions(text: str) -> Iterator[tuple[int, str]]:
    """Lines and comments from the first suppression in them on."""
    for token in tokenize.generate_tokens(StringIO(text).readline):
        if token.type == tokenize.COMMENT and (found := SUPPRESSES.search(token.string)):
            yield token.start[0], token.string[found.start() :]


@pytest.mark.parametrize(
    ("comment", "good"),
    [
        ("# noqa: S608 - only question marks", True),
        ("# noqa: S608, E501 - only question marks", True),
        ("# type: ignore[no-any-return]  # StopIteration.value is typed Any", True),
        ("# noqa", False),
        ("# noqa: S608", False),
        ("# noqa: S608 -", False),
        ("# noqa:S608 - only question marks", False),
        ("# type: ignore", False),
        ("# type: ignore[attr-defined]", False),
        ("# ruff: noqa", False),
        ("# mypy: ignore-errors", False),
    ],
)
def test_the_test(comment: str, good: bool) -> None:
    ((_, found),) = suppressions(f"x = 1  {comment}\n")
    assert bool(GOOD.fullmatch(found)) == good


def test_every_suppression_has_a_reason() -> None:
    found = [
        f"{name(path)}:{line} {comment}"
        for path in modules()
        for line, comment in suppressions(path.read_text("utf-8"))
        if not GOOD.fullmatch(comment)
    ]
    assert found == []
