"""The index: what the next commit would add, for a pre-commit hook that must be fast."""

from msgspec import Struct

from tidegate.checks.scan.git import Git

_DIFF = (
    "diff",
    "--cached",
    "--raw",
    "-z",
    "--no-abbrev",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=all",
    "--diff-filter=ACMRTU",
)


class Staged(Struct, frozen=True):
    """A blob that is staged, and its path."""

    id: bytes
    path: bytes


def staged(git: Git) -> list[Staged]:
    """What is staged and differs from the last commit; all of the index when there is none."""
    tokens = iter(git.out(*_DIFF).split(b"\0"))
    return [Staged(token.split()[3], next(tokens)) for token in tokens if token.startswith(b":") and not _none(token)]


def _none(token: bytes) -> bool:
    """Neither a submodule nor an unmerged path."""
    _, mode, _, new, _ = token.split()
    return mode == b"160000" or not new.strip(b"0")
