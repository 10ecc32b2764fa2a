"""What `tidegate check` learns beside the sources: from the Console, from the target, and from people."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import typer

from tidegate.checks.attested import attest
from tidegate.checks.boot.target import FILE, Target
from tidegate.checks.formats.page import visible
from tidegate.checks.later import Later
from tidegate.checks.live.facts import Console
from tidegate.checks.live.keys import part_of_own, short
from tidegate.checks.notes import FILE as NOTES
from tidegate.checks.project import Project
from tidegate.checks.table import BY_ID
from tidegate.checks.verdict import State
from tidegate.cli.screen import note, say, write
from tidegate.config.environment import read_environment
from tidegate.config.files import is_file
from tidegate.config.hidden import HiddenEnvironment

if TYPE_CHECKING:
    from tidegate.checks.boot.examine import Examined

_BY_WEIGHT: Final = (State.FAIL, State.WARN, State.UNKNOWN, State.PASS, State.SKIPPED)


class Where(NamedTuple):
    """Where to look beside the sources."""

    profile: str
    receipt: Path | None
    admin_key: str
    admin_url: str

    def has_receipt(self, root: Path) -> bool:
        """Whether there is a receipt to be read; raises typer.BadParameter for one that was named and is not there."""
        if self.profile == "boot":
            return False
        if self.receipt is not None and not is_file(self.receipt):
            raise typer.BadParameter(f"there is no file {short(visible(str(self.receipt)))}", param_hint="--receipt")
        return self.receipt is not None or is_file(root / FILE)


class Beside:
    """The Console and the target, each asked once and only when a check wants to know."""

    def __init__(self, where: Where, root: Path) -> None:
        self._where = where
        self._root = root
        self._environ = HiddenEnvironment(read_environment())
        self._now = datetime.now(UTC)
        self._examined = Later(self._examine)
        self._target = Later(self._read_target)
        self._console = Later(self._read_console)

    def join(self, project: Project) -> Project:
        """The project with what this run may look at."""
        if self._where.profile == "boot" or self._where.has_receipt(self._root):
            project = msgspec.structs.replace(project, target=self._target)
        if self._where.profile == "live":
            project = msgspec.structs.replace(project, console=self._console)
        return project

    def leave_receipt(self, *, beside_text: bool) -> None:
        """After profile boot: write the receipt into its file, or show it as one line, last of all."""
        if self._where.profile != "boot":
            return
        line = _receipt(self._examined.get(), self._now)
        if line is None:
            note("No receipt: neither TIDEGATE_KEY_SECRET nor a whole API key is here to sign it with.")
        elif self._where.receipt is not None:
            _write(self._where.receipt, f"{line}\n")
            say(f"The receipt is in {visible(str(self._where.receipt))}.")
        else:
            say(f"The receipt, for {FILE} beside the sources:")
            (write if beside_text else say)(line)

    def _examine(self) -> "Examined":
        from tidegate.checks.boot.examine import examine  # noqa: PLC0415 - only profile boot looks around here

        return examine(self._environ, self._root, self._now)

    def _read_target(self) -> Target:
        if self._where.profile == "boot":
            return self._examined.get().target
        from tidegate.checks.boot.recall import recall  # noqa: PLC0415 - most runs have no receipt

        return recall(self._where.receipt or self._root / FILE, self._environ, self._root, self._now)

    def _read_console(self) -> Console:
        from tidegate.checks.live.console import read_console  # noqa: PLC0415 - most runs ask nobody

        known = self._target.get().key if self._where.has_receipt(self._root) else ""
        seen = known or part_of_own(self._environ)
        return read_console(self._where.admin_key, self._environ, self._now, url=self._where.admin_url, seen=seen)


def _receipt(examined: "Examined", now: datetime) -> str | None:
    from importlib.metadata import version  # noqa: PLC0415 - slow, and not needed before

    from tidegate.checks.boot.receipt import choose_signer, write_receipt  # noqa: PLC0415 - only profile boot signs

    key = next((place.key for place in examined.places if place.key is not None), None)
    settings = examined.settings
    signer = choose_signer(settings.key_secret if settings is not None else None, key)
    if signer is None:
        return None
    return write_receipt(
        _states(examined.target),
        signer,
        now=now,
        version=version("tidegate"),
        where=examined.where,
        platform=examined.sign,
        seen=examined.target.key,
        key=key,
    )


def _states(target: Target) -> Mapping[str, State]:
    """How each check ended, before anybody accepted it."""
    return {
        name: next(state for state in _BY_WEIGHT if any(one.state is state for one in verdicts))
        for name, verdicts in target.results.items()
    }


def _write(path: Path, text: str) -> None:
    """Whole or not at all: a deploy may stop at any time."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_text(text, "utf-8")
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def vouch(root: Path, check: str, *, by: str, until: str | None, how: str) -> None:
    """`--attest`: write it, show it."""
    name = check.strip().upper()
    if name not in BY_ID:
        raise typer.BadParameter(
            f"there is no check {short(check)!r}; `tidegate check --list` shows them", param_hint="--attest"
        )
    try:
        last = date.fromisoformat(until) if until is not None else None
    except ValueError:
        raise typer.BadParameter(f"{until!r} is no day; write it as 2027-03-01", param_hint="--until") from None
    block = attest(root, name, by=by, how=how, until=last, today=datetime.now(UTC).date(), known=BY_ID)
    write(block.rstrip("\n"))
    say(f"This is in {NOTES} now; commit it.  It counts where {name} cannot be told, and beats no finding.")
