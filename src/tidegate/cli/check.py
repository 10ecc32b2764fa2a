"""`tidegate check`: the pre-launch checklist over a project's own code, with evidence."""

import shlex
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from msgspec.structs import replace

from tidegate.checks.baseline import read_baseline, without_known
from tidegate.checks.check import Check
from tidegate.checks.fixing import fix
from tidegate.checks.formats.frames import sources_of
from tidegate.checks.formats.page import Page, visible
from tidegate.checks.formats.table import FORMATS
from tidegate.checks.live.address import KEY, URL, read_admin_url
from tidegate.checks.notes import Notes, read_notes
from tidegate.checks.outcome import LEVELS, exit_code
from tidegate.checks.profiles import PROFILES
from tidegate.checks.project import Project, read_project
from tidegate.checks.report import Report
from tidegate.checks.run import run
from tidegate.checks.table import BY_ID, EVERY, select, usual
from tidegate.cli import check_options as options
from tidegate.cli.evidence import Beside, Where, vouch
from tidegate.cli.options import Json
from tidegate.cli.screen import note, out_console, say, write

if TYPE_CHECKING:
    from collections.abc import Iterable


def check(
    path: options.Target = Path(),
    profile: options.ProfileName = "local",
    format_: options.Format = "text",
    only: options.Only = None,
    skip: options.Skip = None,
    fail_on: options.FailOn = "low",
    baseline: options.Baseline = None,
    mend: options.Mend = False,
    no_history: options.NoHistory = False,
    verbose: options.Verbose = False,
    listing: options.Listing = False,
    receipt: options.ReceiptFile = None,
    admin_key: options.AdminKey = KEY,
    admin_url: options.AdminUrl = URL,
    attest: options.Attest = None,
    by: options.By = "",
    until: options.Until = None,
    note_: options.Note = "",
    as_json: Json = False,
) -> None:
    """Check a project that uses Claude before people use it."""
    if attest is not None:
        vouch(_target(path)[0], attest, by=by, until=until, how=note_)
        return
    form = "json" if as_json else _one_of(format_, FORMATS, "--format")
    _one_of(profile, PROFILES, "--profile")
    threshold = next((level for level in LEVELS if level == fail_on), None)
    if threshold is None:
        raise typer.BadParameter(f"{fail_on!r} is none of {', '.join(LEVELS)}", param_hint="--fail-on")
    if listing:
        _list(_selected(only or [], skip or [], EVERY))
        return
    started = time.perf_counter()
    where = Where(profile, receipt, admin_key, read_admin_url(admin_url))
    asked = _Asked(path, where, (only or [], skip or []), history=not no_history)
    known = read_baseline(baseline) if baseline is not None else frozenset()
    project, report = asked.look()
    if mend:
        project, report = _mend(asked, project, report, form)
    if baseline is not None:
        report = without_known(report, known, baseline.name)
    _show(asked, project, report, form, time.perf_counter() - started, verbose=verbose)
    asked.beside.leave_receipt(beside_text=form == "text")
    raise typer.Exit(exit_code(report, asked.checks, threshold))


class _Asked:
    """What is to be looked at, and the words about it on standard error."""

    def __init__(self, path: Path, where: Where, words: tuple[list[str], list[str]], *, history: bool) -> None:
        self.root, self.file = _target(path)
        self.path = "" if path == Path() else visible(shlex.quote(str(path)))
        self.profile = where.profile
        self.checks = _selected(*words, usual(where.profile, receipt=where.has_receipt(self.root)))
        self.beside = Beside(where, self.root)
        self.history = history
        self.telling = _Telling(quiet=where.profile == "ci")

    def look(self) -> tuple[Project, Report]:
        """Read the project and judge it."""
        self.telling.begin(self.root / self.file if self.file else self.root)
        notes: Notes = read_notes(self.root, BY_ID)
        project = read_project(
            self.root,
            file=self.file,
            today=datetime.now(UTC).date(),
            notes=notes,
            history=self.history,
            sources=self.profile != "boot",
            tell=self.telling.say,
            progress=self.telling.progress,
        )
        project = self.beside.join(project)
        report = run(
            project,
            self.checks,
            profile=PROFILES[self.profile],
            known=BY_ID,
            asked=self.path,
            tell=self.telling.say,
        )
        self.telling.end()
        uses = report.uses_claude or self.profile == "boot"  # there are no sources that could tell
        return project, replace(report, uses_claude=uses)


