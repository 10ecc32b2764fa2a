"""`--fix`: small changes that cannot break what works, shown as a diff; every other byte of a file stays as it is."""

import difflib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from tidegate.checks.files.kinds import language_of
from tidegate.checks.files.reading import Unread, read_bytes
from tidegate.checks.formats.frames import masked
from tidegate.checks.tree.python import read_python
from tidegate.checks.tree.script import read_script
from tidegate.checks.tree.trouble import UnreadError
from tidegate.checks.verdict import Edit, State, Verdict


class Fixed(Struct, frozen=True):
    """What was changed."""

    path: str
    diff: str
    """A unified diff, without secrets."""
    count: int


def fix(root: Path, verdicts: Iterable[Verdict]) -> tuple[list[Fixed], list[str]]:
    """Make the changes of all findings that have some; returns what was changed and what could not be."""
    by_path: dict[str, list[Edit]] = {}
    for verdict in verdicts:
        if verdict.state in {State.FAIL, State.WARN}:
            for edit in verdict.edits:
                if edit not in by_path.setdefault(edit.place.path, []):
                    by_path[edit.place.path].append(edit)
    done: list[Fixed] = []
    troubles: list[str] = []
    for path, edits in sorted(by_path.items()):
        old = _content(root, path)
        if isinstance(old, Unread):
            troubles.append(f"{path}: {old.why}")
            continue
        new = changed(old, edits)
        wrong = "it is not UTF-8" if new is None else _harm(path, old, new, edits)
        if new is None or wrong:
            troubles.append(f"{path}: {wrong}, so it was left as it is")
        elif new != old:
            _write(root / path, new)
            done.append(Fixed(path, diff(path, old, new), len(edits)))
    return done, troubles


def _content(root: Path, path: str) -> bytes | Unread:
    return b"" if not os.path.lexists(root / path) else read_bytes(root, path)


def _harm(path: str, old: bytes, new: bytes, edits: Iterable[Edit]) -> str:
    """Why a change must not be made; empty when it may be."""
    if any(edit.place.line for edit in edits) and _has_odd_lines(old.decode()):
        return "some of its lines end in an unusual way (a form feed, a lone carriage return)"
    before, after = (_error(path, one.decode("utf-8-sig")) for one in (old, new))
    return f"the change would break it ({after})" if after and not before else ""


def _has_odd_lines(text: str) -> bool:
    """Whether Python's `splitlines`, its parser and tree-sitter may count the lines of a text differently."""
    return text.splitlines() != text.replace("\r\n", "\n").removesuffix("\n").split("\n") and text != ""


def _error(path: str, text: str) -> str:
    """What a parser says against a source; empty for one that is valid, and for what is no source."""
    language = language_of(path)
    try:
        if language == "python":
            read_python(text)
        elif language is not None:
            read_script(text, language)
    except UnreadError as error:
        return str(error)
    return ""


def changed(old: bytes, edits: Iterable[Edit]) -> bytes | None:
    """The content after the edits, from the last to the first; None when it is no UTF-8.  What overlaps is left out."""
    mark = b"\xef\xbb\xbf" if old.startswith(b"\xef\xbb\xbf") else b""
    try:
        text = old.removeprefix(mark).decode()
    except UnicodeDecodeError:
        return None
    edits = list(edits)
    ending = "\r\n" if "\r\n" in text else "\n"
    if text and not text.endswith("\n") and not all(edit.place.line for edit in edits):
        text += ending  # what is added to a file stands on lines of its own
    starts = _line_starts(text)
    spans = sorted(((*_span(text, starts, edit), edit.text) for edit in edits), reverse=True)
    limit = len(text) + 1
    for start, end, new in spans:
        if end > limit:
            continue
        text = text[:start] + new.replace("\n", ending) + text[end:]
        limit = start if start < end else limit
    return mark + text.encode()


def _line_starts(text: str) -> list[int]:
    """Where each line begins, as `str.splitlines` sees lines."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def _span(text: str, starts: list[int], edit: Edit) -> tuple[int, int]:
    place = edit.place
    if not place.line:
        return len(text), len(text)
    begin = starts[place.line - 1] + place.column
    last = min(place.end_line - 1, len(starts) - 1)
    return begin, max(begin, min(len(text), starts[last] + place.end_column))


def _write(path: Path, content: bytes) -> None:
    """Replace a file in one step; its permissions stay."""
    mode = path.stat().st_mode & 0o7777 if path.exists() else 0o644
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def diff(path: str, old: bytes, new: bytes) -> str:
    """The change for people; keys in it are masked."""
    before, after = (_lines(one) for one in (old, new))
    return "".join(f"{line}\n" for line in _unified(path, before, after))


def _lines(content: bytes) -> list[str]:
    return content.decode(errors="replace").splitlines()


def _unified(path: str, before: list[str], after: list[str]) -> Iterator[str]:
    for line in difflib.unified_diff(before, after, f"a/{path}", f"b/{path}", lineterm="", n=1):
        yield masked(line)
