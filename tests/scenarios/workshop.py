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

from scenarios.calling import Asked, Got, call, ordered
from scenarios.gateway import GatewayServer
from scenarios.places import Places
from tidegate.databases.sqlite import BlockingFile
from tidegate.testing import FakeClaude

T = TypeVar("T")


class Workshop:
    """Everything is made when it is first needed."""

    def __init__(self, fake: FakeClaude) -> None:
        self.fake = fake
        self.places = Places()
        self._empty = b""
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
    def suspending(self) -> anthropic.AsyncAnthropic:
        """The async SDK on the fake itself."""
        return anthropic.AsyncAnthropic(base_url=self.fake.url, api_key=self.fake.key, max_retries=0)

    def ledger_in(self, folder: Path) -> None:
        """Put an empty ledger and store into a folder: to copy one is much quicker than to make one."""
        if not self._empty:
            with tempfile.TemporaryDirectory() as name:
                file = BlockingFile(Path(name) / "tidegate.db")
                file.migrate("ledger", "tidegate.ledgers")
                file.migrate("store", "tidegate.stores")
                file.close()
                self._empty = file.path.read_bytes()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tidegate.db").write_bytes(self._empty)

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
