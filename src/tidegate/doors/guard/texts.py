"""What people read: the built-in catalogue with its titles, and the operator's own over it."""

from functools import lru_cache
from importlib import resources
from pathlib import Path

from tidegate.assemble import load_texts
from tidegate.model.errors import ConfigError
from tidegate.model.texts import Texts, parse_texts


@lru_cache(maxsize=16)
def catalogue(path: Path | None) -> Texts:
    """The built-in texts, under those of the file; raises ConfigError."""
    titles = (resources.files("tidegate.doors.guard") / "titles.toml").read_bytes()
    built_in = {**load_texts(), **parse_texts(titles)}
    if path is None:
        return built_in
    try:
        return {**built_in, **parse_texts(path.read_bytes())}
    except OSError as error:
        raise ConfigError(f"texts = {str(path)!r} cannot be read: {error.strerror or 'I/O error'}") from None
    except ValueError as error:
        raise ConfigError(f"texts = {str(path)!r}: {error}") from None


class _InUse:
    """What `friendly` speaks when it is not told: the texts of the guard that last named some."""

    path: Path | None = None


def use(path: Path) -> None:
    """From here on these are the texts of this process."""
    _InUse.path = path


def in_use() -> Texts:
    """The texts of this process; raises ConfigError."""
    return catalogue(_InUse.path)
