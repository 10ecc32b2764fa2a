"""Taking an argument out of a call, when nothing else has to change."""

import re

from tidegate.checks.program.program import Found
from tidegate.checks.verdict import Edit, Place


def without_argument(found: Found) -> tuple[Edit, ...]:
    """The edit that removes `name=value` or `name: value` around a value; empty where that is not one plain line."""
    line, start, last, end = found.node.at
    text = found.module.lines[line - 1] if line == last else ""
    before = re.search(r"(,\s*|^\s*|(?<=[({])\s*|\s*)[\"']?\b\w+[\"']?\s*[=:]\s*$", text[:start])
    after = re.match(r"\s*(,\s*)?(\n|$)?", text[end:])
    if not text or before is None or after is None:
        return ()
    begin = start - len(before[0])
    path = found.module.path
    if not text[:begin].strip() and not text[end + len(after[0]) :].strip() and not before[1].startswith(","):
        return (Edit(Place(path, line, 0, line + 1, 0), ""),)  # it has the line for itself
    if before[1].startswith(",") and not after[1]:
        return (Edit(Place(path, line, begin, line, end), ""),)
    kept = len(before[1])
    return (Edit(Place(path, line, begin + kept, line, end + len(after[0])), ""),)
