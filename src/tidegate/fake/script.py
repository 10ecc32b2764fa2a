"""The script: rules that say which attempts get which orders. The first rule that applies decides.

A rule's `when` names conditions, all of which must hold; `nth`, `every`, `first` and `after` count the requests that
meet the rule's other conditions.  Its `do` holds orders as `command.Command` lists them.
"""

import random
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tidegate.fake.command import build, from_headers, from_marker
from tidegate.fake.organization import Organization
from tidegate.fake.settings import Settings


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Conditions; one that is left out holds."""

    path: str = "/v1/messages"
    """`*`: any path."""
    model: str | None = None
    stream: bool | None = None
    user: str | None = None
    """`metadata.user_id` of the request."""
    marker: str | None = None
    """A text anywhere in the request body."""
    header: str | None = None
    """A header's name, or `name: value`."""
    nth: int | tuple[int, ...] | None = None
    every: int | None = None
    first: int | None = None
    after: int | None = None
    probability: float | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When, and what to do; at most `times` times."""

    when: When = When()
    do: dict[str, Any] = {}
    times: int | None = None


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings that replace the server's, what the Admin API shows, orders for every attempt, and rules."""

    settings: dict[str, Any] = {}
    admin: Organization = Organization()
    defaults: dict[str, Any] = {}
    rules: tuple[Rule, ...] = ()


class Seen(msgspec.Struct, frozen=True, gc=False):
    """What the conditions look at."""

    path: str
    model: str
    stream: bool
    body: bytes
    headers: Mapping[bytes, bytes]
    user: str = ""


class Playing:
    """A script being played: how often each rule's conditions held, and how often it struck."""

    def __init__(self, script: Script, seed: int) -> None:
        self.script = script
        for orders in (script.defaults, *(rule.do for rule in script.rules)):
            build(orders)
        self._seed = seed
        self.restart()

    def restart(self) -> None:
        """Count from the beginning, with the same luck."""
        self._met = [0] * len(self.script.rules)
        self._struck = [0] * len(self.script.rules)
        self._rng = random.Random(self._seed)  # noqa: S311 - rehearsed luck

    def orders(self, seen: Seen) -> dict[str, Any]:
        """The orders for one request: defaults, then the rule, then its marker, then its headers."""
        orders = self._ruled(seen)
        marked = from_marker(seen.body)
        headed = from_headers(seen.headers)
        if not (self.script.defaults or marked or headed):
            return orders
        return {**self.script.defaults, **orders, **marked, **headed}

    def counts(self) -> list[dict[str, int]]:
        """How often each rule's conditions held, and how often it struck."""
        return [{"met": met, "struck": struck} for met, struck in zip(self._met, self._struck, strict=True)]

    def _ruled(self, seen: Seen) -> dict[str, Any]:
        for index, rule in enumerate(self.script.rules):
            if not _meets(rule.when, seen):
                continue
            self._met[index] += 1
            if rule.times is not None and self._struck[index] >= rule.times:
                continue
            if self._due(rule.when, self._met[index]):
                self._struck[index] += 1
                return rule.do
        return {}

    def _due(self, when: When, met: int) -> bool:
        if when.nth is not None and met not in (when.nth if isinstance(when.nth, tuple) else (when.nth,)):
            return False
        if when.every is not None and met % when.every:
            return False
        if when.first is not None and met > when.first:
            return False
        if when.after is not None and met <= when.after:
            return False
        return when.probability is None or self._rng.random() < when.probability


def _meets(when: When, seen: Seen) -> bool:
    if when.path not in ("*", seen.path):
        return False
    if when.model is not None and when.model != seen.model:
        return False
    if when.stream is not None and when.stream != seen.stream:
        return False
    if when.user is not None and when.user != seen.user:
        return False
    if when.marker is not None and when.marker.encode() not in seen.body:
        return False
    return when.header is None or _has_header(when.header, seen.headers)


def _has_header(wanted: str, headers: Mapping[bytes, bytes]) -> bool:
    name, colon, value = wanted.partition(":")
    found = headers.get(name.strip().lower().encode())
    return found is not None and (not colon or found.decode("latin-1") == value.strip())


def read_script(data: Any) -> Script:
    """A script out of plain data; what is wrong with it raises msgspec.ValidationError."""
    script = msgspec.convert(data, Script, strict=True)
    msgspec.convert(script.settings, Settings)
    return script


def load_script(file: Path) -> Script:
    """A script file: JSON if its name says so, else TOML."""
    if file.suffix == ".json":
        return read_script(msgspec.json.decode(file.read_bytes()))
    return read_script(tomllib.loads(file.read_text("utf-8")))
