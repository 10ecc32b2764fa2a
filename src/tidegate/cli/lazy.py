"""Commands that are imported when they are run: `tidegate --help` must not wait for what it does not use."""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

_PLAIN: dict[str, Any] = {"rich_markup_mode": None, "add_completion": False}
"""Rich help takes half a second to import, and plain help can be copied and searched."""


class Entry(NamedTuple):
    """One command: where its function is, and the first line of its docstring for the overview."""

    name: str
    place: str
    """`module:function` below `tidegate.cli`."""
    help: str

    def command(self) -> "Lazy":
        """The command, its module still unread."""
        return Lazy(self)


class Group(NamedTuple):
    """Commands under a common name."""

    name: str
    help: str
    entries: tuple[Entry, ...]

    def command(self) -> TyperGroup:
        """The group with its commands."""
        return make_group(self.name, self.help, _nothing, self.entries)


class Lazy(TyperCommand):
    """Stands for a command in overviews, and becomes it when it is run."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name, short_help=entry.help, rich_markup_mode=None)
        self._entry = entry

    def make_context(self, *args: Any, **extra: Any) -> Any:  # the real command's context, so that it is what runs
        """Import the command and let it read its arguments."""
        return self.real().make_context(*args, **extra)

    def real(self) -> Any:
        """The command itself."""
        module, _, name = self._entry.place.partition(":")
        app = typer.Typer(**_PLAIN)
        app.command(self._entry.name)(getattr(import_module(f"tidegate.cli.{module}"), name))
        return typer.main.get_command(app)


def make_group(name: str, help_text: str, callback: Callable[..., Any], entries: Iterable[Entry | Group]) -> TyperGroup:
    """A group whose own options `callback` declares."""
    app = typer.Typer(**_PLAIN, no_args_is_help=True)
    app.callback(help=help_text)(callback)
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    group.name = name
    for entry in entries:
        group.add_command(entry.command(), entry.name)
    return group


def _nothing() -> None:
    """A group without options of its own."""
