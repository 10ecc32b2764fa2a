"""Fixtures for tests of the documentation."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.reader import Reader, reader
from tidegate.testing import FakeClaude


@pytest.fixture
def following(tmp_path: Path, fake_claude: FakeClaude) -> Iterator[Reader]:
    """A reader in an empty folder, who has a fake Claude in place of api.anthropic.com where a page says so."""
    with reader(tmp_path, fake_claude.url) as one:
        yield one
