"""Programs from a few lines of source, for tests of what is read in them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

from tidegate.checks.facts.requests import Asking, find_asking
from tidegate.checks.files.sources import Source
from tidegate.checks.notes import read_notes
from tidegate.checks.profiles import PROFILES
from tidegate.checks.program.module import Module, read_module
from tidegate.checks.program.program import Program
from tidegate.checks.project import read_project
from tidegate.checks.run import run
from tidegate.checks.table import BY_ID
from tidegate.checks.tree.nodes import Call, Name, Node
from tidegate.checks.verdict import State, Verdict
from unit.checks import corpus


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


def verdicts(root: Path, check: str, files: Mapping[str, str]) -> list[Verdict]:
    """What one check says of files, which are written into a folder; passes are left out."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode())
    project = read_project(root, today=corpus.TODAY, notes=read_notes(root, BY_ID))
    report = run(project, (BY_ID[check],), profile=PROFILES["local"], known=BY_ID)
    return [one for one in report.verdicts if one.state in {State.FAIL, State.WARN, State.UNKNOWN}]
