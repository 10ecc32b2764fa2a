"""Every TOML block of every page loads: as a configuration, a script of the fake Claude, notes for check and scan."""

import re
import tomllib
from pathlib import Path

import pytest

from docs.pages import ROOT, Block, blocks, pages
from tidegate.checks.notes import FILE, read_notes
from tidegate.checks.scan.suppressions import parse
from tidegate.config.load import load
from tidegate.fake.script import Playing, read_script

SCRIPT = {"settings", "defaults", "rules", "admin"}
"""The tables of a script."""

NOTES = {"attest", "suppress"}
"""The tables of `tidegate-check.toml` and of the suppressions of `scan`."""

BLOCKS = [(path, block) for path in pages() for block in blocks(path, "toml")]


@pytest.mark.parametrize(
    ("path", "block"), BLOCKS, ids=[f"{path.relative_to(ROOT)}:{block.line}" for path, block in BLOCKS]
)
def test_a_block(path: Path, block: Block, tmp_path: Path) -> None:
    tree = tomllib.loads(block.text)
    if tree.keys() <= SCRIPT:
        Playing(read_script(tree), 0)
        return
    if tree.keys() <= NOTES:
        text = block.text.replace("…", "0" * 16)
        if "fingerprint" in text:
            assert parse(text.encode(), "page").rules
        else:
            (tmp_path / FILE).write_text(text)
            notes = read_notes(tmp_path, re.findall(r"TG[0-9]+", text))
            assert notes.suppressions or notes.attestations or notes.complaints
        return
    file = tmp_path / "tidegate.toml"
    file.write_text(block.text)
    load(file, environ={}, directory=tmp_path)
