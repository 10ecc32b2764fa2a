"""Every TOML block of every page loads: as a configuration, or as a script of the fake Claude."""

import tomllib
from pathlib import Path

import pytest

from docs.pages import ROOT, Block, blocks, pages
from tidegate.config.load import load
from tidegate.fake.script import Playing, read_script

SCRIPT = {"settings", "defaults", "rules"}
"""The tables of a script."""

BLOCKS = [(path, block) for path in pages() for block in blocks(path, "toml")]


@pytest.mark.parametrize(
    ("path", "block"), BLOCKS, ids=[f"{path.relative_to(ROOT)}:{block.line}" for path, block in BLOCKS]
)
def test_a_block(path: Path, block: Block, tmp_path: Path) -> None:
    tree = tomllib.loads(block.text)
    if tree.keys() <= SCRIPT:
        Playing(read_script(tree), 0)
        return
    file = tmp_path / "tidegate.toml"
    file.write_text(block.text)
    load(file, environ={}, directory=tmp_path)
