"""`tidegate`: the table of all commands, and the one place where an error becomes a line and an exit code."""

import signal
import sys
from typing import Annotated

import typer

from tidegate.cli import exits
from tidegate.cli.failures import guarded
from tidegate.cli.lazy import Entry, Group, make_group

COMMANDS: tuple[Entry | Group, ...] = (
    Entry("init", "init:init", "Write tidegate.toml and .env into a folder; nothing that exists is touched."),
    Entry("serve", "serve:serve", "Run the gateway."),
    Entry("demo", "demo:demo", "Show everything at work: a fake Claude, a gateway and lively traffic."),
    Group(
        "keys",
        "Create, list and revoke app keys.",
        (
            Entry("create", "keys_create:create", "Create an app key and show it, once."),
            Entry("list", "keys_list:list_keys", "List the app keys; the keys themselves are not kept anywhere."),
            Entry("revoke", "keys_revoke:revoke", "Revoke an app key; running gateways refuse it within a second."),
        ),
    ),
    Entry("usage", "usage:usage", "Report who spent what, from the ledger."),
    Entry("check", "check:check", "Check a project that uses Claude before people use it."),
    Entry("explain", "explain:explain", "Explain a check: why it is there, and what to do."),
    Entry("scan", "scan:scan", "Look for keys of Claude and app keys in files, in the index and in the whole history."),
    Entry("fake", "fake:fake", "Run the fake Claude: a Claude API that costs nothing."),
    Entry("rebuild", "rebuild:rebuild", "Make the store's budgets anew from the ledger and the open holds."),
)
"""In the order of the overview.  The texts are the first lines of the functions' docstrings; a test compares them."""

_HELP = """From localhost to production with Claude: keys, limits, budgets, retries, records.

Begin with `tidegate init`, or look around first with `tidegate demo`.

Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 not found; 130 interrupted.
"""


def run() -> None:
    """Run the command line of this process."""
    signal.signal(signal.SIGTERM, _terminate)  # so that folders are removed and children end
    sys.exit(main(sys.argv[1:]))


def main(arguments: list[str]) -> int:
    """Run one command line; returns its exit code."""
    group = make_group("tidegate", _HELP, _options, COMMANDS)

    def command() -> int:
        try:
            group.main(arguments, prog_name="tidegate")
        except SystemExit as end:  # the library ends every run so, after it has told a wrong usage
            return end.code if isinstance(end.code, int) else exits.OK
        return exits.OK

    return guarded(command)


def _terminate(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - only --version needs it

        sys.stdout.write(f"tidegate {version('tidegate')}\n")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass
