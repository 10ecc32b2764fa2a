"""Docker contexts: `COPY . .` takes a `.env` along that git ignores, unless `.dockerignore` names it.

Patterns of `.dockerignore` as in Docker's documentation: a slash at the ends means nothing, `*` stays in a folder,
`**` does not, a pattern matches what is below it too, `!` takes back, the last pattern that matches decides.
"""

import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from tidegate.checks.scan.advice import is_dockerfile
from tidegate.checks.scan.files import joined, read_text
from tidegate.checks.scan.names import display
from tidegate.checks.scan.results import Risk

_INSTRUCTION = re.compile(r"\s*(?:COPY|ADD)\s+((?:--\S+\s+)*)(.+)", re.IGNORECASE)
_ELSEWHERE = re.compile(r"--from=", re.IGNORECASE)
_WHOLE = re.compile(r"""["'\[\s]*(\.|\./|/|\*|\./\*)["',\s]+\S""")
_PIECE = re.compile(r"\*\*/|\*\*|\*|\?|\[\^?[^\]/\[]+\]|.", re.DOTALL)
_MEANINGS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class Context(Struct, frozen=True):
    """A Dockerfile that copies its whole folder, and what stays out."""

    dockerfile: bytes
    line: int
    folder: bytes
    """Empty for the top."""
    patterns: tuple[str, ...] | None
    """None without a `.dockerignore`."""

    def takes(self, path: bytes) -> bool:
        """True when a file gets into the image."""
        below = os.path.relpath(path, self.folder) if self.folder else path
        if below.startswith(b".."):
            return False
        return not ignored(os.fsdecode(below), self.patterns or ())

    def risk(self, prefix: bytes) -> Risk | None:
        """What would happen to a `.env` next to it; None when it stays out."""
        if not self.takes(joined(self.folder, b".env")):
            return None
        name = display(prefix + joined(self.folder, b".dockerignore"))
        lacks = f"there is no {name}" if self.patterns is None else f"{name} does not name .env"
        return Risk(
            display(prefix + self.dockerfile),
            self.line,
            f"copies the whole folder into the image, a .env with it: {lacks}",
            f"put `**/.env*` into {name}",
        )


def contexts(top: Path, files: Iterable[bytes]) -> Iterator[Context]:
    """The Dockerfiles among these files that copy their whole folder."""
    for path in files:
        if not is_dockerfile(os.fsdecode(path)):
            continue
        line = _copies_all(read_text(top, path))
        if line:
            yield _context(top, path, line)


def _context(top: Path, path: bytes, line: int) -> Context:
    """The folder is the Dockerfile's own, or the top when only that has a `.dockerignore`."""
    folder = path.rpartition(b"/")[0]
    for place, context in ((path, folder), (joined(folder, b""), folder), (b"", b"")):
        text = read_text(top, place + b".dockerignore")
        if text is not None:
            return Context(path, line, context, _patterns(text))
    return Context(path, line, folder, None)


def ignored(path: str, patterns: Iterable[str]) -> bool:
    """What the last matching pattern says about a path below the context."""
    out = False
    parts = path.split("/")
    outer = ["/".join(parts[: number + 1]) for number in range(len(parts))]
    for pattern in patterns:
        back = pattern.startswith("!")
        expression = _expression(pattern.removeprefix("!"))
        if any(expression.fullmatch(one) for one in outer):
            out = not back
    return out


def _copies_all(text: str | None) -> int:
    """The line of the first instruction that copies the whole context; 0 without one."""
    for number, line in enumerate((text or "").splitlines(), 1):
        found = _INSTRUCTION.match(line)
        if found and not _ELSEWHERE.search(found[1]) and _WHOLE.match(found[2]):
            return number
    return 0


def _patterns(text: str) -> tuple[str, ...]:
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def _expression(pattern: str) -> re.Pattern[str]:
    clean = posixpath.normpath(pattern.strip()).lstrip("/")
    try:
        return re.compile("".join(_translated(piece[0]) for piece in _PIECE.finditer(clean)), re.DOTALL)
    except re.error:  # as [z-a]
        return re.compile(re.escape(clean))


def _translated(piece: str) -> str:
    if piece in _MEANINGS:
        return _MEANINGS[piece]
    return piece.replace("\\", "") if len(piece) > 1 else re.escape(piece)
