"""Code frames: a few lines of source around a finding, with everything secret in them masked."""

import re
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from tidegate.checks.files.reading import Unread, decode, read_bytes
from tidegate.checks.project import Project
from tidegate.checks.scan.likeness import looks_random
from tidegate.checks.scan.match import credentials, shown
from tidegate.checks.verdict import Verdict

_MOST_LINES = 3
_LONGEST = 160
_TOKEN = re.compile(r"[A-Za-z0-9_\-+/=]{20,}")
_MODEL = re.compile(r"(?:[a-z]+/)*claude-[a-z0-9-]{3,40}")
_LITERAL = re.compile(r"""(["'`])((?:\\.|(?!\1).){3,}?)\1""")
_GIVEN = re.compile(r"((?:[:=]|\bENV\s+\w+)\s*)[\"']?[^\s\"']{3,}.*$")


class Line(Struct, frozen=True):
    """A line of a frame; the marked stretch is what the finding is about."""

    number: int
    text: str
    start: int = 0
    end: int = 0


class Sources(Struct, frozen=True):
    """Gives the lines of a file."""

    lines: Callable[[str], tuple[str, ...]]


def sources_of(project: Project) -> Sources:
    """The lines as they were read; of other files, as they are."""

    def lines(path: str) -> tuple[str, ...]:
        module = project.program.modules.get(path)
        return module.lines if module is not None else _from_disk(project.root, path)

    return Sources(lines)


def _from_disk(root: Path, path: str) -> tuple[str, ...]:
    data = read_bytes(root, path)
    return () if isinstance(data, Unread) or b"\0" in data else tuple(decode(data).splitlines())


def frame(sources: Sources, verdict: Verdict) -> tuple[Line, ...]:
    """The lines of a finding, the one before them, and what to mark; empty where there is nothing to show."""
    place = verdict.place
    if place is None or place.line < 1:
        return ()
    lines = sources.lines(place.path)
    if place.line > len(lines):
        return ()
    last = min(place.end_line or place.line, place.line + _MOST_LINES - 1)
    if place.end_column == 0 and place.end_line > place.line:  # it ends where the next line begins
        last = min(last, place.end_line - 1)
    made = []
    if place.line > 1 and lines[place.line - 2].strip():
        made.append(Line(place.line - 1, _cut(masked(lines[place.line - 2]))))
    for number in range(place.line, min(last, len(lines)) + 1):
        text = lines[number - 1]
        start = place.column if number == place.line else len(text) - len(text.lstrip())
        end = place.end_column if number == place.end_line else len(text.rstrip())
        made.append(_line(number, text, start, max(start + 1, end), secret=verdict.secret))
    return tuple(made)


def _line(number: int, text: str, start: int, end: int, *, secret: bool) -> Line:
    hidden = masked(text, secret=secret)
    if hidden != text:  # columns have moved: mark the whole line
        start, end = len(hidden) - len(hidden.lstrip()), len(hidden.rstrip())
    cut = _cut(hidden)
    return Line(number, cut, min(start, len(cut)), min(end, len(cut)))


def _cut(text: str) -> str:
    plain = "".join(one if one.isprintable() else " " for one in text)
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"


def masked(text: str, *, secret: bool = False) -> str:
    """A line without credentials and what looks like one; `secret`: without any literal and given value."""
    data = text.encode(errors="replace")
    for found in sorted(credentials(data), key=lambda one: -one.start):
        data = (
            data[: found.start] + shown(found.secret.decode(errors="replace"), found.kind).encode() + data[found.end :]
        )
    made = _TOKEN.sub(_without_random, data.decode(errors="replace"))
    if not secret:
        return made
    hidden = _LITERAL.sub(lambda found: found[0] if _may_show(found[2]) else f"{found[1]}…{found[1]}", made)
    return hidden if hidden != made or "…" in made else _GIVEN.sub(r"\1…", made)


def _without_random(token: "re.Match[str]") -> str:
    """Nothing of what may be a piece of a key: its characters could be from the middle.  Names of models are shown."""
    return token[0] if _MODEL.fullmatch(token[0]) or not looks_random(token[0]) else "…"


def _may_show(text: str) -> bool:
    """The name of a variable, and what is masked already."""
    return "…" in text or bool(re.fullmatch(r"[A-Z][A-Z0-9_]*", text))
