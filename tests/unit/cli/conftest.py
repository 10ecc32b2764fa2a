"""Running command lines in this process: `cli("init")` gives the exit code and what was written."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tidegate.cli.main import main

KEY_SECRET = "key-secret-of-the-tests-0123456789abcdef"


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Cli = Callable[..., Ran]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the working directory, and an environment without any of our names but the key secret."""
    for name in list(os.environ):
        if name.startswith(("TIDEGATE_", "ANTHROPIC_")) or name == "PORT":
            monkeypatch.delenv(name)
    monkeypatch.setenv("TIDEGATE_ENV", "development")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TIDEGATE_KEY_SECRET", KEY_SECRET)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def cli(home: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        code = main(list(arguments))
        return Ran(code, *capsys.readouterr())

    return run
