"""The pytest plugin: fixtures `fake_claude` (fresh books for each test) and `fake_claude_process` (one a session)."""

from collections.abc import Iterator

import pytest

from tidegate.testing.fake_claude import FakeClaude


@pytest.fixture(scope="session")
def fake_claude_process() -> Iterator[FakeClaude]:
    """One fake Claude for the whole session; tests should ask for `fake_claude`."""
    with FakeClaude() as fake:
        yield fake


@pytest.fixture
def fake_claude(fake_claude_process: FakeClaude) -> FakeClaude:
    """A fake Claude with empty books and no script."""
    fake_claude_process.reset()
    return fake_claude_process
