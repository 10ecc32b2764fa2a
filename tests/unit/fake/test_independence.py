"""The judge of money must not lean on those it judges."""

import ast
import sys
from pathlib import Path

import pytest

import tidegate.fake
from tidegate.fake.command import Command
from tidegate.fake.control import ACTIONS, CONDITIONS
from tidegate.fake.script import When

FILES = sorted(Path(tidegate.fake.__file__).parent.glob("*.py"))
ALLOWED = {"httptools", "msgspec", "uvloop"}


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_of_ours_is_imported(file: Path) -> None:
    for name in imported(file):
        top = name.split(".")[0]
        assert top in sys.stdlib_module_names or top in ALLOWED or name.startswith("tidegate.fake."), name


def test_every_order_is_documented() -> None:
    text = tidegate.fake.__doc__ or ""
    assert [name for name in Command.__struct_fields__ if name not in text] == []


def test_every_endpoint_and_condition_is_documented() -> None:
    text = tidegate.fake.__doc__ or ""
    wanted = [path for _, path in ACTIONS] + [*CONDITIONS, *When.__struct_fields__]
    assert [name for name in wanted if name not in text] == []
