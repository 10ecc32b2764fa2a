"""The contracts of import-linter: rings, and what the inner ones may not import."""

import subprocess
import sys
import tomllib
from pathlib import Path

from architecture.sources import ROOT, SRC


def test_the_contracts_are_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


def test_every_folder_has_its_layer() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    rings = next(contract for contract in contracts if contract["type"] == "layers")
    assert rings["exhaustive"]
    named = {word.strip() for layer in rings["layers"] for word in layer.split("|")}
    folders = {path.name for path in SRC.iterdir() if (path / "__init__.py").exists()}
    files = {path.stem for path in SRC.glob("*.py")} - {"__init__", "__main__"}
    assert named == folders | files


def test_the_inner_rings_are_the_ones_that_are_forbidden_to_do_io() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    pure = next(contract for contract in contracts if contract["type"] == "forbidden")
    assert set(pure["source_modules"]) >= {"tidegate.model", "tidegate.policy", "tidegate.core"}
    assert set(pure["forbidden_modules"]) >= {"asyncio", "os", "random", "socket", "sqlite3", "threading", "time"}
