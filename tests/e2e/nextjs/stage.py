"""A stage: a fake Claude, a gateway before it, and the example before that; each test brings its own users."""

import contextlib
import itertools
import secrets
from collections.abc import Iterator
from pathlib import Path

from e2e.gateways import Gateway, Site, site_at
from e2e.nextjs.application import Application, User, serving
from tidegate.testing import FakeClaude
from tidegate.testing import Row as Seen

PATIENT = """
[breaker]
open_above = 1.0  # never: here, one fault comes after another
[retry]
attempts = 2
base = "1ms"
cap = "2ms"
budget = 1.0
[timeouts]
first_byte = "60s"
idle = "60s"
total = "120s"
[[limits]]
per = "user"
where = { user = ["alice", "bob"] }
requests = "3/hour"
[[budgets]]
per = "user"
where = { user = "spender" }
amount = "0.000001 USD"
every = "day"
[[budgets]]
per = "user"
where = { user = ["holder-chat", "holder-chat-ai-sdk"] }
amount = "0.005 USD"
every = "day"
"""
HASTY = """
[breaker]
open_above = 1.0
[retry]
attempts = 2
base = "1ms"
cap = "2ms"
budget = 1.0
[timeouts]
first_byte = "1s"
idle = "1s"
total = "3s"
"""
"""For an upstream that goes silent."""


class Stage:
    """What the tests of a session share."""

    def __init__(self, fake: FakeClaude, site: Site, gateway: Gateway, app: Application) -> None:
        self.fake = fake
        self.site = site
        self.gateway = gateway
        self.app = app
        self._numbers = itertools.count(1)

    def new_user(self, name: str = "user") -> User:
        """Somebody who has signed in and whom nobody has seen before."""
        return self.app.user(f"{name}-{next(self._numbers)}")

    def seen(self, since: int) -> list[Seen]:
        """The calls that reached the fake after that one."""
        return [row for row in self.fake.books(since) if row.path == "/v1/messages"]

    def last(self) -> int:
        """The number of the newest request that the fake has seen."""
        return max((row.seq for row in self.fake.books()), default=0)

    def written(self) -> bytes:
        """Everything that the application and the gateway have put down so far."""
        return self.app.log_file.read_bytes() + self.site.bytes_on_disk()


@contextlib.contextmanager
def stage_at(folder: Path, config: str) -> Iterator[Stage]:
    """A stage whose processes end with the block."""
    folder.mkdir()
    with FakeClaude() as fake, site_at(folder / "site", fake.url, config) as site:
        gateway = site.start()
        url = f"http://127.0.0.1:{gateway.port}"
        with serving(folder / "next.log", url, site.key) as app:
            yield Stage(fake, site, gateway, app)


def canary(name: str) -> str:
    """A string that exists nowhere else."""
    return f"Canary{name}{secrets.token_hex(8)}"
