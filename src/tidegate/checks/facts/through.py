"""Whether requests pass tidegate, and what its configuration says: the same points, read from tidegate.toml."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from tidegate.checks.facts.requests import GUARD, Request
from tidegate.checks.files.kinds import is_beside
from tidegate.checks.files.listing import Listing
from tidegate.checks.files.settings import EXAMPLE, Text
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Call, Member, Name
from tidegate.config.load import load
from tidegate.config.settings import Settings
from tidegate.model.errors import ConfigError

CONFIG = "tidegate.toml"
_ADDRESS = re.compile(r"ANTHROPIC_BASE_URL[\"']?\s*[:=]\s*[\"']?([^\s\"'#]+)")


class Through(Struct, frozen=True):
    """How requests pass tidegate."""

    settings: Settings | None = None
    """None: tidegate is not used, or its configuration is wrong."""
    error: str = ""
    """What is wrong with the configuration."""
    config: str = ""
    """The path of tidegate.toml; "" where there is none."""
    gateway: str = ""
    """Where it is said that requests go to another address than Anthropic's."""
    guards: bool = False
    names_callers: bool = False
    """Whether the program says who asks, with `tidegate.caller`."""
    overridden: frozenset[str] = frozenset()
    """Sections that some `guard(…)` gives itself."""

    @property
    def used(self) -> bool:
        """Whether the project has to do with tidegate."""
        return bool(self.config or self.guards)

    def covers(self, request: Request) -> bool | None:
        """Whether a request passes tidegate; None: it may."""
        if request.client is not None and request.client.guarded:
            return True
        if not self.config:
            return False
        if self.gateway or "base_url" in request.arguments.given:
            return True
        return None


def find_through(program: Program, listing: Listing, texts: Iterable[Text]) -> Through:
    """Look for a configuration, guards and the address of a gateway."""
    config = next((path for path in listing.paths if path.rpartition("/")[2] == CONFIG and not is_beside(path)), "")
    guards = [(module, node) for module, node in program.every(Call) if program.origin(module, node.of) == GUARD]
    if not config and not guards:
        return Through()
    settings, error = _load(listing.root, config)
    given = {name for _, call in guards for name, _ in call.named if name}
    return Through(
        settings=settings,
        error=error,
        config=config,
        gateway=next(_gateways(texts), ""),
        guards=bool(guards),
        names_callers=any(
            program.origin(module, node) == "tidegate.caller"
            for kind in (Name, Member)
            for module, node in program.every(kind)
        ),
        overridden=frozenset(given - {"app", "user_from", "texts"}),
    )


def _load(root: Path, config: str) -> tuple[Settings | None, str]:
    """The settings as production would have them: `.env` is not read, and no variable of this machine counts."""
    path = root / config if config else None
    try:
        return load(path, environ={"TIDEGATE_ENV": "production"}, directory=root / "nowhere"), ""
    except ConfigError as error:
        return None, str(error).splitlines()[0].replace(f"{root}/", "")


def _gateways(texts: Iterable[Text]) -> Iterator[str]:
    for text in texts:
        if EXAMPLE.fullmatch(text.name):
            continue
        for found in _ADDRESS.finditer(text.text):
            if "api.anthropic.com" not in found[1]:
                yield f"{text.path}:{text.text.count(chr(10), 0, found.start()) + 1}"
