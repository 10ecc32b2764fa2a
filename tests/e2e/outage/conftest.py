"""Two fake Claudes, the second of which is where calls go on when the first is down."""

from collections.abc import Iterator

import pytest

from tidegate.testing import FakeClaude


@pytest.fixture(scope="session")
def second_claude_process() -> Iterator[FakeClaude]:
    """Another fake Claude for the whole session; tests ask for `second_claude`."""
    with FakeClaude() as fake:
        yield fake


@pytest.fixture
def second_claude(second_claude_process: FakeClaude) -> FakeClaude:
    """Another fake Claude, with empty books and no script."""
    second_claude_process.reset()
    return second_claude_process
