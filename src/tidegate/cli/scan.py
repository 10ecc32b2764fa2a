"""`tidegate scan`: credentials of Claude and app keys, in files, in the index and in the whole history."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tidegate.checks.scan.results import Progress, ScanResult
from tidegate.checks.scan.run import UNPACK
from tidegate.checks.scan.run import scan as scan_folder
from tidegate.checks.scan.trouble import ScanError
from tidegate.cli import exits
from tidegate.cli.options import Json
from tidegate.cli.screen import err_console, fail, write, write_json

if TYPE_CHECKING:
    from rich.progress import TaskID

CODES: Final = {"clean": exits.OK, "found": 1, "unknown": 4}
"""What the exit code says; 2 is wrong usage, and what cannot be scanned at all."""

FORMATS: Final = ("text", "json", "sarif")

_COLOURS = {"bad": "31", "warn": "33", "good": "32", "dim": "2", "bold": "1"}
_DOING = {"files": "Reading files", "staged": "Reading what is staged", "history": "Reading the history"}
_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
_EVERY = 0.05
"""Seconds between two looks of the progress bar."""


Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="PATH",
        help="A repository; or files and folders, whose history is not read.  Default: the repository here.",
        show_default=False,
    ),
]
Staged = Annotated[bool, typer.Option("--staged", help="Only what the next commit would add: for a hook.")]
NoHistory = Annotated[bool, typer.Option("--no-history", help="Only files, and what is staged.")]
History = Annotated[bool, typer.Option("--history", help="Read the history even when PATHs are named.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Read every object again, and remember nothing.")]
Imports = Annotated[
    list[Path] | None,
    typer.Option("--import", metavar="FILE", help="A report of gitleaks or betterleaks, in JSON."),
]
Unpack = Annotated[str, typer.Option("--unpack", metavar="SIZE", help="How much one archive may unpack to, as 2GB.")]
Format = Annotated[str, typer.Option("--format", metavar="FORMAT", help="text, json or sarif.")]


def scan(
    paths: Paths = None,
    staged: Staged = False,
    no_history: NoHistory = False,
    history: History = False,
    no_cache: NoCache = False,
    imports: Imports = None,
    unpack: Unpack = "256MB",
    format_: Format = "text",
    as_json: Json = False,
) -> None:
    """Look for keys of Claude and app keys in files, in the index and in the whole history."""
    form = "json" if as_json else format_
    if form not in FORMATS:
        raise typer.BadParameter(f"{form!r} is none of {', '.join(FORMATS)}", param_hint="--format")
    if history and (no_history or staged):
        raise typer.BadParameter("keep one of --history, --no-history and --staged", param_hint="--history")
    if staged and paths:
        raise typer.BadParameter("what is staged belongs to the repository: leave out PATH", param_hint="--staged")
    size = _size(unpack)
    root, below = _target(paths or [])
    with _clear_errors(), _progress() as progress:
        result = scan_folder(
            root,
            history=history or not (no_history or below),
            staged=staged,
            paths=below,
            cache=not no_cache,
            imports=imports or (),
            unpack=size,
            progress=progress,
        )
    _show(result, form)
    raise typer.Exit(CODES[result.state])


@contextmanager
def _clear_errors() -> Iterator[None]:
    """What stops a scan is told in one line, with a code that does not look like a finding."""
    try:
        yield
    except ScanError as error:
        fail(str(error))
    except OSError as error:  # of our own temporary files
        fail(f"{error.filename or 'the scan'}: {error.strerror or error}")
    else:
        return
    raise typer.Exit(exits.USAGE)


def _target(paths: list[Path]) -> tuple[Path, list[Path]]:
    """The folder to scan, and what in it: a repository named alone is scanned as a whole."""
    if not paths:
        try:
            return Path.cwd(), []
        except FileNotFoundError:
            fail("the working directory is gone; change into another one")
            raise typer.Exit(exits.USAGE) from None
    first = paths[0]
    if len(paths) == 1 and first.is_dir() and ((first / ".git").exists() or not _in_repository(first)):
        return first, []
    folder = (first if first.is_dir() else first.parent).absolute()
    within = next((one.parent for one in (folder, *folder.parents) if one.name == ".git"), folder)
    return within, [path.absolute() for path in paths]


def _in_repository(folder: Path) -> bool:
    """True in the files of a repository; a bare one is a folder like any other here."""
    return any((one / ".git").exists() for one in folder.resolve().parents)


def _size(text: str) -> int:
    number, unit = text[:-2], text[-2:].upper()
    if not number.isdigit() or unit not in _UNITS or not int(number):
        raise typer.BadParameter(f"{text!r} is no size, as 256MB or 2GB", param_hint="--unpack")
    return int(number) * _UNITS[unit]


def _show(result: ScanResult, form: str) -> None:
    if form == "json":
        from tidegate.checks.scan.document import document  # noqa: PLC0415 - as much as is needed

        write_json(document(result))
    elif form == "sarif":
        from importlib.metadata import version  # noqa: PLC0415 - as above

        from tidegate.checks.scan.document import sarif  # noqa: PLC0415 - as above

        write_json(sarif(result, version("tidegate")))
    else:
        from tidegate.checks.scan.text import lines  # noqa: PLC0415 - as above

        coloured = sys.stdout.isatty()
        for line, style in lines(result):
            write(f"\x1b[{_COLOURS[style]}m{line}\x1b[0m" if coloured and style else line)


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """A bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn  # noqa: PLC0415 - slow to import
    from rich.progress import Progress as Bar  # noqa: PLC0415 - as above

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bar(*columns, console=err_console(), transient=True) as bar:
        tasks: dict[str, TaskID] = {}
        last = 0.0

        def tell(what: str, done: int, total: int) -> None:
            nonlocal last
            if what not in tasks:
                tasks[what] = bar.add_task(_DOING[what], total=total)
            elif not done:  # of another repository in this one
                bar.reset(tasks[what], total=total)
            now = time.monotonic()
            if now - last >= _EVERY or done == total:
                last = now
                bar.update(tasks[what], completed=done)

        yield tell


assert UNPACK == 256_000_000, "the default of --unpack says the same"
