"""A stage: one fake Claude that keeps the headers it gets, and one gateway before it, for many tests one after another.

Starting a gateway takes seconds, so a folder of tests shares one; each test begins with empty books of the fake.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic

from e2e.gateways import Gateway, Site, site_at
from tidegate.testing import FakeClaude
from tidegate.testing import Row as Seen

HAIKU, SONNET, OPUS = "claude-haiku-4-5", "claude-sonnet-5", "claude-opus-5"
HELLO: list[Any] = [{"role": "user", "content": "Hello, how high is the tide today?"}]

CONFIG = """
[breaker]
open_above = 1  # never: every failure here is meant, and these tests come in any order
[retry]
attempts = 3
base = "1ms"
cap = "2ms"
budget = 1.0
[routes.small]
max_tokens = 64
[routes.refusing]
max_tokens = 64
when_above = "refuse"
[routes.haiku]
models = ["claude-haiku-4-5"]
"""
ATTEMPTS = 3


class Stage:
    """What the tests of a folder share."""

    def __init__(self, fake: FakeClaude, site: Site, gateway: Gateway) -> None:
        self.fake = fake
        self.site = site
        self.gateway = gateway
        self.key = site.key
        self.transparent = site.new_key(transparent=True)

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://127.0.0.1:{self.gateway.port}"

    def direct(self, **options: Any) -> anthropic.Anthropic:
        """The SDK on the fake Claude itself."""
        return anthropic.Anthropic(**self.direct_options(**options))

    def through(self, key: str | None = None, **options: Any) -> anthropic.Anthropic:
        """The SDK on the gateway."""
        return anthropic.Anthropic(**self.through_options(key, **options))

    def direct_options(self, **options: Any) -> dict[str, Any]:
        """What a client on the fake is made with."""
        return {"base_url": self.fake.url, "api_key": self.fake.key, "max_retries": 0, **options}

    def through_options(self, key: str | None = None, **options: Any) -> dict[str, Any]:
        """What a client on the gateway is made with."""
        return {"base_url": self.url, "api_key": key or self.key, "max_retries": 0, **options}

    def seen(self) -> list[Seen]:
        """What reached the fake since this test began."""
        return self.fake.books()

    def nothing_reached_the_fake(self) -> None:
        """Fails when something did."""
        assert not self.seen()

    def header(self, name: str, row: Seen | None = None) -> str | None:
        """A header as the fake got it, last of all or in `row`."""
        kept = (row or self.seen()[-1]).kept_headers
        assert kept is not None
        return kept.get(name)


@contextlib.contextmanager
def stage_at(folder: Path, config: str = CONFIG) -> Iterator[Stage]:
    """A stage whose processes end with the block."""
    with FakeClaude(keep_headers=True) as fake, site_at(folder, fake.url, config) as site:
        yield Stage(fake, site, site.start())
