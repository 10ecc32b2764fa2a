"""Programs from a few lines of source, for tests of what is read in them."""

from collections.abc import Iterator, Mapping
from textwrap import dedent

from tidegate.checks.facts.requests import Asking, find_asking
from tidegate.checks.files.sources import Source
from tidegate.checks.program.module import Module, read_module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Call, Name, Node


def program(files: Mapping[str, str]) -> Program:
    """A program of sources by their paths."""
    modules = {path: read_module(Source(path, dedent(text), _mentions(text))) for path, text in files.items()}
    return Program(modules, frozenset(modules))


def _mentions(text: str) -> bool:
    return "claude" in text.lower() or "anthropic" in text


def asking(files: Mapping[str, str]) -> tuple[Program, Asking]:
    """A program, with its clients and requests."""
    made = program(files)
    return made, find_asking(made)


def probes(made: Program, word: str = "probe") -> Iterator[tuple[Module, Node]]:
    """The arguments of the calls of `probe`, in the order of the text."""
    for module, call in made.every(Call):
        if isinstance(call.of, Name) and call.of.id == word:
            yield from ((module, argument) for argument in call.args)