def _target(path: Path) -> tuple[Path, str]:
    """The folder, and the file in it when one is asked for."""
    try:
        whole = path.resolve(strict=True)
    except FileNotFoundError:
        raise typer.BadParameter(f"there is no {visible(str(path))}", param_hint="PATH") from None
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError
        raise typer.BadParameter(f"{visible(str(path))} cannot be opened: {error}", param_hint="PATH") from None
    return (whole, "") if whole.is_dir() else (whole.parent, whole.name)


def _selected(only: list[str], skip: list[str], among: tuple[Check, ...]) -> tuple[Check, ...]:
    wanted, left = ([part for word in some for part in word.split(",") if part.strip()] for some in (only, skip))
    try:
        checks = select(wanted, left, among)
    except KeyError as error:
        raise typer.BadParameter(
            f"there is no check {error.args[0]}; `tidegate check --list` shows them", param_hint="--only, --skip"
        ) from None
    if not checks:
        raise typer.BadParameter("nothing is left to check", param_hint="--skip")
    return checks


def _one_of(value: str, known: "Iterable[str]", option: str) -> str:
    if value not in known:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(known)}", param_hint=option)
    return value


def _list(checks: tuple[Check, ...]) -> None:
    for one in checks:
        write(f"{one.id:<7} {one.severity:<7} {one.evidence:<8} {one.title}")
    if len(checks) == len(EVERY):
        write(f"\n{len(checks)} checks; `tidegate explain ID` says more about one.")


def _mend(asked: _Asked, project: Project, report: Report, form: str) -> tuple[Project, Report]:
    """Change what can be changed, show it, and look again."""
    done, troubles = fix(project.root, report.verdicts)
    out = write if form == "text" else say
    for one in done:
        out(one.diff.rstrip("\n"))
    for trouble in troubles:
        note(visible(trouble))
    if not done:
        say("Nothing can be mended by itself.")
        return project, report
    say(f"Mended {sum(one.count for one in done)} in {len(done)} file{'s' if len(done) > 1 else ''}. Looking again.")
    return asked.look()


def _show(asked: _Asked, project: Project, report: Report, form: str, seconds: float, *, verbose: bool) -> None:
    from importlib.metadata import version  # noqa: PLC0415 - slow, and not needed before

    console = out_console() if form == "text" else None
    page = Page(
        report=report,
        checks={one.id: one for one in asked.checks},
        sources=sources_of(project),
        profile=asked.profile,
        version=version("tidegate"),
        seconds=seconds,
        prefix=_prefix(project),
        width=console.width if console else 100,
        colour=bool(console and console.is_terminal and not console.no_color),
        verbose=verbose,
    )
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(FORMATS[form](page).encode(encoding, "replace").decode(encoding))


def _prefix(project: Project) -> str:
    """The path of the folder from the top of its repository."""
    repository = project.listing.repository
    if repository is None:
        return ""
    try:
        inner = project.root.relative_to(repository.top.resolve())
    except ValueError:
        return ""
    return "" if inner == Path() else f"{inner.as_posix()}/"


class _Telling:
    """Says on standard error what is being done: at once, and on a terminal in one line that changes."""

    def __init__(self, *, quiet: bool) -> None:
        self._moving = sys.stderr.isatty() and not quiet
        self._told = 0.0

    def begin(self, root: Path) -> None:
        """Before anything is read."""
        say(f"Checking {visible(str(root))}")

    def say(self, text: str) -> None:
        """What comes now."""
        now = time.monotonic()
        if self._moving and now - self._told > 0.05:
            self._told = now
            sys.stderr.write(f"\r\x1b[K{text[:100]} …")
            sys.stderr.flush()

    def progress(self, what: str, done: int, total: int) -> None:
        """How far a scan has come."""
        self.say(f"scanning {what}: {done:,} of {total:,}")

    def end(self) -> None:
        """Leave nothing behind."""
        if self._moving:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
