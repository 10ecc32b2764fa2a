"""One workshop for each worker; nothing of the machine's environment is for the scenarios."""

import os
from collections.abc import Iterator

import pytest

from scenarios.workshop import Workshop
from tidegate.testing import FakeClaude


@pytest.fixture(autouse=True)
def nothing_from_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings, no keys and no proxy; the clients are made inside the first test, so that this is true for them."""
    for name in [name for name in os.environ if name.startswith(("TIDEGATE_", "ANTHROPIC_"))]:
        monkeypatch.delenv(name)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def workshop(fake_claude_process: FakeClaude) -> Iterator[Workshop]:
    """What the scenarios share."""
    shared = Workshop(fake_claude_process)
    yield shared
    shared.close()
