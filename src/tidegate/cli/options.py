"""Options that several commands share, and the settings behind them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.config.environment import read_environment
from tidegate.config.load import load
from tidegate.config.settings import Settings
from tidegate.config.urls import sqlite_path
from tidegate.model.errors import ConfigError
from tidegate.model.labels import is_label

if TYPE_CHECKING:
    from tidegate.databases.sqlite import BlockingFile

Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The configuration. Default: TIDEGATE_CONFIG, else ./tidegate.toml."),
]
Json = Annotated[bool, typer.Option("--json", help="Write one JSON document to standard output, and nothing else.")]


def load_settings(config: Path | None, overrides: Mapping[str, object] | None = None) -> Settings:
    """The settings of this run; raises ConfigError."""
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise ConfigError("the working directory is gone; change into another one") from None
    return load(config, environ=read_environment(), directory=here, overrides=overrides)


def ledger_path(settings: Settings) -> Path:
    """Where the ledger's file is or would be."""
    return sqlite_path(settings.ledger.url, settings.directory).resolve()


@contextmanager
def ledger_file(settings: Settings) -> Iterator["BlockingFile"]:
    """The ledger's file with all its tables, made when there is none; raises ConfigError."""
    from tidegate.assemble import open_ledger  # noqa: PLC0415 - imports the whole gateway; `init` needs none of it
    from tidegate.ledgers.sqlite import SqliteLedger  # noqa: PLC0415 - as above

    file = open_ledger(settings)
    try:
        SqliteLedger(file)  # brings the tables up to date
        yield file
    finally:
        file.close()


@contextmanager
def existing_ledger_file(settings: Settings) -> "Iterator[BlockingFile | None]":
    """As `ledger_file`, but reading must not make a file: None when there is none."""
    if settings.ledger.url.startswith("sqlite:") and not ledger_path(settings).exists():
        yield None
    else:
        with ledger_file(settings) as file:
            yield file


def check_labels(option: str, values: list[str]) -> tuple[str, ...]:
    """The values, each once; raises typer.BadParameter for what cannot be kept as a label."""
    for value in values:
        if not is_label(value):
            raise typer.BadParameter(
                f"{value!r}: use at most 128 of the characters A-Z a-z 0-9 . _ : @ / -", param_hint=option
            )
    return tuple(dict.fromkeys(values))
