"""What commands write: documents and tables to standard output, words to standard error."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 200
"""Columns of a table that goes into a file or a pipe."""


def write(text: str = "") -> None:
    """A line on standard output."""
    sys.stdout.write(f"{text}\n")


def say(text: str = "") -> None:
    """A line on standard error, at once."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def note(text: str) -> None:
    """Something worth knowing."""
    say(f"{_coloured('note:', '33')} {text}")


def fail(text: str) -> None:
    """Something that is wrong."""
    say(f"{_coloured('error:', '31')} {text}")


def _coloured(text: str, colour: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if sys.stderr.isatty() else text


def write_json(document: Any) -> None:
    """The one document of a run with `--json`."""
    import msgspec  # noqa: PLC0415 - `tidegate --help` must not wait for it

    write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def write_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    foot: Sequence[str] = (),
    text: int = 1,
    whole: Sequence[str] = (),
) -> None:
    """A table: the first `text` columns are text, the others numbers.

    On a narrow terminal text is folded, but for the columns named in `whole`.  An empty `title` draws none.
    """
    from rich import box  # noqa: PLC0415 - Rich is slow to import, and most runs draw nothing
    from rich.table import Table  # noqa: PLC0415 - as above

    table = Table(
        title=title or None, title_justify="left", box=box.SIMPLE_HEAD, show_footer=bool(foot), pad_edge=False
    )
    for number, column in enumerate(columns):
        last = foot[number] if foot else ""
        if number < text:
            table.add_column(column, last, overflow="fold", no_wrap=column in whole)
        else:
            table.add_column(column, last, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    out_console().print(table)


def out_console() -> "Console":
    """Rich on standard output; away from a terminal a line is as wide as it needs to be."""
    return _console(sys.stdout, stderr=False)


def err_console() -> "Console":
    """Rich on standard error."""
    return _console(sys.stderr, stderr=True)


def _console(stream: Any, *, stderr: bool) -> "Console":
    from rich.console import Console  # noqa: PLC0415 - Rich is slow to import, and most runs draw nothing

    console = Console(stderr=stderr, highlight=False)
    if not stream.isatty() and not console.is_terminal:
        console = Console(stderr=stderr, highlight=False, width=_WIDE)
    return console


def _plain(cell: str) -> str:
    from rich.markup import escape  # noqa: PLC0415 - Rich is slow to import, and most runs draw nothing

    return escape(cell)
