"""Whether the target can write tidegate's store and ledger.

Rules
1. Nothing is left behind: a file that is not there is not made, because who checks may be another user than who runs.
2. A file that is there is locked for writing, and let go.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from tidegate.checks.verdict import Verdict, failed, passed, unknown, warned
from tidegate.config.settings import Settings
from tidegate.config.urls import sqlite_path
from tidegate.databases.sqlite import explain

_PATIENCE: Final = 5.0
"""Seconds to wait for another process's transaction."""


def look(settings: Settings, sign: str | None) -> tuple[Verdict, ...]:
    """What is to be said about store and ledger; `sign` is the platform's variable."""
    return tuple(_look(settings, sign))


def _look(settings: Settings, sign: str | None) -> Iterator[Verdict]:
    seen: set[Path] = set()
    for what, url in (("store", settings.store.url), ("ledger", settings.ledger.url)):
        if url.startswith("memory:"):
            text = f"The {what} forgets everything when the process ends, and no other process sees it."
            yield warned(None, text, fix=f'Set [{what}] url = "sqlite:////data/tidegate.db".')
        elif not url.startswith("sqlite:"):
            yield unknown(f"the {what} is of a kind that is not looked at", supply="a person who looked: --attest")
        else:
            path = sqlite_path(url, settings.directory).resolve()
            if path not in seen:
                seen.add(path)
                yield _file(what, path, sign)


def _file(what: str, path: Path, sign: str | None) -> Verdict:
    trouble = _locked(path) if _exists(path) else _no_room(path.parent)
    if trouble:
        fix = "Mount a folder there that the program's user may write, or set another url."
        return failed(None, f"The {what} cannot be written: {trouble}.", fix=fix)
    if sign not in {None, "TIDEGATE_ENV"} and _on_system_disk(path.parent):
        text = f"The {what} lies on the disk of the image, which is gone after the next deploy."
        return warned(None, text, fix="Mount a volume and set the url to a path on it.")
    return passed(f"the {what} can be written", "live")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return True  # closed to us: opening it tells the reason


def _locked(path: Path) -> str:
    """Why a file cannot be locked for writing; "" where it can."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE)) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("ROLLBACK")
    except sqlite3.Error as error:
        return explain(path, error)
    return "" if os.access(path, os.W_OK) else f"{path} is read-only"


def _no_room(folder: Path) -> str:
    """Why no file can be made in a folder; "" where one can."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return f"{folder}: {error.strerror or 'no file can be made'}"


def _on_system_disk(folder: Path) -> bool:
    try:
        return folder.stat().st_dev == Path("/").stat().st_dev
    except OSError:
        return False
