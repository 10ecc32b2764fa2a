"""The applications of tests/corpus, made ready to be checked: with dots, keys and a repository; see its README."""

import random
import re
import string
import subprocess
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from tidegate.checks.notes import read_notes
from tidegate.checks.profiles import PROFILES
from tidegate.checks.project import Project, read_project
from tidegate.checks.report import Report
from tidegate.checks.run import run
from tidegate.checks.table import BY_ID, CHECKS
from tidegate.checks.verdict import State, Verdict

CORPUS = Path(__file__).parents[2] / "corpus"
TODAY = date(2026, 11, 22)
STATES = tuple(state.value for state in State)


def applications() -> list[str]:
    """Their names."""
    return sorted(path.parent.name for path in CORPUS.glob("*/expected.toml"))


def key(number: int) -> str:
    """A text with the form of a key; the same number gives the same text."""
    rng = random.Random(number)
    body = "".join(rng.choice(string.ascii_letters + string.digits + "-_") for _ in range(93))
    return "-".join(("sk", "ant", "api03", f"{body}AA"))


def read_expected(name: str) -> dict[str, Any]:
    """What stands in its `expected.toml`."""
    return tomllib.loads((CORPUS / name / "expected.toml").read_text("utf-8"))


def prepare(name: str, folder: Path) -> Path:
    """Copy an application into a folder; returns where it lies."""
    setup = read_expected(name).get("setup", {})
    root = folder / name
    for source in sorted((CORPUS / name).rglob("*")):
        if source.is_file() and source.name != "expected.toml":
            path = root / _path(source.relative_to(CORPUS / name))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                re.sub(r"\{\{KEY(\d*)\}\}", lambda found: key(int(found[1] or 1)), source.read_text("utf-8"))
            )
    if setup.get("git", True):
        commit_all(root, setup)
    if setup.get("shallow"):
        clone = folder / f"{name}-shallow"
        _git(folder, "clone", "--quiet", "--depth", "1", root.as_uri(), str(clone))
        return clone
    return root


def _path(path: Path) -> Path:
    renamed = (f".{part[4:]}" if part.startswith("dot-") else part for part in path.parts)
    return Path(*("node_modules" if part == "node-modules" else part for part in renamed))


def commit_all(root: Path, setup: dict[str, Any]) -> None:
    _git(root, "init", "--quiet", "--initial-branch=main")
    _git(root, "add", "--all")
    for name in setup.get("forced", []):
        _git(root, "add", "--force", name)
    for name in setup.get("untracked", []):
        _git(root, "rm", "--quiet", "--cached", name)
    _git(root, "commit", "--quiet", "--message", "first")
    for name in setup.get("removed", []):
        _git(root, "rm", "--quiet", name)
        _git(root, "commit", "--quiet", "--message", f"remove {name}")
    if setup.get("shallow"):
        _git(root, "commit", "--quiet", "--allow-empty", "--message", "another")


def _git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Corpus", "-c", "user.email=corpus@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def look(root: Path) -> tuple[Project, Report]:
    """Check a prepared application."""
    project = read_project(root, today=TODAY, notes=read_notes(root, BY_ID))
    return project, run(project, CHECKS, profile=PROFILES["local"], known=BY_ID)


def found(report: Report) -> dict[str, list[str]]:
    """The verdicts by state, as `expected.toml` writes them."""
    by_state: dict[str, list[str]] = {state: [] for state in STATES}
    for verdict in report.verdicts:
        by_state[verdict.state.value].append(spoken(verdict))
    return {state: sorted(some, key=_order) for state, some in by_state.items()}


def spoken(verdict: Verdict) -> str:
    """`TG502 app.py:12`."""
    return f"{verdict.check} {verdict.place}" if verdict.place else verdict.check


def expected(name: str) -> dict[str, list[str]]:
    """What must be found."""
    said = read_expected(name)["expected"]
    return {state: sorted(said.get(state, []), key=_order) for state in STATES}


def _order(text: str) -> tuple[int, str]:
    return int(re.sub(r"\D.*", "", text[2:])), text


def every() -> Iterator[tuple[str, str, str]]:
    """Application, state and id of everything that is expected somewhere."""
    for name in applications():
        for state, some in expected(name).items():
            for one in some:
                yield name, state, one.split()[0]
