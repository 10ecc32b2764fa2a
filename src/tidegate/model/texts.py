"""The catalogue of texts: what people read when a call gets no answer, per reason and outcome; see texts/en.toml."""

import re
import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from tidegate.model.times import as_datetime

PLACEHOLDERS = frozenset({"retry_after", "resets_at", "scope", "n"})

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_LONGEST = 2000

Texts = Mapping[str, str]
"""By name; entries of a section carry its name, such as `scope.user`."""


def parse_texts(data: bytes, known: Collection[str] | None = None) -> Texts:
    """The texts of a catalogue file; raises ValueError with a readable text.  The caller fills in missing entries.

    `known`: the names that a catalogue may have; None: any.
    """
    try:
        document = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"this is not a catalogue of texts: {error}") from None
    texts = dict(_entries(document, ""))
    if known is not None and (unknown := next((name for name in texts if name not in known), None)):
        near = get_close_matches(unknown, known, 1)
        raise ValueError(f'there is no text "{unknown}"' + (f'; did you mean "{near[0]}"?' if near else ""))
    return texts


def fill(
    texts: Texts, name: str, *, scope: str = "", retry_after: float | None = None, resets_at: int | None = None
) -> str:
    """The text of that name with its placeholders filled in; `resets_at` in microseconds since 1970 UTC."""
    template = texts.get(name, "")
    if "{" not in template:
        return template
    values = {
        "scope": texts.get(f"scope.{scope}") or texts.get("scope.other", ""),
        "retry_after": span(texts, retry_after),
        "resets_at": texts.get("unit.later", "")
        if resets_at is None
        else f"{as_datetime(resets_at):%Y-%m-%d %H:%M} UTC",
    }
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], ""), template)


def span(texts: Texts, seconds: float | None) -> str:
    """How long to wait in words, rounded up; never shorter than it is."""
    if seconds is None or not seconds < 1e9:
        return texts.get("unit.moment", "")
    whole = max(1, -int(-seconds // 1))
    for size, unit in ((3600, "hour"), (60, "minute")):
        if whole >= 2 * size:
            return _counted(texts, -(-whole // size), unit)
    return _counted(texts, whole, "second")


def _counted(texts: Texts, count: int, unit: str) -> str:
    return texts.get(f"unit.{unit}" if count == 1 else f"unit.{unit}s", "").replace("{n}", str(count))


def _entries(table: dict[str, Any], prefix: str) -> list[tuple[str, str]]:
    """All texts of a table and of its sections."""
    entries: list[tuple[str, str]] = []
    for key, value in table.items():
        name = prefix + key
        if isinstance(value, dict) and not prefix:
            entries += _entries(value, f"{name}.")
        elif not isinstance(value, str) or not value.strip() or len(value) > _LONGEST:
            raise ValueError(f"{name} must be a text of 1 to {_LONGEST} characters")
        elif unknown := set(_PLACEHOLDER.findall(value)) - PLACEHOLDERS:
            raise ValueError(f"{name} has the unknown placeholder {{{min(unknown)}}}")
        else:
            entries.append((name, value))
    return entries
