"""Loading a configuration that a test writes as text."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tidegate.config.load import load
from tidegate.config.settings import Settings
from tidegate.model.errors import ConfigError

Load = Callable[..., Settings]
Wrong = Callable[..., list[str]]


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    """Settings of a tidegate.toml with this text (None: no file)."""

    def run(
        text: str | None = None,
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[str, object] | None = None,
        env_file: str | None = None,
    ) -> Settings:
        if text is not None:
            (tmp_path / "tidegate.toml").write_text(text, "utf-8")
        if env_file is not None:
            (tmp_path / ".env").write_text(env_file, "utf-8")
        return load(environ=environ or {}, directory=tmp_path, overrides=overrides)

    return run


@pytest.fixture
def wrong(load_text: Load) -> Wrong:
    """The lines of the ConfigError that such a configuration raises."""

    def run(
        text: str | None = None,
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[str, object] | None = None,
        env_file: str | None = None,
    ) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load_text(text, environ, overrides, env_file)
        return str(caught.value).split("\n")

    return run
