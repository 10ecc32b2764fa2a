"""The formats by name: a new one is a file and a line."""

from collections.abc import Callable
from typing import Final

from tidegate.checks.formats import github, json, junit, markdown, sarif, text
from tidegate.checks.formats.page import Page

FORMATS: Final[dict[str, Callable[[Page], str]]] = {
    "text": text.render,
    "json": json.render,
    "sarif": sarif.render,
    "junit": junit.render,
    "markdown": markdown.render,
    "github": github.render,
}
