"""The options of `tidegate check`."""

from pathlib import Path
from typing import Annotated, Final

import typer

from tidegate.checks.formats.table import FORMATS
from tidegate.checks.outcome import LEVELS
from tidegate.checks.profiles import PROFILES

_WORDS: Final = "An id (TG502) or a point (TG5); repeatable."

Target = Annotated[Path, typer.Argument(metavar="PATH", help="A folder, or one file.", show_default=False)]
ProfileName = Annotated[str, typer.Option("--profile", help=", ".join(PROFILES) + ".")]
Format = Annotated[str, typer.Option("--format", help=", ".join(FORMATS) + ".")]
Only = Annotated[list[str] | None, typer.Option("--only", metavar="ID", help=_WORDS)]
Skip = Annotated[list[str] | None, typer.Option("--skip", metavar="ID", help=_WORDS)]
FailOn = Annotated[str, typer.Option("--fail-on", help=f"What makes the exit code 10 or more: {', '.join(LEVELS)}.")]
Baseline = Annotated[
    Path | None, typer.Option("--baseline", metavar="FILE", help="A report in JSON; what is in it does not count.")
]
Mend = Annotated[bool, typer.Option("--fix", help="Make the changes that cannot break anything, and show them.")]
NoHistory = Annotated[bool, typer.Option("--no-history", help="Do not read git's history.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every pass.")]
Listing = Annotated[bool, typer.Option("--list", help="List the checks and end.")]

ReceiptFile = Annotated[
    Path | None,
    typer.Option(
        "--receipt",
        metavar="FILE",
        help="The receipt of the target.  Profile boot writes it there instead of showing it; the others read it from "
        "there instead of from tidegate-receipt.json.",
    ),
]
AdminKey = Annotated[
    str,
    typer.Option("--admin-key", metavar="URI", help="Where profile live finds the Admin key; never the key itself."),
]
AdminUrl = Annotated[str, typer.Option("--admin-url", metavar="URL", help="Where profile live asks.")]
Attest = Annotated[
    str | None,
    typer.Option("--attest", metavar="ID", help="Vouch for what cannot be told, in tidegate-check.toml, and end."),
]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="With --attest: who vouches for it.")]
Until = Annotated[
    str | None, typer.Option("--until", metavar="DATE", help="With --attest: the last day; else in 90 days.")
]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="With --attest: what was seen, and where.")]
