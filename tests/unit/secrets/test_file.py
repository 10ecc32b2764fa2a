"""Secrets in files."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tidegate.model.errors import ConfigError
from tidegate.secrets import file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "a secret"
    found.touch(mode=0o600)
    return found


@pytest.mark.parametrize(
    ("raw", "secret"),
    [
        (b"x", "x"),
        (b"x\n", "x"),
        (b"x\r\n", "x"),
        (b"x\n\n", "x\n"),
        (b" x ", " x "),
        (b"\xef\xbb\xbfx", "x"),
        ("ä".encode(), "ä"),
    ],
)
def test_one_newline_at_the_end_goes(raw: bytes, secret: str, path: Path) -> None:
    path.write_bytes(raw)
    found = file.read(str(path), {})
    assert (found.reveal(), found.origin, found.notices) == (secret, f"file://{path}", ())


def test_percent_signs_are_undone(path: Path) -> None:
    path.write_text("x")
    assert file.read(str(path).replace(" ", "%20"), {}).reveal() == "x"


def test_what_cannot_be_read(path: Path) -> None:
    def line(rest: str) -> str:
        with pytest.raises(ConfigError) as caught:
            file.read(rest, {})
        return str(caught.value)

    assert line("run/x") == "file://run/x: write three slashes and an absolute path, as in file:///run/secrets/name"
    assert line("/none/x") == "file:///none/x: there is no such file"
    assert line(str(path.parent)) == f"file://{path.parent}: this is a directory; name the file in it"
    assert line("/a%00b") == "file:///a%00b: cannot be read: not a valid path"
    assert line(str(path)) == f"file://{path}: the file is empty"
    path.write_text("\n")
    assert line(str(path)) == f"file://{path}: the file is empty"
    path.write_bytes(b"\xff")
    assert line(str(path)) == f"file://{path}: not UTF-8 text"
    path.write_bytes(b"x" * (64 * 1024 + 1))
    assert line(str(path)) == f"file://{path}: larger than 64 KB: this is not a secret"


def as_somebody(read: Callable[[], object]) -> None:
    """Read without root's rights, because root may read everything."""
    user = os.geteuid()
    os.seteuid(user or 65534)
    try:
        read()
    finally:
        os.seteuid(user)


def test_what_may_not_be_read(path: Path) -> None:
    path.chmod(0)
    with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
        as_somebody(lambda: file.read(str(path), {}))


def test_a_file_open_to_everybody_is_said(path: Path) -> None:
    path.write_text("x")
    path.chmod(0o644)
    assert file.read(str(path), {}).notices == (
        f"file://{path} can be read by every user of this machine; `chmod 600` closes it.",
    )
    (path.parent / "..data").symlink_to(path.parent)
    assert file.read(str(path), {}).notices == ()
