"""`tidegate explain ID`: why a check is there, what is wrong and what is right, and what settles it."""

from difflib import get_close_matches
from typing import Annotated, Any

import typer

from tidegate.checks.check import Check
from tidegate.checks.points import POINTS
from tidegate.checks.table import BY_ID, EVERY
from tidegate.cli.failures import NotFoundError
from tidegate.cli.options import Json
from tidegate.cli.screen import write, write_json


def explain(
    id_: Annotated[str, typer.Argument(metavar="ID", help="A check, such as TG502, or a point, such as TG5.")],
    as_json: Json = False,
) -> None:
    """Explain a check: why it is there, and what to do."""
    found = _find(id_)
    if as_json:
        write_json(_document(found[0]) if len(found) == 1 else [_document(one) for one in found])
        return
    for number, one in enumerate(found):
        if number:
            write("\n" + "─" * 72 + "\n")
        _show(one)


def _find(text: str) -> list[Check]:
    name = text.strip().upper()
    if name in BY_ID:
        return [BY_ID[name]]
    point = name.removeprefix("TG").removesuffix("XX")
    found = [one for one in EVERY if str(one.point) == point]
    if found:
        return found
    related = [one for one in BY_ID if one[:-2] == name[:-2]]
    near = get_close_matches(name, related or BY_ID, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "`tidegate check --list` shows them all"
    raise NotFoundError(f"there is no check {text!r}; {hint}")


def _show(one: Check) -> None:
    write(f"{one.id}  {one.title}")
    write(f"point {one.point}: {POINTS[one.point]}")
    write(f"severity {one.severity}, confidence {one.confidence}, evidence {one.evidence}")
    write(f"\n{one.why}\n")
    write("Instead of\n")
    write(_indented(one.bad))
    write("\nwrite\n")
    write(_indented(one.good))
    if one.fixes:
        write("\n`tidegate check --fix` mends it where that cannot break anything.")
    write("\nTo accept one place for a time, put a comment on its line or the one above:\n")
    write(f"    # tidegate: allow[{one.id}] until 2027-03-01: the reason")
    write("\nor, for a file or for what has no line, into tidegate-check.toml:\n")
    write(f'    [[suppress]]\n    check = "{one.id}"\n    path = "app/*.py"\n    reason = "…"\n    until = 2027-03-01')
    write("\nWhat cannot be told is settled by a person who looked, for 90 days:\n")
    write(f"    tidegate check --attest {one.id} --by NAME --note WHAT-YOU-SAW")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _document(one: Check) -> dict[str, Any]:
    return {
        "id": one.id,
        "title": one.title,
        "point": one.point,
        "severity": one.severity,
        "confidence": one.confidence,
        "evidence": one.evidence,
        "why": one.why,
        "bad": one.bad,
        "good": one.good,
        "fixes": one.fixes,
    }
