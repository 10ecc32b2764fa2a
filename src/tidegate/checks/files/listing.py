"""The files of a project: what git would take, and without git what lies there.

Rules
1. .gitignore is git's to read, also where there is no repository yet.
2. Links are never followed: what they point at is listed where it is, or does not belong here.
3. What cannot be opened is told, never an error.
"""

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from tidegate.checks.files import git
from tidegate.checks.files.git import Repository
from tidegate.checks.files.kinds import is_skipped
from tidegate.checks.files.reading import Unread


class Listing(Struct, frozen=True):
    """The files below a folder."""

    root: Path
    paths: tuple[str, ...]
    """Relative, with slashes, sorted."""
    repository: Repository | None
    without: str = ""
    """Why there is no repository."""
    tracked: frozenset[str] = frozenset()
    closed: tuple[Unread, ...] = ()
    """Folders that may not be opened."""
    notices: tuple[str, ...] = ()


def list_files(root: Path, exclude: Sequence[str] = ()) -> Listing:
    """What there is below a folder, but for paths that fit one of some patterns; `root` is absolute."""
    listing = _list(root)
    if not exclude:
        return listing
    left = tuple(path for path in listing.paths if not any(fnmatchcase(path, pattern) for pattern in exclude))
    return replace(listing, paths=left)


def _list(root: Path) -> Listing:
    found = git.find_repository(root)
    repository = found if isinstance(found, Repository) else None
    why = "" if isinstance(found, Repository) else found
    if repository is not None:
        inside, others = git.tracked(root), git.untracked(root)
        if inside.code == 0 and others.code == 0 and (inside.out or others.out):  # else: nothing, or an ignored folder
            known = frozenset(inside.names)
            paths = (path for path in {*known, *others.names} if not is_skipped(path, tracked=path in known))
            closed, said = _said(others)
            said += _nested(root, others)
            return Listing(root, _sorted(root, paths), repository, "", known, closed, tuple(said))
    alone = git.unignored_without_repository(root)
    if alone.code == 0:
        paths = (path for path in alone.names if not is_skipped(path, tracked=False))
        closed, said = _said(alone)
        said += _nested(root, alone)
        return Listing(root, _sorted(root, paths), repository, why, closed=closed, notices=tuple(said))
    unread: list[Unread] = []
    walked = list(_walk(root, unread))
    notice = f"{alone.err.strip() or 'git failed'}; .gitignore is not read"
    return Listing(root, _sorted(root, walked), repository, why, closed=tuple(unread), notices=(notice,))


def _sorted(root: Path, paths: Iterable[str]) -> tuple[str, ...]:
    """The regular files among them."""
    return tuple(sorted(path for path in paths if _is_file(root, path)))


def _is_file(root: Path, path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(f"{root}/{path}").st_mode)
    except OSError:  # deleted, but still in the index; or not to be looked at
        return False


_CLOSED = re.compile(r"could not open directory '(.*?)/?': (.*)")


def _said(answer: git.Answer) -> tuple[tuple[Unread, ...], list[str]]:
    """The folders that git may not open, and its other complaints."""
    lines = [line.removeprefix("warning: ") for line in answer.err.splitlines() if line.strip()]
    closed = (found for line in lines if (found := _CLOSED.fullmatch(line)))
    unread = tuple(Unread(found[1], f"cannot be opened: {found[2]}", mentions=True) for found in closed)
    return unread, [line for line in lines if not _CLOSED.fullmatch(line)]


def _nested(root: Path, answer: git.Answer) -> list[str]:
    """Repositories inside of the folder, which git names and does not enter."""
    folders = [path for path in answer.names if path.endswith("/") and (root / path / ".git").exists()]
    return [f"{path} is a repository of its own and was left out; check it by itself" for path in folders]


def _walk(root: Path, closed: list[Unread]) -> Iterator[str]:
    def complain(error: OSError) -> None:
        path = os.path.relpath(error.filename, root)
        closed.append(Unread(path, f"cannot be opened: {error.strerror}", mentions=True))

    for folder, folders, files in os.walk(root, onerror=complain):
        below = Path(folder).relative_to(root)
        folders[:] = sorted(name for name in folders if not is_skipped(f"{name}/", tracked=False))
        yield from ((below / name).as_posix() for name in files)
