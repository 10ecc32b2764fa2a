"""The sources of tidegate as parsed files, for tests that look at their form."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "tidegate"
UNIT = ROOT / "tests" / "unit"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def modules() -> tuple[Path, ...]:
    """All Python files of the package."""
    return tuple(sorted(SRC.rglob("*.py")))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), path)


def name(path: Path) -> str:
    """`policy/limits.py`."""
    return path.relative_to(SRC).as_posix()


def functions(path: Path) -> Iterator[Function]:
    yield from (node for node in ast.walk(parsed(path)) if isinstance(node, Function))


def classes(path: Path) -> Iterator[ast.ClassDef]:
    yield from (node for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef))
