"""Running git, so that a repository that is read cannot make it run anything else.

Hooks, pagers, external diffs, file-system monitors and signature checks of the repository's own configuration are
off, nothing is fetched, no lock is taken, and `refs/replace` hides no object.
"""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from tidegate.checks.scan.trouble import ScanError
from tidegate.config.environment import read_environment

_OPTIONS: Final = (
    "--no-pager",
    "--no-replace-objects",
    "--no-optional-locks",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "log.showSignature=false",
    "-c",
    "log.showRoot=true",
    "-c",
    "core.quotePath=false",
    "-c",
    "protocol.allow=never",
)
_SETTINGS: Final = {"LC_ALL": "C", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
_LOCAL: Final = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
"""Set by git for its hooks: they mean the repository of the hook."""

_PIPE = 1024 * 1024
"""Bytes that git may be ahead of us; the default of 64 KB makes both wait."""

_MISSING = "git is not installed, or not on the PATH; install it, or pass --no-history to read the files alone"


class GitMissing(ScanError):  # noqa: N818 - the fact, as NotSent in model/errors.py
    """There is no git on this machine."""


class GitFailed(ScanError):  # noqa: N818 - as above
    """Git refused; the text is its own first line."""


class Git:
    """Git in one folder.  In a hook of that folder's repository, `hook` keeps what git says about it."""

    def __init__(self, folder: Path, *, hook: bool = False) -> None:
        self.folder = folder
        environ = {name: value for name, value in read_environment().items() if not name.startswith("GIT_TRACE")}
        kept = {name: value for name, value in environ.items() if hook or name not in _LOCAL}
        self._environ: Mapping[str, str] = {**kept, **_SETTINGS}

    def out(self, *arguments: str, stdin: IO[bytes] | None = None, accept: tuple[int, ...] = (0,)) -> bytes:
        """What git writes; raises GitFailed."""
        return self.both(*arguments, stdin=stdin, accept=accept)[0]

    def both(
        self, *arguments: str, stdin: IO[bytes] | None = None, accept: tuple[int, ...] = (0,)
    ) -> tuple[bytes, list[str]]:
        """What git writes, and the lines of its warnings; raises GitFailed."""
        with self.started(*arguments, stdin=stdin, stderr=subprocess.PIPE) as process:
            out, err = process.communicate()
        if process.returncode not in accept:
            raise GitFailed(f"git {arguments[0]}: {_first_line(err)}")
        return out, [_clean(line) for line in err.decode("utf-8", "replace").splitlines() if line]

    def written(self, *arguments: str, stdin: IO[bytes] | None = None) -> bytes:
        """What git could write until it met something damaged, if so: for what only tells where things are."""
        with self.started(*arguments, stdin=stdin) as process:
            return process.communicate()[0]

    @contextmanager
    def started(
        self, *arguments: str, stdin: IO[bytes] | None = None, stderr: int = subprocess.DEVNULL
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """Git as a process, whose output is read while it runs; ended when the block is left."""
        try:
            process = subprocess.Popen(  # noqa: S603 - a list, no shell
                ["git", *_OPTIONS, *arguments],  # noqa: S607 - the git that the user would run
                cwd=self.folder,
                env=self._environ,
                stdin=stdin or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                pipesize=_PIPE,
            )
        except FileNotFoundError:
            if not self.folder.is_dir():
                raise ScanError(f"{self.folder}: there is no such folder") from None
            raise GitMissing(_MISSING) from None
        try:
            yield process
        finally:
            _end(process)


def _end(process: "subprocess.Popen[Any]") -> None:
    if process.poll() is None:
        process.kill()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    process.wait()


def _first_line(err: bytes) -> str:
    lines = err.decode("utf-8", "replace").strip().splitlines() or ["it failed and said nothing"]
    line = next((one for one in lines if one.startswith("fatal: ")), lines[0])
    return _clean(line.removeprefix("fatal: ").removeprefix("error: "))


def _clean(line: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in line)
