"""Configuration is read once, in `config/`; nothing else touches the environment."""

import ast
from collections.abc import Iterator

import pytest

from architecture.sources import modules, name, parsed

MAY = ("config/", "system/")
MAY_PASS_ON = ("cli/",)
"""May give `os.environ` as it is to something else, such as a child; not look into it."""
READERS = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
READING = {f"os.{name}" for name in READERS}


def touches(tree: ast.AST, *, passing: bool) -> Iterator[int]:
    """Lines that touch the environment; `passing` overlooks `os.environ` as a whole value."""
    looked_into = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Subscript)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (node.lineno for alias in node.names if alias.name in READERS)
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in READING:
            whole = node.attr == "environ" and id(node) not in looked_into
            if not (whole and passing):
                yield node.lineno


@pytest.mark.parametrize(
    ("text", "anywhere", "in_cli"),
    [
        ("os.environ['X']", 1, 1),
        ("os.environ.get('X')", 1, 1),
        ("os.getenv('X')", 1, 1),
        ("from os import environ", 1, 1),
        ("run(env=os.environ)", 1, 0),
        ("run(env={**os.environ, 'X': '1'})", 1, 0),
        ("settings.environ['X']", 0, 0),
    ],
)
def test_the_test(text: str, anywhere: int, in_cli: int) -> None:
    assert len(list(touches(ast.parse(text), passing=False))) == anywhere
    assert len(list(touches(ast.parse(text), passing=True))) == in_cli


def test_nothing_but_config_reads_the_environment() -> None:
    found = [
        f"{name(path)}:{line}"
        for path in modules()
        if not name(path).startswith(MAY)
        for line in touches(parsed(path), passing=name(path).startswith(MAY_PASS_ON))
    ]
    assert found == []
