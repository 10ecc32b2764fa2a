"""Fixtures for the Next.js example: built once on this machine, started once in each test process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.nextjs import building
from e2e.nextjs.stage import HASTY, PATIENT, Stage, stage_at


@pytest.fixture(scope="session")
def example() -> Path:
    """The folder of the example, installed and built."""
    return building.built()


@pytest.fixture(scope="session")
def stage(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage that waits longer than any test."""
    assert example.exists()
    with stage_at(tmp_path_factory.mktemp("nextjs") / "patient", PATIENT) as one:
        yield one


@pytest.fixture(scope="session")
def hasty(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage whose gateway gives up on a silent upstream after a second."""
    assert example.exists()
    with stage_at(tmp_path_factory.mktemp("nextjs") / "hasty", HASTY) as one:
        yield one
