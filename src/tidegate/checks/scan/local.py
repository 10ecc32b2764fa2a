"""The git directory's own small files: addresses of remotes, reflogs, messages under way, hooks."""

from collections.abc import Iterator
from pathlib import Path

from tidegate.checks.scan.dig import Digger, Hit
from tidegate.checks.scan.files import read_files
from tidegate.checks.scan.listing import walked

_FILES = (b"config", b"config.worktree", b"description", b"packed-refs", b"FETCH_HEAD")
_MESSAGES = ("*_MSG", "*_EDITMSG", "*_DESCRIPTION")
_FOLDERS = (b"hooks", b"info", b"logs", b"rebase-apply", b"rebase-merge", b"worktrees")


def local_files(common: Path, digger: Digger) -> Iterator[tuple[Hit, bytes]]:
    """Every hit in them, and the path as people know it: `.git/config`."""
    paths = [*_FILES, *(path.name.encode() for pattern in _MESSAGES for path in common.glob(pattern))]
    for folder in _FOLDERS:
        if (common / folder.decode()).is_dir():
            paths += [path for path in walked(common, folder, []) if not path.endswith(b".sample")]
    for path, hits in read_files(common, paths, digger, lambda _: None).hits.items():
        yield from ((hit, b".git/" + path) for hit in hits)
