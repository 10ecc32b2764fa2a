"""Fixtures for tests over real processes: `new_site` makes a place where gateways run, in front of a fake Claude."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from e2e.gateways import Site, site_at

from tidegate.testing import FakeClaude

NewSite = Callable[..., Site]
"""Takes the text of a tidegate.toml, and `upstream=` for another address than the fake's."""


@pytest.fixture
def new_site(tmp_path: Path, fake_claude: FakeClaude) -> Iterator[NewSite]:
    """Makes sites; their gateways are ended, and their complaints looked at, when the test is over."""
    with ExitStack() as stack:
        made = 0

        def make(config: str, *, upstream: str | None = None) -> Site:
            nonlocal made
            made += 1
            return stack.enter_context(site_at(tmp_path / f"site-{made}", upstream or fake_claude.url, config))

        yield make
