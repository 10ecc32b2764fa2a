"""What is known of a model by its name: when it ends, how much it can answer, what it refuses; see models.toml."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from msgspec import Struct

from tidegate.policy.prices import PriceBook

_DATED = re.compile(r"-(?:\d{8}|latest)$|@\d{8}$|\[1m\]$")
_BEDROCK = re.compile(r"^(?:[a-z]{2,6}\.)?anthropic\.(.*?)(?:-v\d+(?::\d+)?)?$")
_VERSION = re.compile(r"^(claude(?:-instant)?-[12])(?:[.-]\d.*)?$")
_PLATFORMS = ("bedrock/", "vertex_ai/")
_PREFIXES = ("anthropic/", "anthropic:", "bedrock/", "vertex_ai/", "openrouter/anthropic/")


class Model(Struct, frozen=True):
    """A model of Anthropic's."""

    id: str
    """Without date and platform."""
    max_output: int | None
    """Tokens; None: not known."""
    retired: bool
    """Whether it ended on a day that is not known."""
    ends: date | None
    """The last day on which it answers."""
    instead: str
    manners: frozenset[str]
    """What it refuses; the names of models.toml."""


def find_model(name: str) -> Model | None:
    """The model of that name; None: no Claude, or one that is not known."""
    known = plain_name(name)
    if not known.startswith("claude"):
        return None
    table = _table()
    price = _book().find(known)
    ends = _ends().get(known)
    manners = frozenset(word for word, names in table["manners"].items() if known in names)
    if price is None and ends is None and not manners:
        return None
    return Model(known, price.max_output if price else None, ends == "", _day(ends), _instead(known), manners)


def plain_name(name: str) -> str:
    """`claude-sonnet-4-5` of `us.anthropic.claude-sonnet-4-5-20250929-v1:0`."""
    plain = name.strip()
    for prefix in _PREFIXES:
        plain = plain.removeprefix(prefix)
    bedrock = _BEDROCK.match(plain)
    plain = _DATED.sub("", bedrock[1] if bedrock else plain).replace(".", "-") if "claude-" in plain else plain
    old = _VERSION.match(plain)
    return old[1] if old else plain


def is_of_platform(name: str) -> bool:
    """Whether a name is one of Bedrock or Vertex, which end models on days of their own."""
    return bool(_BEDROCK.match(name.removeprefix("bedrock/"))) or "@" in name or name.startswith(_PLATFORMS)


def _instead(name: str) -> str:
    table = _table()["instead"]
    return str(next((model for family, model in table.items() if family and family in name), table[""]))


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _ends() -> Mapping[str, str]:
    return {name: str(day) for name, day in _table()["ends"].items()}


@cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads((files("tidegate.checks.facts") / "models.toml").read_text("utf-8"))


@cache
def _book() -> PriceBook:
    return PriceBook.parse((files("tidegate.policy") / "prices.json").read_bytes())
