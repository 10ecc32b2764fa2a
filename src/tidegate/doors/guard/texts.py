"""The language of this process: which catalogue `friendly` speaks when it is not told."""

from pathlib import Path

from tidegate.assemble import load_texts
from tidegate.model.texts import Texts


class _InUse:
    """What `friendly` speaks when it is not told: the texts of the guard that last named some."""

    path: Path | None = None


def use(path: Path) -> None:
    """From here on these are the texts of this process."""
    _InUse.path = path


def in_use() -> Texts:
    """The texts of this process; raises ConfigError."""
    return load_texts(_InUse.path)
