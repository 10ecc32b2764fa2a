"""Files: which is read, and the line for each that cannot be."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tidegate.config.files import ConfigFile, find, is_file, read_env_file, read_text, read_toml
from tidegate.model.errors import ConfigError

Wrong = Callable[..., list[str]]

SYNTAX = [
    (
        "[gateway]\nhost = localhost",
        '2:8: not valid TOML: this is not a TOML value; texts need quotes, as in host = "127.0.0.1"',
    ),
    ("[gateway]\nport =", "2:7: not valid TOML: the file ends in the middle of a value"),
    ("a = [1,\n", "1:8: not valid TOML: the file ends in the middle of a value"),
    ('a = "x\nb = 1', "1:7: not valid TOML: a text is not closed with a quote"),
    ('a = """x', "1:9: not valid TOML: a text is not closed with a quote"),
    ("a = 1\na = 2\n", "2:6: not valid TOML: this name stands here twice"),
    ("[a]\n[a]\n", "2:3: not valid TOML: this table stands here twice"),
    ("a = {b=1}\na.c = 2\n", "2:8: not valid TOML: this table was closed above"),
]


@pytest.mark.parametrize(("text", "line"), SYNTAX)
def test_syntax_errors_have_line_and_column(text: str, line: str, wrong: Wrong) -> None:
    assert wrong(text) == [f"tidegate.toml:{line}"]


@pytest.mark.parametrize("text", ["x", "a b = 1", "= 1", "[gateway", "a = 1 b = 2"])
def test_every_syntax_error_has_a_place(text: str, wrong: Wrong) -> None:
    (line,) = wrong(text)
    assert line.startswith("tidegate.toml:1:")
    assert ": not valid TOML: " in line


def test_absurd_toml(wrong: Wrong) -> None:
    assert wrong("a = " + "[" * 5000) == ["tidegate.toml: nested too deeply"]
    assert wrong("a = " + "9" * 5000) == ["tidegate.toml: not valid TOML: a number has too many digits"]


def test_which_file(tmp_path: Path) -> None:
    assert find(None, {}, tmp_path) is None
    (tmp_path / "tidegate.toml").touch()
    (tmp_path / "other.toml").touch()
    assert find(None, {"TIDEGATE_CONFIG": ""}, tmp_path) == ConfigFile(tmp_path / "tidegate.toml", "tidegate.toml")
    asked = {"TIDEGATE_CONFIG": "other.toml"}
    assert find(None, asked, tmp_path) == ConfigFile(tmp_path / "other.toml", "other.toml")
    path = tmp_path / "tidegate.toml"
    assert find(path, asked, Path("/elsewhere")) == ConfigFile(path, str(path))


def test_a_file_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find(Path("x.toml"), {}, tmp_path)
    assert str(caught.value) == "there is no file x.toml; `tidegate init` writes a tidegate.toml"
    with pytest.raises(ConfigError) as caught:
        find(None, {"TIDEGATE_CONFIG": "x.toml"}, tmp_path)
    assert str(caught.value) == "TIDEGATE_CONFIG: there is no file x.toml; `tidegate init` writes a tidegate.toml"


def test_what_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "x"
    with pytest.raises(ConfigError, match=r"^x: this is a directory, not a file$"):
        read_text(tmp_path, "x")
    with pytest.raises(ConfigError, match=r"^x: cannot be read: No such file or directory$"):
        read_text(file, "x")
    file.write_bytes(b"a = 1\n\xff")
    with pytest.raises(ConfigError, match=r"^x:2: not UTF-8 text; save the file as UTF-8$"):
        read_text(file, "x")
    file.write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(ConfigError, match=r"^x: larger than 1 MB: this is not a configuration$"):
        read_text(file, "x")


def as_somebody(read: Callable[[], object]) -> None:
    """Read without root's rights, because root may read everything."""
    user = os.geteuid()
    os.seteuid(user or 65534)
    try:
        read()
    finally:
        os.seteuid(user)


def test_what_may_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.touch(mode=0)
    with pytest.raises(ConfigError, match=r"^x: cannot be read: Permission denied$"):
        as_somebody(lambda: read_text(file, "x"))


def test_a_folder_that_is_closed_to_us(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)

    def look() -> None:
        assert find(Path("closed/x.toml"), {}, tmp_path) is not None
        assert not is_file(closed / ".env")

    as_somebody(look)


def test_texts_of_other_systems(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"\xef\xbb\xbf[gateway]\r\nport = 1\r\n")
    tree, lines = read_toml(read_text(file, "x"), "x")
    assert tree == {"gateway": {"port": 1}}
    assert lines[("gateway", "port")] == 2


def test_env_files(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# note\nexport A=1\n\nB='two $HOME ${A}'\nC=\nD\n")
    found = read_env_file(file, ".env")
    assert found.values == {"A": "1", "B": "two $HOME ${A}", "C": ""}
    assert found.lines == {"A": 2, "B": 4, "C": 5}
    file.write_text("A=1\nB='x\n")
    with pytest.raises(ConfigError, match=r"^\.env:2: not a line of the form NAME=value$"):
        read_env_file(file, ".env")
