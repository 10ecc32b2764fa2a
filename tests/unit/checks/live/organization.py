"""A Console as values, and a project that asks it."""

import random
import string
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tidegate.checks.later import Later
from tidegate.checks.live.facts import Console, Cost, Limit, Trouble
from tidegate.checks.live.keys import Key
from tidegate.checks.project import Project, read_project

NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)
TROUBLE = Trouble("it cannot be told", "patience")
PRODUCTION = "wrkspc_1"


def key(name: str = "chat", **given: Any) -> Key:
    """An active key, 40 days old, in the workspace for production."""
    usual = Key(
        id=f"apikey_{name}",
        name=name,
        hint="sk-ant-api03-R2D...igAA",
        status="active",
        created=NOW - timedelta(days=40),
        expires=NOW + timedelta(days=50),
        workspace=PRODUCTION,
    )
    return replace(usual, **given)


def text(number: int) -> str:
    """A text with the form of an API key; the same number gives the same text."""
    rng = random.Random(number)
    body = "".join(rng.choice(string.ascii_letters + string.digits) for _ in range(93))
    return "-".join(("sk", "ant", "api03", f"{body}AA"))


def limit(scope: str = "organization", cents: int = 50_000, **given: Any) -> Limit:
    """500 USD a month."""
    return replace(Limit(scope, None, Decimal(cents), "USD", "monthly", enabled=True), **given)


def cost(cents: str, workspace: str | None = None) -> Cost:
    """What was spent this month."""
    return Cost(workspace, Decimal(cents))


def console(**given: Any) -> Console:
    """Everything in good order."""
    one = key()
    usual = Console(
        now=NOW,
        limits=[limit()],
        costs=[cost("1234.5")],
        keys=[one],
        used=frozenset({one.id}),
        workspaces={PRODUCTION: "Production"},
        own=[one],
    )
    return replace(usual, **given)


def project(found: Console, root: Path) -> Project:
    """A project whose Console says that."""
    bare = read_project(root, today=NOW.date(), sources=False)
    return replace(bare, console=Later(lambda: found))
