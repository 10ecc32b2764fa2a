"""The suite of the stores runs at every place."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.places import PLACES, RULES, Place, frequent_snapshots, place, shelf_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for database files, in memory where that is possible: these tests are about bytes, not about disks."""
    with shelf_folder() as path:
        yield path


@pytest.fixture(params=PLACES)
def here(request: pytest.FixtureRequest, folder: Path) -> Iterator[Place]:
    """Each place in turn, with snapshots so frequent that every test meets some."""
    with frequent_snapshots(), place(request.param, folder, RULES) as found:
        yield found
