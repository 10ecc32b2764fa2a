"""The sentences that a person may be shown: those of the gateway's catalogue, and the few of the example itself."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache

from e2e.nextjs.building import EXAMPLE

TEXTS = EXAMPLE.parents[1] / "src" / "tidegate" / "model" / "texts" / "en.toml"

_QUOTED = re.compile(r"'([A-Z][^'\n]+\.)'")
"""A sentence in the sources of the example."""


def is_friendly(text: str) -> bool:
    """True for a sentence that somebody has written for people."""
    return text in of_the_example() or any(pattern.fullmatch(text) for pattern in _of_the_gateway())


@cache
def of_the_example() -> frozenset[str]:
    """The sentences in lib/friendly.ts and lib/answer.ts."""
    files = (EXAMPLE / "lib" / name for name in ("friendly.ts", "answer.ts"))
    return frozenset(found for file in files for found in _QUOTED.findall(file.read_text("utf-8")))


@cache
def _of_the_gateway() -> tuple[re.Pattern[str], ...]:
    return tuple(_patterns())


def _patterns() -> Iterator[re.Pattern[str]]:
    for text in tomllib.loads(TEXTS.read_text("utf-8")).values():
        if isinstance(text, str):
            words = (re.escape(part) for part in re.split(r"\{\w+\}", text))
            yield re.compile("[A-Za-z0-9 :-]+".join(words))
