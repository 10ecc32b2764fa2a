"""From what went wrong to one line per problem and an exit code; never a traceback for what a user can cause."""

import errno
import os
import sqlite3
import sys
from collections.abc import Callable

from tidegate.cli import exits
from tidegate.cli.screen import fail
from tidegate.model.errors import ConfigError, TidegateError


class NotFoundError(TidegateError):
    """What a command was asked about does not exist."""


def guarded(command: Callable[[], int]) -> int:
    """Run a command; whatever a user can cause is told on standard error and becomes an exit code."""
    try:
        code = command()
        sys.stdout.flush()  # here, and not at the interpreter's end, a full disk can still be told
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough, as in `tidegate usage | head`
        _close_stdout()
        return exits.FAILED
    except (TidegateError, OSError, sqlite3.Error) as error:
        lines, code = explain(error)
        for line in lines:
            fail(line)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            _close_stdout()
    return code


def explain(error: TidegateError | OSError | sqlite3.Error) -> tuple[list[str], int]:
    """The lines that tell an error, and the exit code."""
    if isinstance(error, ConfigError):
        return str(error).splitlines(), exits.USAGE
    if isinstance(error, NotFoundError):
        return [str(error)], exits.NOT_FOUND
    if isinstance(error, TidegateError):
        return str(error).splitlines(), exits.FAILED
    if isinstance(error, sqlite3.Error):
        return [f"SQLite: {error}"], exits.FAILED
    return [_system(error)], exits.FAILED


_REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EACCES: "this user may not do that; check the permissions",
    errno.EPERM: "this user may not do that; check the permissions",
    errno.EROFS: "the file system is read-only",
    errno.ENOENT: "there is no such file or folder",
    errno.EMFILE: "too many open files; raise the limit with `ulimit -n`",
    errno.EIO: "cannot be read or written; is the disk failing?",
}


def _system(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename is not None else ""
    return f"{where}{_REMEDIES.get(error.errno or 0) or error.strerror or error}"


def _close_stdout() -> None:
    """Throw away what standard output still holds, so that the interpreter's end does not complain."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError):  # closed, or not a file
        return
