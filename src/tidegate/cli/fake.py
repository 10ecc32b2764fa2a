"""`tidegate fake`: the fake Claude from the command line."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tidegate.cli.screen import say, write
from tidegate.fake.errors import BadScriptError
from tidegate.fake.server import serve
from tidegate.fake.settings import Settings
from tidegate.model.errors import ConfigError, TidegateError
