"""Two stages for the tests of this folder: an ordinary gateway, and one that waits for nobody."""

from collections.abc import Iterator
from itertools import count

import pytest

from e2e.sdk.stage import CONFIG, Stage, stage_at

HASTY = '[gateway]\nheader_timeout = "400ms"\nbody_timeout = "400ms"\nmax_body = "1MB"\n'

_addresses = count(2)


@pytest.fixture(scope="session")
def standing_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stage itself; tests ask for `stage`."""
    with stage_at(tmp_path_factory.mktemp("http")) as stage:
        yield stage


@pytest.fixture
def stage(standing_stage: Stage) -> Stage:
    """The stage with the fake as new."""
    standing_stage.fake.reset()
    return standing_stage


@pytest.fixture(scope="session")
def standing_hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The impatient stage itself; tests ask for `hasty`."""
    with stage_at(tmp_path_factory.mktemp("hasty"), HASTY + CONFIG) as stage:
        yield stage


@pytest.fixture
def hasty(standing_hasty: Stage) -> Stage:
    """A gateway that gives a client 400 ms for a head or a piece of a body, and takes 1 MB at most."""
    standing_hasty.fake.reset()
    return standing_hasty


@pytest.fixture
def address() -> str:
    """A loopback address that no other test comes from: bad keys are counted per address."""
    number = next(_addresses)
    return f"127.0.{number // 250}.{number % 250 + 2}"
