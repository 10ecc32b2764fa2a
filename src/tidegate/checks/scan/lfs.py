"""Files that git-lfs keeps beside the history: a blob is a pointer, the content lies in `.git/lfs/objects`.

The form of a pointer and of the store: git-lfs, docs/spec.md.
"""

import re
from pathlib import Path
from typing import Final

from tidegate.checks.scan.repository import Repository

POINTER: Final = b"version https://"
"""Every pointer begins like that."""

ABSENT: Final = "git-lfs keeps its content, which is not here"

_LONGEST = 1024
_POINTER = re.compile(
    rb"version https://(?:git-lfs|hawser)\.github\.com/spec/v1\r?\n(?:[a-z0-9.-]+ .*\n)*?oid sha256:([0-9a-f]{64})\r?\n"
)


def pointed(data: bytes) -> str | None:
    """The id of the content that a pointer stands for; None for what is no pointer."""
    found = _POINTER.match(data) if len(data) < _LONGEST else None
    return None if found is None else found[1].decode()


class Stores:
    """The stores of all repositories of a scan; contents are named by their SHA-256, so that any store will do."""

    def __init__(self) -> None:
        self._repositories: list[Repository] = []
        self._folders: list[Path] = []

    def add(self, repository: Repository) -> None:
        """One more repository, whose store is looked for at the first pointer."""
        if repository not in self._repositories:
            self._repositories.append(repository)

    def find(self, name: str) -> Path | None:
        """The file with a content."""
        folders = [*self._folders, *(_folder(one) for one in self._repositories[len(self._folders) :])]
        self._folders = folders
        files = (folder / "objects" / name[:2] / name[2:4] / name for folder in folders)
        return next((file for file in files if file.is_file()), None)


def _folder(repository: Repository) -> Path:
    """Where a repository's store is: `lfs.storage`, relative to the git directory, or `lfs` in it."""
    asked = repository.git.written("config", "--get", "lfs.storage").decode("utf-8", "surrogateescape").strip()
    return repository.common / (asked or "lfs")
