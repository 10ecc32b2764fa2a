"""The table of commands, help, and exit codes of wrong usage."""

import inspect
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version

import pytest

from tidegate.cli import exits
from tidegate.cli.lazy import Entry, Group
from tidegate.cli.main import COMMANDS
from unit.cli.conftest import Cli

ENTRIES = [entry for one in COMMANDS for entry in ([one] if isinstance(one, Entry) else one.entries)]

HEAVY = ("msgspec", "rich", "sqlite3", "uvloop", "uvicorn", "structlog", "tidegate.assemble", "tidegate.config")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_overview_says_what_the_command_says(entry: Entry) -> None:
    module, _, name = entry.place.partition(":")
    function = getattr(import_module(f"tidegate.cli.{module}"), name)
    assert (inspect.getdoc(function) or "").splitlines()[0] == entry.help


def test_help_imports_nothing_that_takes_time() -> None:
    code = "import sys; from tidegate.cli.main import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ran.stderr.split())
    assert "typer" in loaded
    assert [name for name in HEAVY if name in loaded and name != "sqlite3"] == []
    for entry in COMMANDS:
        assert f"  {entry.name} " in ran.stdout


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_command_has_help(cli: Cli, entry: Entry | Group) -> None:
    ran = cli(entry.name, "--help")
    assert ran.code == exits.OK
    assert ran.out.startswith(f"Usage: tidegate {entry.name}")
    assert ran.err == ""


def test_version(cli: Cli) -> None:
    assert cli("--version") == (exits.OK, f"tidegate {version('tidegate')}\n", "")


@pytest.mark.parametrize(
    "arguments", [("serv",), ("keys", "make"), ("usage", "--sinse", "7d"), ("keys", "create"), ("demo", "--calls", "0")]
)
def test_wrong_usage_ends_with_2_and_says_so_on_standard_error(cli: Cli, arguments: tuple[str, ...]) -> None:
    ran = cli(*arguments)
    assert ran.code == exits.USAGE
    assert ran.out == ""
    assert "Error: " in ran.err
    assert "Traceback" not in ran.err


def test_a_mistyped_command_is_guessed(cli: Cli) -> None:
    assert "Did you mean 'serve'?" in cli("serv").err


@pytest.mark.parametrize("name", ["tune", "drill", "doctor", "deploy", "reconcile"])
def test_what_is_not_built_does_not_exist(cli: Cli, name: str) -> None:
    assert cli(name).code == exits.USAGE
    assert f"  {name} " not in cli("--help").out
