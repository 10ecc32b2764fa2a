"""The API keys of an organisation, and which of them the program uses: told by the parts of a key that may be seen."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from tidegate.checks.scan.match import shown
from tidegate.model.errors import ConfigError
from tidegate.secrets.resolve import resolve

VARIABLE: Final = "env://ANTHROPIC_API_KEY"
_CUT = re.compile(r"\.{2,}|…|\*+")
_PREFIX = re.compile(r"sk-ant-[a-z]+\d*-")
_WRITTEN = re.compile(r"(?:sk-ant-|tg_|whsec_)\S+")
_LAST, _NAME = 4, 60


class Key(Struct, frozen=True):
    """A key as the Admin API knows it."""

    id: str
    name: str
    hint: str
    """`sk-ant-api03-R2D...igAA`: its prefix, three characters, its last four."""
    status: str
    created: datetime
    expires: datetime | None
    workspace: str | None
    """None: the default one, or none at all."""


def part_of_own(environ: Mapping[str, str]) -> str:
    """What may be seen of the key in the environment, and its first characters as in a hint; "" for none."""
    try:
        text = resolve(VARIABLE, environ).reveal().strip()
    except ConfigError:
        return ""
    prefix = _PREFIX.match(text)
    return f"{text[: prefix.end() + 3]}...{text[-_LAST:]}" if prefix and len(text) > prefix.end() + 20 else ""


def fitting(keys: Iterable[Key], seen: str) -> list[Key]:
    """The keys that `seen` may be a part of: a hint, or a prefix and four characters with … between.

    Keys that are still good come before others: a name may be given again, a key may not.
    """
    head, tail = _ends(seen)
    fits = [key for key in keys if _fits(key.hint, head, tail)]
    return [key for key in fits if key.status == "active"] or fits


def _fits(hint: str, head: str, tail: str) -> bool:
    first, last = _ends(hint)
    return len(last) >= _LAST and tail.endswith(last) and (head.startswith(first) or first.startswith(head))


def _ends(text: str) -> tuple[str, str]:
    """What stands before and behind the cut."""
    parts = _CUT.split(text, maxsplit=1)
    return parts[0], parts[-1]


def masked(key: Key) -> str:
    """A key's name and the parts of it that may be shown: its prefix and its last four characters."""
    head, tail = _ends(key.hint)
    prefix = _PREFIX.match(head)
    name = short(key.name)
    return f"{name} ({prefix[0] if prefix else ''}…{tail[-_LAST:]})" if len(tail) >= _LAST else name


def short(name: str) -> str:
    """A name that somebody gave, without the key that somebody may have written into it."""
    name = _WRITTEN.sub("…", name)
    return name if len(name) <= _NAME else f"{name[:_NAME]}…"


def named(keys: Sequence[Key], most: int = 4) -> str:
    """Some keys in a sentence."""
    said = ", ".join(masked(key) for key in keys[:most])
    return f"{said} and {len(keys) - most} more" if len(keys) > most else said


def visible_part(key: str) -> str:
    """What may be written down of a key: its prefix and its last four characters; "" for what is no key of Claude."""
    return shown(key, "api-key") if key.startswith("sk-ant-") else ""
