"""What many checks say in the same words."""

from collections.abc import Iterable

from tidegate.checks.facts.requests import Request
from tidegate.checks.program.module import Module
from tidegate.checks.project import Project
from tidegate.checks.verdict import Verdict, skipped

NO_REQUEST = "no request to Claude was seen in the sources"
NO_DOOR = "no route or bot handler that leads to Claude was seen"
ATTEST = "then: tidegate check HERE --attest ID --by NAME --note WHAT-YOU-SAW"
"""The run puts the path that was checked in the place of HERE, and the id of the check in the place of ID."""
LOOK = f"a look at it, {ATTEST}"


def no_request(project: Project) -> Iterable[Verdict]:
    """The only verdict where nothing is asked of Claude; empty otherwise."""
    return () if project.requests else (skipped(NO_REQUEST),)


def spoken(module: Module, python: str, script: str) -> str:
    """A remedy in the words of the language that the finding is in."""
    return python if module.language == "python" else script


def count(number: int, what: str, many: str = "") -> str:
    """`1 request`, `3 requests`."""
    return f"{number:,} {what if number == 1 else many or what + 's'}"


def files_of(requests: Iterable[Request]) -> str:
    """`in 2 files`."""
    return f"in {count(len({one.module.path for one in requests}), 'file')}"
