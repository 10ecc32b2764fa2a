"""`tidegate scan` on real repositories, in this process; it never ends in a traceback."""

import json
import os
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from e2e.scan.planted import ENVIRON
from tidegate.cli.main import main


class Ran(NamedTuple):
    code: int
    out: str
    err: str


def scan(folder: Path, *arguments: str, environ: Mapping[str, str] = ENVIRON) -> Ran:
    """Run the command line in a folder."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        for name in os.environ.keys() - environ.keys():
            patch.delenv(name)
        for name, value in environ.items():
            patch.setenv(name, value)
        code = main(["scan", *arguments])
    return Ran(code, out.getvalue(), err.getvalue())


def document(folder: Path, *arguments: str, code: int | None = None) -> dict[str, Any]:
    """The document of a scan."""
    ran = scan(folder, "--json", *arguments)
    assert ran.code == code or code is None, ran
    assert ran.err == ""
    return dict(json.loads(ran.out))


def error(folder: Path, *arguments: str, environ: Mapping[str, str] = ENVIRON) -> str:
    """The one line of a scan that cannot be made."""
    ran = scan(folder, *arguments, environ=environ)
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.err.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")
