"""From errors to lines and exit codes."""

import errno
import sqlite3

import pytest

from tidegate.cli import exits
from tidegate.cli.failures import NotFoundError, guarded
from tidegate.model.errors import ConfigError, StoreDown


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (ConfigError("a.toml:1: one\na.toml:2: two"), exits.USAGE, "error: a.toml:1: one\nerror: a.toml:2: two\n"),
        (StoreDown("locked"), exits.FAILED, "error: locked\n"),
        (NotFoundError("no such key"), exits.NOT_FOUND, "error: no such key\n"),
        (sqlite3.OperationalError("no such table"), exits.FAILED, "error: SQLite: no such table\n"),
        (OSError(errno.EACCES, "x", "f"), exits.FAILED, "error: f: this user may not do that; check the permissions\n"),
        (OSError(errno.ECONNRESET, "Connection reset"), exits.FAILED, "error: Connection reset\n"),
        (KeyboardInterrupt(), exits.INTERRUPTED, ""),
    ],
)
def test_what_a_user_can_cause(capsys: pytest.CaptureFixture[str], error: BaseException, code: int, told: str) -> None:
    def command() -> int:
        raise error

    assert guarded(command) == code
    assert capsys.readouterr() == ("", told)


def test_a_bug_stays_a_traceback() -> None:
    def command() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        guarded(command)
