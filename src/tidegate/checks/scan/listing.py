"""Which files of a work tree are read: those that git tracks or would add, and build output, which is published.

What git ignores stays where it is, and an ignored `.env` is where a key belongs.  Where there is no repository, all
files are read but those that package managers and tools have put there.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from tidegate.checks.scan.files import joined
from tidegate.checks.scan.git import Git

BUILD_OUTPUT: Final = frozenset(b"dist build out public www .next .nuxt .output .svelte-kit".split())
"""Folders of this name are read though git ignores them: what is in them is sent to browsers."""

TOOLS: Final = frozenset(
    b".git .hg .mypy_cache .pytest_cache .ruff_cache .tox .venv venv __pycache__ node_modules site-packages".split()
)
"""Folders that are not read where git does not say what belongs to the project."""


class Listed(Struct):
    """Paths below the top of a work tree, as bytes."""

    files: list[bytes]
    published: list[bytes]
    """Build output that git ignores."""
    kept: list[bytes]
    """`.env` files that git ignores."""
    warnings: list[str]
    """What git could not look into."""
    chosen: bool = False
    """Only a part, as it was asked for."""


def in_repository(git: Git, top: Path) -> Listed:
    """The files of a work tree, as git lists them; folders among them are repositories of their own."""
    out, warnings = git.both("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
    ignored = git.out("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory").split(b"\0")
    published = [one.rstrip(b"/") for one in ignored if _name(one.rstrip(b"/")) in BUILD_OUTPUT]
    return Listed(
        files=[one for one in out.split(b"\0") if one],
        published=[path for one in published for path in walked(top, one, warnings)],
        kept=[one for one in ignored if is_env(one)],
        warnings=warnings,
    )


def without_repository(top: Path) -> Listed:
    """All files below a folder that is in no repository."""
    warnings: list[str] = []
    return Listed(files=list(walked(top, b"", warnings)), published=[], kept=[], warnings=warnings)


def is_env(path: bytes) -> bool:
    """True for `.env` and `.env.local`, not for templates such as `.env.example`."""
    name = _name(path)
    template = name.endswith((b".example", b".sample", b".template", b".dist", b".defaults"))
    return (name == b".env" or name.startswith(b".env.")) and not template


def _name(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]


def walked(top: Path, folder: bytes, warnings: list[str], passed_over: frozenset[bytes] = TOOLS) -> Iterator[bytes]:
    """The files below a folder, symbolic links neither followed nor listed."""
    waiting = [folder]
    root = os.fsencode(top)
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(joined(root, here) if here else root) as found:
                entries = sorted(found, key=lambda one: one.name)
        except NotADirectoryError:
            yield here
            continue
        except OSError as error:
            warnings.append(f"could not open folder {os.fsdecode(here) or '.'}: {error.strerror}")
            continue
        for entry in entries:
            path = joined(here, entry.name)
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in passed_over:
                    waiting.append(path)
            elif entry.is_file(follow_symlinks=False):
                yield path
