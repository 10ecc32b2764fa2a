"""`tidegate fake`: the fake Claude from the command line."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from tidegate.cli.children import FAKE_KEY
from tidegate.cli.listening import explain_address
from tidegate.cli.screen import say, write
from tidegate.fake.script import Playing, load_script
from tidegate.fake.server import serve
from tidegate.model.errors import ConfigError
from tidegate.system.files import raise_open_files

_FEW = 4096 + 64
"""Files: less is worth a line."""


def fake(
    host: Annotated[str, typer.Option("--host", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes any free port.")] = 0,
    script: Annotated[
        Path | None, typer.Option("--script", metavar="FILE", help="Rules in TOML or JSON: what breaks, and when.")
    ] = None,
    books: Annotated[
        Path | None, typer.Option("--books", metavar="FILE", help="Append every attempt to this JSONL file.")
    ] = None,
) -> None:
    """Run the fake Claude: a Claude API that costs nothing."""
    if script is not None:
        _check(script)
    files = raise_open_files()
    try:
        serve(host=host, port=port, script=script, books=books, say=lambda line: _ready(line, files))
    except OSError as error:
        raise explain_address(host, port, error) from None


def _check(script: Path) -> None:
    """Read the script once before anything is bound; raises ConfigError."""
    try:
        Playing(load_script(script), 0)
    except (ValueError, msgspec.MsgspecError) as error:
        raise ConfigError(f"{script}: {error}") from None


def _ready(line: str, files: int | None) -> None:
    write(line)
    sys.stdout.flush()  # whoever started it through a pipe waits for this line
    address = line.rpartition(" ")[2]
    say(f"Use it with ANTHROPIC_BASE_URL={address} and ANTHROPIC_API_KEY={FAKE_KEY} (any sk-ant-… will do).")
    say("`python -m pydoc tidegate.fake` explains scripts and orders.  Ctrl-C ends it.")
    if files is not None and files < _FEW:
        say(f"It may open {files:,} files, and every connection is one: raise the hard limit (ulimit -Hn) for more.")
