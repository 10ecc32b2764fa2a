"""Which repository a folder belongs to, and what is known of it before anything is read."""

import os
import re
from pathlib import Path

from msgspec import Struct

from tidegate.checks.scan.git import Git, GitFailed
from tidegate.checks.scan.trouble import ScanError

_QUESTIONS = ("--is-bare-repository", "--is-inside-work-tree", "--is-shallow-repository", "--show-object-format")
_LENGTHS = {b"sha1": 40, b"sha256": 64}
_PARTIAL = r"^(remote\..*\.promisor|extensions\.partialclone)$"
_OLDEST = "2.31"


class Repository(Struct, frozen=True):
    """A repository; `top` is None when it has no files, as a bare one."""

    git: Git
    top: Path | None
    common: Path
    """Where objects and references are, also for a linked work tree."""
    id_length: int
    shallow: bool
    partial: bool


def find_repository(folder: Path, *, hook: bool = False) -> Repository | None:
    """The repository of a folder, None when it has none; raises ScanError."""
    git = Git(folder, hook=hook)
    try:
        answers = git.out("rev-parse", *_QUESTIONS).split()
    except GitFailed as error:
        _explain(folder, str(error).removeprefix("git rev-parse: "))
        return None
    if len(answers) != len(_QUESTIONS) or answers[3] not in _LENGTHS:
        version = git.out("version").decode("utf-8", "replace").strip()
        raise ScanError(f"git {_OLDEST} or newer is needed to read a repository; this is {version}")
    inside = answers[1] == b"true"
    top = _path(git.out("rev-parse", "--show-toplevel")) if inside else None
    return Repository(
        git=git if top is None else Git(top, hook=hook),
        top=top,
        common=folder / _path(git.out("rev-parse", "--git-common-dir")),
        id_length=_LENGTHS[answers[3]],
        shallow=answers[2] == b"true",
        partial=bool(git.out("config", "--get-regexp", _PARTIAL, accept=(0, 1))),
    )


def _path(line: bytes) -> Path:
    return Path(os.fsdecode(line.removesuffix(b"\n")))


def _explain(folder: Path, said: str) -> None:
    """Raise ScanError when there is a repository that git does not open."""
    if "dubious ownership" in said or "unsafe repository" in said:
        top = re.search(r"at '(.+)'", said)
        where = top[1] if top else str(folder)
        raise ScanError(
            f"{where}: git does not open a repository that belongs to another user; if you trust it: "
            f"git config --global --add safe.directory {where}"
        )
    broken = next((one / ".git" for one in (folder, *folder.parents) if (one / ".git").exists()), None)
    if broken is not None:
        raise ScanError(f"{broken}: git finds no repository in it ({said}); repair it, or pass --no-history")
