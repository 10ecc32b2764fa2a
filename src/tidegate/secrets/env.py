"""Secrets in the environment: `env://NAME`, or the file that the variable NAME_FILE names."""

import re
from collections.abc import Mapping
from pathlib import Path

from tidegate.model.errors import ConfigError
from tidegate.secrets import file
from tidegate.secrets.secret import Secret

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def read(rest: str, environ: Mapping[str, str]) -> Secret:
    """The secret of `env://NAME`; raises ConfigError, which names the variable and what to do."""
    origin = f"env://{rest}"
    if not _NAME.fullmatch(rest):
        raise ConfigError("env://: write the name of a variable behind it, as in env://ANTHROPIC_API_KEY")
    value, path = environ.get(rest), environ.get(f"{rest}_FILE")
    if value and path:
        raise ConfigError(f"{origin}: {rest} and {rest}_FILE are both set; keep one")
    if path:
        return file.read_path(Path(path), f"{origin} ({rest}_FILE={path})")
    if not value or not value.strip():
        state = "is not set" if value is None else "is empty"
        raise ConfigError(
            f"{origin}: the environment variable {rest} {state}; set it, or set {rest}_FILE to the path of a file "
            "that holds the secret"
        )
    text = value.removesuffix("\n").removesuffix("\r")
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        raise ConfigError(f"{origin}: {rest} stands in quotes, which are part of its value; set it without them")
    return Secret(text, origin)
