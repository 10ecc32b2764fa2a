"""Fixtures for tests of the documentation."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.reader import Reader, reader
from tidegate.cli.main import main
from tidegate.config.environment import PLATFORMS
from tidegate.testing import FakeClaude


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder as the tutorial leaves it: the files of `init`, and a key."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("TIDEGATE_", "ANTHROPIC_")) or name in PLATFORMS]:
        monkeypatch.delenv(name)
    assert main(["init"]) == 0
    assert main(["keys", "create", "--app", "my-app"]) == 0
    capsys.readouterr()
    return tmp_path


@pytest.fixture
def following(tmp_path: Path, fake_claude: FakeClaude) -> Iterator[Reader]:
    """A reader in an empty folder, who has a fake Claude in place of api.anthropic.com where a page says so."""
    with reader(tmp_path, fake_claude.url) as one:
        yield one
