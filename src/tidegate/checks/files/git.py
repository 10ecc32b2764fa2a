"""Asking git about a folder, without letting the folder's own configuration run a program."""

import subprocess
import tempfile
from pathlib import Path
from shutil import which

from msgspec import Struct

PATIENCE = 60.0
"""Seconds after which git is given up."""

_SAFE = (
    "-c", "core.fsmonitor=false",
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.quotePath=false",
    "-c", "color.ui=false",
)  # fmt: skip


class Answer(Struct, frozen=True):
    """What git said; `code` -1: there is no git, or it took too long."""

    code: int
    out: bytes = b""
    err: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The output as paths that end with NUL; bytes that are no text become surrogates, as Python has them."""
        return tuple(part.decode(errors="surrogateescape") for part in self.out.split(b"\0") if part)


def git(folder: Path, *arguments: str, given: bytes = b"") -> Answer:
    """Run git in a folder; `given` is its standard input."""
    program = which("git")
    if program is None:
        return Answer(-1, err="git is not installed")
    try:
        done = subprocess.run(  # noqa: S603 - the program is git, and no argument comes from a file
            [program, "-C", str(folder), *_SAFE, *arguments],
            input=given,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Answer(-1, err=str(error))
    return Answer(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


class Repository(Struct, frozen=True):
    """The git repository that a folder lies in."""

    top: Path
    shallow: bool
    born: bool
    """False: nothing was ever committed."""


def find_repository(folder: Path) -> Repository | str:
    """The repository around a folder, if git knows one and trusts it; else why not."""
    said = git(folder, "rev-parse", "--show-toplevel", "--is-shallow-repository")
    if said.code != 0:
        plain = "not a git repository" in said.err
        return "this is no git repository" if plain else (said.err.splitlines() or ["git did not answer"])[0]
    top, _, shallow = said.out.decode(errors="surrogateescape").rstrip("\n").rpartition("\n")
    born = git(folder, "rev-parse", "--quiet", "--verify", "HEAD").code == 0
    return Repository(top=Path(top), shallow=shallow == "true", born=born)


def tracked(folder: Path) -> Answer:
    """The files below a folder that are in the index."""
    return git(folder, "ls-files", "-z", "--cached")


def untracked(folder: Path) -> Answer:
    """The other files below a folder that no .gitignore excludes."""
    return git(folder, "ls-files", "-z", "--others", "--exclude-standard")


def unignored_without_repository(folder: Path) -> Answer:
    """The files below a folder that no .gitignore excludes, where there is no repository."""
    with tempfile.TemporaryDirectory(prefix="tidegate-") as empty:
        made = git(Path(empty), "init", "--quiet", "--bare", ".")
        if made.code != 0:
            return made
        return git(
            folder, f"--git-dir={empty}", f"--work-tree={folder}", "ls-files", "-z", "--others", "--exclude-standard"
        )
