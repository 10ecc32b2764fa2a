"""Repositories for scanning: `new_repo` makes empty ones, `planted` is a small one with everything in it."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from e2e.scan.bulk import Bulk, fill
from e2e.scan.planted import Planted, Repo, plant, plant_look_alikes

NewRepo = Callable[..., Repo]


class Site(NamedTuple):
    repo: Repo
    planted: list[Planted]


@pytest.fixture
def new_repo(tmp_path: Path) -> NewRepo:
    """Makes repositories by name, with options of `git init`."""
    return lambda name="repo", *options: Repo(tmp_path / name, *options)


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Fifty commits, credentials in every hiding place, two hundred look-alikes; whoever changes it copies it."""
    repo, rng = Repo(tmp_path_factory.mktemp("planted") / "repo"), random.Random(50)
    fill(repo, Bulk(rng), commits=50, files=30)
    assert plant_look_alikes(repo, rng) >= 200
    return Site(repo, plant(repo, rng))
