"""What the scenarios of one worker share: the fake Claude, the broken places, a server, and clients of the SDK.

All of these take long to make and remember nothing that matters to the next scenario.
"""

import asyncio
import tempfile
from collections.abc import Coroutine
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import anthropic
import httpx2

from e2e.gateways import Site
from scenarios.calling import Asked, Got, call, ordered
from scenarios.gateway import GatewayServer
from scenarios.places import Places
from tidegate.databases.sqlite import BlockingFile
from tidegate.testing import FakeClaude

T = TypeVar("T")


class CopiedSite(Site):
    """A site whose database has its first key already."""

    def __init__(self, folder: Path, upstream: str, config: str, key: str) -> None:
        self._first_key = key
        super().__init__(folder, upstream, config)

    def new_key(self, **options: Any) -> str:
        """The key that is there, unless another one is asked for."""
        return super().new_key(**options) if options else self._first_key


class Workshop:
    """Everything is made when it is first needed."""

    def __init__(self, fake: FakeClaude) -> None:
        self.fake = fake
        self.places = Places()
        self._first = b""
        self._key = ""
        self._bare: dict[tuple[str, str, str], Got] = {}

    @cached_property
    def gateway(self) -> GatewayServer:
        """The server of all gateways."""
        return GatewayServer()

    @cached_property
    def blocking(self) -> anthropic.Anthropic:
        """The SDK on the fake itself."""
        return anthropic.Anthropic(base_url=self.fake.url, api_key=self.fake.key, max_retries=0)

    @cached_property
    def browser(self) -> httpx2.Client:
        """For the gateway's own pages."""
        return httpx2.Client(trust_env=False)

    @cached_property
    def suspending(self) -> anthropic.AsyncAnthropic:
        """The async SDK on the fake itself."""
        return anthropic.AsyncAnthropic(base_url=self.fake.url, api_key=self.fake.key, max_retries=0)

    def site(self, folder: Path, upstream: str, config: str) -> Site:
        """A site with an empty ledger and store, and one key: to copy them is much quicker than to make them."""
        if not self._key:
            with tempfile.TemporaryDirectory() as name:
                file = BlockingFile(Path(name) / "tidegate.db")
                file.migrate("ledger", "tidegate.ledgers")
                file.migrate("store", "tidegate.stores")
                file.close()
                self._key = Site(Path(name), upstream, config).key
                self._first = file.path.read_bytes()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tidegate.db").write_bytes(self._first)
        return CopiedSite(folder, upstream, config, self._key)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the event loop of the async client."""
        return self._runner.run(work)

    def bare(self, name: str, one: Asked, order: str) -> Got:
        """What the SDK has of a call without tidegate: what everything is compared with.  Resets the fake."""
        key = (name, one.shape, order)
        if key not in self._bare:
            self.fake.reset()
            own = {name: value for name, value in one.headers.items() if not name.startswith("x-tidegate-")}
            bare = Asked(request=one.request, shape=one.shape, headers=own)
            self._bare[key] = call(self.blocking, ordered(bare, order))
        return self._bare[key]

    def close(self) -> None:
        """End everything that was made."""
        made = self.__dict__
        if "blocking" in made:
            self.blocking.close()
        if "browser" in made:
            self.browser.close()
        if "suspending" in made:
            self.run(self.suspending.close())
        if "_runner" in made:
            self._runner.close()
        if "gateway" in made:
            self.gateway.close()
        self.places.close()

    @cached_property
    def _runner(self) -> asyncio.Runner:
        return asyncio.Runner()
