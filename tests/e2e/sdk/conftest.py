"""One stage for all tests of this folder, and the two ways to the fake Claude that they compare."""

from collections.abc import Iterator

import anthropic
import pytest

from e2e.sdk.documents import Documents, find_documents
from e2e.sdk.stage import Stage, stage_at
from e2e.sdk.ways import Clients


@pytest.fixture(scope="session")
def standing_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stage itself; tests ask for `stage`."""
    with stage_at(tmp_path_factory.mktemp("sdk")) as stage:
        yield stage


@pytest.fixture
def stage(standing_stage: Stage) -> Stage:
    """The stage with the fake as new."""
    standing_stage.fake.reset()
    return standing_stage


@pytest.fixture(scope="session")
def clients(standing_stage: Stage) -> Iterator[Clients]:
    """The SDK on the fake itself and on the gateway."""
    made = Clients(standing_stage)
    yield made
    made.close()


@pytest.fixture
def direct(stage: Stage, clients: Clients) -> anthropic.Anthropic:
    """The SDK on the fake itself."""
    del stage
    return clients.direct


@pytest.fixture
def through(stage: Stage, clients: Clients) -> anthropic.Anthropic:
    """The SDK on the gateway."""
    del stage
    return clients.through


@pytest.fixture(scope="session")
def documents() -> Documents:
    """A photograph, a PDF and a book that packages ship."""
    return find_documents()
