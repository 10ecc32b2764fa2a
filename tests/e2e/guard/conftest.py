"""Places where a guard works in this process, on a folder of its own and a fake Claude."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.guard.place import Place, place_at
from tidegate.doors.guard.engine import REGISTRY, end_all
from tidegate.testing import FakeClaude


@pytest.fixture(autouse=True)
def nothing_from_the_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings and no keys of the machine's environment; every engine ends with its test."""
    for name in [name for name in os.environ if name.startswith(("TIDEGATE_", "ANTHROPIC_"))]:
        monkeypatch.delenv(name)
    yield
    end_all()
    REGISTRY.engines.clear()


@pytest.fixture(scope="session")
def keeping_fake() -> Iterator[FakeClaude]:
    """A fake Claude that keeps the headers that it gets; tests ask for `place`."""
    with FakeClaude(keep_headers=True) as fake:
        yield fake


@pytest.fixture
def place(keeping_fake: FakeClaude, tmp_path: Path) -> Iterator[Place]:
    """A folder, a configuration and a fake with empty books."""
    keeping_fake.reset()
    with place_at(keeping_fake, tmp_path) as found:
        yield found
