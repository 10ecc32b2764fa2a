"""What many checks say in the same words."""

from collections.abc import Iterable

from tidegate.checks.facts.requests import Request
from tidegate.checks.project import Project
from tidegate.checks.verdict import Verdict, skipped

NO_REQUEST = "no request to Claude was seen in the sources"
NO_DOOR = "no route or bot handler that leads to Claude was seen"
ATTEST = "then: tidegate check --attest ID --by NAME --note WHAT-YOU-SAW"
"""The id of the check takes the place of ID."""
LOOK = f"a look at it, {ATTEST}"


def no_request(project: Project) -> Iterable[Verdict]:
    """The only verdict where nothing is asked of Claude; empty otherwise."""
    return () if project.requests else (skipped(NO_REQUEST),)


def count(number: int, what: str, many: str = "") -> str:
    """`1 request`, `3 requests`."""
    return f"{number:,} {what if number == 1 else many or what + 's'}"


def files_of(requests: Iterable[Request]) -> str:
    """`in 2 files`."""
    return f"in {count(len({one.module.path for one in requests}), 'file')}"
