"""The join with `tidegate scan`: what it found, sorted into what stands in files and what stands in the history."""

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from tidegate.checks.scan import Finding, Place, ScanError, ScanResult, Unknown, scan

Progress = Callable[[str, int, int], None]


class Secrets(Struct, frozen=True):
    """Credentials in files or in the history, and why that cannot be told."""

    found: tuple[tuple[Finding, Place], ...] = ()
    unknowns: tuple[Unknown, ...] = ()
    read: int = 0
    """Files or objects."""


class Scanned(Struct, frozen=True):
    """What a scan says."""

    files: Secrets
    history: Secrets


def read_secrets(root: Path, *, history: bool, progress: Progress | None = None) -> Scanned:
    """Scan the repository of a folder, or the folder."""
    try:
        result = scan(root, history=history, progress=progress)
    except ScanError as error:
        wrong = Secrets(unknowns=(Unknown(str(error), "run `tidegate scan` for more"),))
        return Scanned(wrong, wrong)
    return Scanned(_files(root, result), _history(result, asked=history))


def _files(root: Path, result: ScanResult) -> Secrets:
    """The files below the folder, by their paths from there."""
    below = _below(root, result)
    found = [
        (finding, place)
        for finding in result.findings
        for place in finding.places
        if place.where in {"file", "staged"} and (place.path or "").startswith(below)
    ]
    # Without the history, what is unknown of objects is about what is staged, which is files here.
    unknowns = tuple(one for one in result.unknowns if one.about != "history" or result.history != "read")
    return Secrets(tuple(found), unknowns, result.counts.files)


def _below(root: Path, result: ScanResult) -> str:
    try:
        inner = root.relative_to(Path(result.root))
    except ValueError:  # the root was made fit to be shown
        return ""
    return "" if inner == Path() else f"{inner.as_posix()}/"


def _history(result: ScanResult, *, asked: bool) -> Secrets:
    if result.history == "none":
        return Secrets(unknowns=(Unknown("this is no git repository", "run it in the repository"),))
    if not asked:
        return Secrets(unknowns=(Unknown("the history was not read (--no-history)", "a run without --no-history"),))
    hidden = {"history", "message", "tag", "name", "git"}
    # One place of each finding: a key that was committed may stand in the files as well, and those come first.
    found = tuple(
        (finding, place)
        for finding in result.findings
        for place in [place for place in finding.places if place.where in hidden][:1]
    )
    return Secrets(found, tuple(one for one in result.unknowns if one.about != "files"), result.counts.objects)
