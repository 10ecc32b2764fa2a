"""The whole scan: which repository or folder, which of its files, and what other scanners have said."""

import os
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from tidegate.checks.scan.files import read_text
from tidegate.checks.scan.git import GitMissing
from tidegate.checks.scan.listing import Listed, in_repository, walked, without_repository
from tidegate.checks.scan.names import display_path
from tidegate.checks.scan.reports import read_report
from tidegate.checks.scan.repository import Repository, find_repository
from tidegate.checks.scan.results import Counts, Progress, ScanResult
from tidegate.checks.scan.scanning import Scanning
from tidegate.checks.scan.suppressions import FILE, Suppressions, parse
from tidegate.checks.scan.trouble import ScanError

UNPACK: Final = 256_000_000
"""Bytes that one file may unpack to."""


def scan(
    root: Path,
    *,
    history: bool = True,
    staged: bool = False,
    paths: Iterable[Path] = (),
    cache: bool = True,
    imports: Iterable[Path] = (),
    unpack: int = UNPACK,
    progress: Progress | None = None,
    today: date | None = None,
) -> ScanResult:
    """Look for credentials in the repository that `root` belongs to, or in the folder alone when there is none.

    `history` reads every object; `staged` what the next commit would add, and nothing else; `paths`, absolute or below
    `root`, only those files and folders of the work tree.  `imports` are reports of gitleaks or betterleaks.
    Raises ScanError.
    """
    folder = _existing(root)
    repository = _repository(folder, history=history, staged=staged)
    top = folder if repository is None else repository.top or folder
    suppressions = _suppressions(top, repository)
    scanning = Scanning(cache=cache, unpack=unpack, progress=progress)
    for report in imports:
        read_report(report, scanning.gathered)
    listed = None if staged else _listed(top, repository, [folder / one for one in paths])
    if repository is None:
        assert listed is not None
        scanning.files(top, listed)
    elif staged:
        scanning.index(repository)
    else:
        scanning.repository(repository, listed, history=history)
    if repository is None:
        scanning.notes.append("this is in no git repository: there is no history to read")
    findings = scanning.gathered.findings(suppressions, today or datetime.now(UTC).date())
    if repository is not None and history and not (staged or scanning.unknowns or (listed and listed.chosen)):
        scanning.notes += suppressions.idle(one.fingerprint for one in findings)
    return ScanResult(
        root=display_path(top),
        history="none" if repository is None else "read" if history and not staged else "skipped",
        findings=findings,
        unknowns=tuple(scanning.unknowns),
        risks=tuple(scanning.risks),
        notes=tuple(scanning.notes),
        counts=Counts(**scanning.counts, suppressed=sum(one.suppressed is not None for one in findings)),
    )


def _existing(root: Path) -> Path:
    try:
        folder = root.absolute()
        found = folder.is_dir()
    except OSError as error:
        raise ScanError(f"{display_path(root)}: {error.strerror or error}") from None
    if not found:
        raise ScanError(f"{display_path(root)}: there is no such folder")
    return folder


def _repository(folder: Path, *, history: bool, staged: bool) -> Repository | None:
    """The repository; without one or without git the files alone are read, unless more was asked for."""
    try:
        repository = find_repository(folder, hook=staged)
    except GitMissing:
        if staged or (history and _inside(folder)):
            raise
        repository = None
    except ScanError:
        if staged or history:
            raise
        repository = None
    if staged and (repository is None or repository.top is None):
        raise ScanError(f"{display_path(folder)}: --staged needs a git repository with a work tree")
    return repository


def _inside(folder: Path) -> bool:
    return any(os.path.lexists(one / ".git") for one in (folder, *folder.parents))


def _listed(top: Path, repository: Repository | None, paths: list[Path]) -> Listed | None:
    """The files to read; of `paths` those that belong to the project, and files that are named themselves."""
    if repository is None:
        listed = without_repository(top) if not paths else Listed([], [], [], [])
    elif repository.top is None:
        return None
    else:
        listed = in_repository(repository.git, top)
    if not paths:
        return listed
    chosen: list[bytes] = []
    for path in paths:
        below = os.path.relpath(os.fsencode(_below(path, top)), os.fsencode(top))
        found = [one for one in (*listed.files, *listed.published) if one == below or one.startswith(below + b"/")]
        chosen += found or walked(top, below, listed.warnings, frozenset({b".git"}))
    return Listed(list(dict.fromkeys(chosen)), [], [], listed.warnings, chosen=True)


def _below(path: Path, top: Path) -> Path:
    """The path, which must exist below the top."""
    if not os.path.lexists(path):
        raise ScanError(f"{display_path(path)}: there is no such file or folder")
    place = path.parent.resolve() / path.name if path.name else path.resolve()
    if not place.is_relative_to(top.resolve()):
        raise ScanError(f"{display_path(path)}: this is not below {display_path(top)}; scan it by itself")
    return top / place.relative_to(top.resolve())


def _suppressions(top: Path, repository: Repository | None) -> Suppressions:
    """Those of the work tree's top; of a repository without files, those of HEAD."""
    if repository is not None and repository.top is None:
        text = repository.git.written("cat-file", "blob", f"HEAD:{FILE}")
        return parse(text, f"HEAD:{FILE}")
    found = read_text(top, os.fsencode(FILE))
    return Suppressions() if found is None else parse(found.encode(), FILE)
