"""What could not be looked at, in words, and what to do about it: a scan with gaps is not clean, but unknown."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from tidegate.checks.scan.files import Files
from tidegate.checks.scan.history import Looked
from tidegate.checks.scan.lfs import ABSENT
from tidegate.checks.scan.names import display
from tidegate.checks.scan.repository import Repository
from tidegate.checks.scan.results import Unknown

_DEEPEN = "fetch the whole history: git fetch --unshallow (in GitHub Actions: actions/checkout with fetch-depth: 0)"
_FETCH = "fetch them: git config --unset remote.origin.partialclonefilter; git fetch --refetch"
_PERMIT = "run it as a user who may read them"
_LOOK = "look at it yourself"
_PULL = "fetch it, for all versions: git lfs fetch --all"
_REPAIR = "the repository is damaged: git fsck tells more; a fresh clone mends it, if the remote is sound"


def in_repository(repository: Repository, warnings: Iterable[str], prefix: bytes) -> Iterator[Unknown]:
    """Objects that are not here."""
    where = f" in {display(prefix.rstrip(b'/'))}" if prefix else ""
    if repository.shallow:
        yield Unknown(f"this is a shallow clone{where}: older commits are not here", _DEEPEN)
    missing = _missing(repository) if repository.partial else 0
    if missing:
        yield Unknown(
            f"this is a partial clone{where}: {_counted(missing, 'object')} of the history not fetched", _FETCH
        )
    for warning in warnings:
        if warning.startswith("error: "):
            yield Unknown(f"git says{where}: {warning.removeprefix('error: ')}", _REPAIR)


def in_objects(looked: Looked) -> Iterator[Unknown]:
    """Objects that could not be read, or not in full."""
    if looked.lost:
        first = looked.lost[0].decode("ascii", "replace")
        yield Unknown(f"{_counted(len(looked.lost), 'object')} cannot be read, the first is {first}", _REPAIR)
    yield from _cut({f"object {one.id.decode()[:12]}": why for one, why in looked.cut.items()}, "history")


def in_files(read: Files, warnings: Iterable[str], prefix: bytes) -> Iterator[Unknown]:
    """Files and folders that could not be read, or not in full."""
    if read.unreadable:
        path, why = next(iter(read.unreadable.items()))
        count = _counted(len(read.unreadable), "file")
        yield Unknown(f"{count} cannot be read, the first is {display(prefix + path)}: {why}", _PERMIT, "files")
    for warning in warnings:
        if "could not open" in warning:
            yield Unknown(warning.removeprefix("warning: "), _PERMIT, "files")
    yield from _cut({display(prefix + path): why for path, why in read.cut.items()}, "files")


def _cut(reasons: Mapping[str, str], about: Literal["files", "history"]) -> Iterator[Unknown]:
    absent = [name for name, why in reasons.items() if why == ABSENT]
    if absent:
        what = _counted(len(absent), "file" if about == "files" else "object")
        yield Unknown(f"{ABSENT}: {what}, the first is {absent[0]}", _PULL, about)
    for name, why in reasons.items():
        if why == ABSENT:
            continue
        remedy = _LOOK if why.startswith("it is larger") else f"{_LOOK}, or raise the bound: --unpack 2GB"
        yield Unknown(f"{name} was not looked at in full: {why}", remedy, about)


def _missing(repository: Repository) -> int:
    """Objects that the remote has promised and that are not here."""
    arguments = ("rev-list", "--ignore-missing", "--objects", "--all", "--reflog", "--missing=print", "--quiet")
    return sum(line.startswith(b"?") for line in repository.git.written(*arguments).splitlines())


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
