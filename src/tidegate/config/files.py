"""The files of a configuration: which tidegate.toml, what is in it, and the `.env` beside it."""

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream
from msgspec import Struct

from tidegate.config.locate import lines_of
from tidegate.model.errors import ConfigError

FILE_NAME = "tidegate.toml"
LARGEST = 1024 * 1024
"""Bytes; a configuration is thousands of them, and a mistaken path to something huge should fail fast."""

_WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

_PLAIN_REASONS = (
    (re.compile("Invalid value"), 'this is not a TOML value; texts need quotes, as in host = "127.0.0.1"'),
    (re.compile("Unterminated string|Illegal character '.n'"), "a text is not closed with a quote"),
    (re.compile("Unclosed array"), "a list is not closed with ]"),
    (re.compile("Cannot overwrite a value|Duplicate inline table key"), "this name stands here twice"),
    (re.compile(r"Cannot declare .* twice"), "this table stands here twice"),
    (re.compile("Cannot mutate immutable namespace"), "this table was closed above"),
)
"""tomllib's reasons that a reader may not understand."""


class ConfigFile(Struct, frozen=True):
    """A configuration file that was found; `name` is how messages call it."""

    path: Path
    name: str


class EnvFile(Struct, frozen=True):
    """What a `.env` holds, with the line of each name."""

    name: str
    values: Mapping[str, str]
    lines: Mapping[str, int]


def find(path: Path | None, environ: Mapping[str, str], directory: Path) -> ConfigFile | None:
    """The file that was asked for, else that of TIDEGATE_CONFIG, else ./tidegate.toml if there is one."""
    asked = path if path is not None else environ.get("TIDEGATE_CONFIG") or None
    if asked is None:
        there = directory / FILE_NAME
        return ConfigFile(there, FILE_NAME) if _is_there(there) else None
    name = str(asked)
    if not _is_there(directory / asked):
        asker = "" if path is not None else "TIDEGATE_CONFIG: "
        raise ConfigError(f"{asker}there is no file {name}; `tidegate init` writes a {FILE_NAME}")
    return ConfigFile(directory / asked, name)


def is_file(path: Path) -> bool:
    """Whether this is a file that can be looked at; pathlib's own test raises in a folder that is closed to us."""
    try:
        return path.is_file()
    except OSError:
        return False


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # closed to us: reading it tells the reason
        return True


def read_text(path: Path, name: str) -> str:
    """The file's text; a byte order mark and carriage returns are taken off."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except IsADirectoryError:
        raise ConfigError(f"{name}: this is a directory, not a file") from None
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror or 'I/O error'}") from None
    if len(raw) > LARGEST:
        raise ConfigError(f"{name}: larger than 1 MB: this is not a configuration")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}:{line}: not UTF-8 text; save the file as UTF-8") from None


def read_toml(text: str, name: str) -> tuple[dict[str, Any], Mapping[tuple[str | int, ...], int]]:
    """The tree of a TOML text and the line of every path in it; numbers with a point are exact Decimals."""
    try:
        return tomllib.loads(text, parse_float=Decimal), lines_of(text)
    except RecursionError:
        raise ConfigError(f"{name}: nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax(str(error), text, name)) from None
    except ValueError:
        raise ConfigError(f"{name}: not valid TOML: a number has too many digits") from None


def _syntax(error: str, text: str, name: str) -> str:
    found = _WHERE.search(error)
    reason = error[: found.start()] if found else error
    plain = next((words for pattern, words in _PLAIN_REASONS if pattern.match(reason)), None)
    if found and found[1]:
        place = f"{found[1]}:{found[2]}"
    else:
        written = text.rstrip("\n").split("\n")
        place = f"{len(written)}:{len(written[-1]) + 1}"
        plain = "the file ends in the middle of a value" if reason == "Invalid value" else plain
    return f"{name}:{place}: not valid TOML: {plain or reason[:1].lower() + reason[1:]}"


def read_env_file(path: Path, name: str) -> EnvFile:
    """The names and values of a `.env`.

    python-dotenv's parser is used below its `dotenv_values`, which only logs a line that it cannot read, tells no
    line numbers, and puts os.environ into `${…}`; here a `$` in a value is a dollar sign.
    """
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    for binding in parse_stream(StringIO(read_text(path, name))):
        written = binding.original.string
        line = binding.original.line + written[: len(written) - len(written.lstrip())].count("\n")
        if binding.error:
            raise ConfigError(f"{name}:{line}: not a line of the form NAME=value")
        if binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
            lines[binding.key] = line
    return EnvFile(name, values, lines)
