"""What is wrong with a configuration, said well: where, what, what is valid there; all of it in one error."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, time
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from msgspec import Struct

from tidegate.config.keys import ALL, LISTS, NAMED, SECTIONS, Key, Keys
from tidegate.config.locate import Path
from tidegate.config.parse import UnfitError
from tidegate.model.errors import ConfigError

_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_LONGEST_SHOWN = 40


class Origin(Struct, frozen=True):
    """Where a value stands that no file's line tells."""

    name: str
    """Such as `TIDEGATE_GATEWAY_PORT` or `the option "gateway.port"`."""
    key_form: str = ""
    """How an example begins: `TIDEGATE_GATEWAY_PORT=` or nothing."""
    option: bool = False
    """Given by the command line or the call: for this process alone."""


class Sources(Struct, frozen=True):
    """The merged tree of all settings, and where each of them stands."""

    tree: dict[str, Any]
    file: str
    """The name of the configuration file as messages give it."""
    lines: Mapping[Path, int]
    origins: dict[Path, Origin]

    def origin(self, path: Path) -> Origin | None:
        """What set this path or a table around it, if that was not the file."""
        return next((found for n in range(len(path), 0, -1) if (found := self.origins.get(path[:n]))), None)

    def line(self, path: Path) -> int:
        """The line of the path, or of the nearest table around it."""
        return next((line for n in range(len(path), 0, -1) if (line := self.lines.get(path[:n]))), 1)

    def place(self, path: Path) -> str:
        """`tidegate.toml:14`, or the variable's name."""
        origin = self.origin(path)
        return origin.name if origin else f"{self.file}:{self.line(path)}"

    def subject(self, path: Path) -> str:
        """`tidegate.toml:14: "requests" in [[limits]]`, or the variable's name."""
        if path in self.origins:
            return self.place(path)
        named = len(path) == 2 and path[0] in NAMED and isinstance(self.tree[str(path[0])][path[1]], dict)
        whole = named or (len(path) == 2 and path[0] in LISTS)
        return f"{self.place(path)}: {title(path) if whole else _key(path)}"


class Trouble:
    """Everything that was found wrong, so that one run tells all of it."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._found: list[tuple[int, str]] = []

    def say(self, path: Path, words: str) -> None:
        """A problem of the setting at `path`: its place and name come first, `words` continue the sentence."""
        self._add(path, f"{self.sources.subject(path)} {words}")

    def unfit(self, path: Path, key: Key, value: object, unfit: UnfitError) -> None:
        """A value that the setting cannot take."""
        shown = show(value) if key.shown or not isinstance(value, str) else None
        found = f", not {shown}" if shown else ""
        origin = self.sources.origins.get(path)
        start = origin.key_form if origin and origin.key_form else f"{path[-1]} = "
        example = start + (key.example.strip('"') if start.endswith("=") else key.example)
        told = key.example in unfit.expected and not key.example.isdigit()  # 1 is also in "from 1 to 64"
        close = "" if told else f"; for example {example}"
        if unfit.meant:
            close = f'; did you mean "{unfit.meant}"?'
        self.say(path, f"must be {unfit.expected}{found}{close}")

    def unknown(self, path: Path, valid: Iterable[str]) -> None:
        """A key that does not exist."""
        *parents, name = path
        where = title(tuple(parents)) if parents else "the top level"
        self._add(path, f'{self.sources.place(path)}: unknown key "{name}" in {where}; {_hint(str(name), valid)}')

    def unknown_section(self, path: Path) -> None:
        """A section, or a key at the top level, that does not exist."""
        name, place = str(path[0]), self.sources.place(path)
        if isinstance(self.sources.tree[name], dict | list):
            near = get_close_matches(name, ALL, 1)
            hint = f"did you mean {title((near[0],))}?" if near else f"the sections are {', '.join(ALL)}"
            self._add(path, f"{place}: unknown section [{_quoted(name)}]; {hint}")
        else:
            self._add(path, f'{place}: unknown key "{name}" outside any section; {_hint(name, ())}')

    def plain(self, line: str) -> None:
        """A whole line that names its place itself."""
        self._found.append((0, line))

    def raise_all(self) -> None:
        """One ConfigError with a line for each problem, by line of the file; nothing when all is well."""
        if self._found:
            lines = dict.fromkeys(text for _, text in sorted(self._found, key=lambda one: one[0]))
            raise ConfigError("\n".join(lines))

    def _add(self, path: Path, text: str) -> None:
        in_file = self.sources.origin(path) is None
        self._found.append((self.sources.line(path) if in_file else 10**9, text))


def title(path: Path) -> str:
    """`[gateway]`, `[[limits]]`, `[routes.chat]`, `"where" in [[limits]]`."""
    if path[0] in LISTS:
        head = f"[[{path[0]}]]"
        return head if len(path) <= 2 else f'"{path[-1]}" in {head}'
    return f"[{'.'.join(_quoted(part) for part in path)}]"


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """`did you mean "x"?`, or nothing when none is near."""
    near = get_close_matches(name, list(valid), 1)
    return f'did you mean "{near[0]}"?' if near else ""


def _key(path: Path) -> str:
    return f'"{path[-1]}" in {title(path[:-1])}' if len(path) > 1 else f'"{path[0]}"'


def _hint(name: str, valid: Iterable[str]) -> str:
    valid = list(valid)
    if near := did_you_mean(name, valid):
        return near
    tables: dict[str, Keys] = {**SECTIONS, **NAMED, **LISTS}
    homes = [section for section, keys in tables.items() if name in keys]
    if homes:
        return f"it belongs in {title((homes[0], '…') if homes[0] in NAMED else (homes[0],))}"
    return f"the keys there are {', '.join(valid)}" if valid else f"the sections are {', '.join(ALL)}"


def _quoted(part: str | int) -> str:
    return str(part) if part == "…" or _BARE.fullmatch(str(part)) else f'"{part}"'


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (dict, "a table"),
    ((date, time), "a date or time"),
)


def show(value: object) -> str:
    """A value as a message may repeat it: short, and never something that looks like a key of Claude."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return _cut(str(value))
    if isinstance(value, list | tuple):
        return _cut(f"[{', '.join(show(one) for one in value)}]")
    if not isinstance(value, str):
        return next((words for kind, words in _KINDS if isinstance(value, kind)), type(value).__name__)
    if "sk-ant" in value:
        return "what looks like an API key"
    clean = "".join(char if char.isprintable() else "?" for char in value)
    return f'"{_cut(clean)}"'


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
