"""Secrets in files: `file:///run/secrets/anthropic`, as Docker, Kubernetes and systemd mount them."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from tidegate.model.errors import ConfigError
from tidegate.secrets.secret import Secret

LARGEST = 64 * 1024
"""Bytes; what is larger is not a secret but a mistaken path."""

_MOUNTED = ("/run/secrets/", "/var/run/secrets/", "/etc/secrets/")
"""Where platforms mount secrets for one container alone, readable by everybody in it."""


def read(rest: str, environ: Mapping[str, str]) -> Secret:  # noqa: ARG001 - every source has the same two arguments
    """The secret of `file:///path`; raises ConfigError."""
    if not rest.startswith("/"):
        raise ConfigError(f"file://{rest}: write three slashes and an absolute path, as in file:///run/secrets/name")
    return read_path(Path(unquote(rest)), f"file://{rest}")


def read_path(path: Path, origin: str) -> Secret:
    """The secret in a file, without one newline at its end; raises ConfigError, which begins with `origin`."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
            mode = os.fstat(file.fileno()).st_mode
    except FileNotFoundError:
        raise ConfigError(f"{origin}: there is no such file") from None
    except IsADirectoryError:
        raise ConfigError(f"{origin}: this is a directory; name the file in it") from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a valid path"
        raise ConfigError(f"{origin}: cannot be read: {reason}") from None
    return Secret(_text(raw, origin), origin, _openness(path, mode, origin))


def _text(raw: bytes, origin: str) -> str:
    if len(raw) > LARGEST:
        raise ConfigError(f"{origin}: larger than 64 KB: this is not a secret")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{origin}: not UTF-8 text") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise ConfigError(f"{origin}: the file is empty")
    return text


def _openness(path: Path, mode: int, origin: str) -> tuple[str, ...]:
    mounted = str(path).startswith(_MOUNTED) or (path.parent / "..data").is_symlink()  # the latter is Kubernetes' mark
    if mounted or not stat.S_ISREG(mode) or not mode & stat.S_IROTH:
        return ()
    return (f"{origin} can be read by every user of this machine; `chmod 600` closes it.",)
