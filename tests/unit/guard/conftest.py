"""A folder of its own for each test, and every engine ended when the test is over."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.doors.guard import texts
from tidegate.doors.guard.engine import REGISTRY, end_all


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory; nothing of the machine's environment is for us."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("TIDEGATE_", "ANTHROPIC_"))]:
        monkeypatch.delenv(name)
    yield tmp_path
    end_all()
    REGISTRY.engines.clear()
    texts._InUse.path = None
