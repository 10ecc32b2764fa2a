"""Fixtures for tests over real processes: `new_site` makes a place where gateways run, in front of a fake Claude."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from e2e.gateways import Site, site_at
from tidegate.testing import FakeClaude

NewSite = Callable[..., Site]
"""Takes the text of a tidegate.toml, and `upstream=` for another address than the fake's."""

Figures = dict[str, Any]
"""What a test has measured; nothing fails because of it."""


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


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """Put in what was measured; `pytest -rP` shows it."""
    found: Figures = {}
    yield found
    for name, value in found.items():
        sys.stdout.write(f"{request.node.name}: {name} = {value}\n")
