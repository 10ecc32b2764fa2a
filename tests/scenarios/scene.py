"""Playing one scenario at one door, and gathering everything that came of it."""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from e2e.gateways import Row as Charge
from e2e.gateways import Site
from scenarios.calling import Got, asked, ordered
from scenarios.clock import StandingClock, http_date, standing
from scenarios.doors import Door, Line, Opening, hurried, opened
from scenarios.table import Error, Row, Scenario, Table, requests
from scenarios.workshop import Workshop
from tidegate.fake.command import parse
from tidegate.model.hold import Hold
from tidegate.policy.budgets import Tally
from tidegate.testing import Row as Seen

CONFIG: Final = """
[[budgets]]
per = "organization"
amount = "1000 USD"
every = "total"
"""
"""Under the settings of every scenario: all money is held and settled somewhere."""

PATIENCE: Final = (0.15, 1.0, 5.0)
"""Seconds of a short time-out.  A slow machine may miss the first; only a scenario that fails with the last fails."""

STORE: Final = "journal"
"""A table without which the store cannot work."""


class Found(Struct, frozen=True, kw_only=True):
    """Everything that can be compared with the table."""

    got: Got
    bare: Got | None
    """What the SDK has without tidegate; None where the scenario does not ask for it."""
    seen: list[Seen]
    """The requests that reached the fake, those of earlier calls included."""
    attempts: int | None
    """Of this call, as its upstream has counted; None: it could not."""
    waits: list[float]
    charges: list[Charge]
    refusals: list[Charge]
    lines: list[Line]
    """Of the calls, in the log."""
    troubles: list[Line]
    """Other lines of the log that nobody wants to see."""
    holds: Mapping[str, Hold]
    tallies: Mapping[str, Tally]
    breaker: str


def play(workshop: Workshop, row: Row, folder: Path, patience: float) -> Found:
    """Play a scenario in a folder of its own."""
    scenario = row.scenario
    fake = workshop.fake
    bare = _bare(workshop, row)
    fake.reset()
    fake.script(_script(scenario, patience))
    place = workshop.places[scenario.place] if scenario.place else None
    before = 0 if place is None else place.requests
    upstream = fake.url if place is None else place.url
    site = workshop.site(folder, upstream, CONFIG)
    timeouts, client = hurried(scenario.hurry, row.shape, patience)
    opening = Opening(
        site=site,
        upstream=upstream,
        settings={**scenario.settings, **timeouts},
        key=scenario.key,
        draining=scenario.world == "draining",
        sdk_retries=scenario.sdk_retries,
        patience=client,
    )
    with standing(scenario.luck) as clock, opened(workshop, row.door, opening) as door:
        got, earlier = _called(workshop, row, door, site, clock)
        fake.wait(open=0)
        door.settled()
        breaker = door.breaker()
    seen = fake.books()
    attempts: int | None = len([one for one in seen[earlier:] if _counts(one, scenario)])
    if place is not None:
        attempts = place.requests - before if place.counts else None
    return _found(site, door, clock, got=got, bare=bare, seen=seen, attempts=attempts, breaker=breaker)


def _counts(seen: Seen, scenario: Scenario) -> bool:
    """Whether a request at the fake is an attempt of the scenario's call; the gate may count tokens beside it."""
    return seen.path == "/v1/messages" or is_free(scenario)


def is_free(scenario: Scenario) -> bool:
    """Whether the call is one that costs nothing."""
    return not requests()[scenario.request].call.endswith("messages.create")


def _bare(workshop: Workshop, row: Row) -> Got | None:
    """Asked for where the outcome is to be the same, and where an upstream's error is to keep its headers."""
    scenario = row.scenario
    caller = scenario.caller
    if isinstance(caller, Error):
        if scenario.place or scenario.hurry or caller.reason or caller.status in (0, 200):
            return None
    elif caller == "nothing":
        return None
    order = scenario.upstream[-1] if scenario.like is None else scenario.like
    return workshop.bare(scenario.request, asked(scenario, row.shape), order)


def _called(workshop: Workshop, row: Row, door: Door, site: Site, clock: StandingClock) -> tuple[Got, int]:
    """What the caller got, and how many requests the fake had seen before that."""
    scenario, fake = row.scenario, workshop.fake
    one = asked(scenario, row.shape)
    other = msgspec.structs.replace(asked(msgspec.structs.replace(scenario, request="plain"), row.shape), leave=None)
    for order in scenario.earlier:
        door.call(ordered(other, order))
    clock.pass_by(scenario.later)
    with contextlib.ExitStack() as stack:
        if scenario.meanwhile:
            stream = msgspec.structs.replace(other, shape="stream")
            stack.enter_context(door.holding(ordered(stream, scenario.meanwhile)))
        if scenario.world == "ledger damaged":
            stack.enter_context(_damaged(site))
        earlier = len(fake.books()) if scenario.before or scenario.meanwhile else 0
        return door.call(one), earlier


@contextlib.contextmanager
def _damaged(site: Site) -> Iterator[None]:
    """The store has lost a table."""

    def rename(old: str, new: str) -> None:
        with contextlib.closing(sqlite3.connect(site.database, isolation_level=None)) as db:
            db.execute(f"ALTER TABLE {old} RENAME TO {new}")

    rename(STORE, "lost")
    try:
        yield
    finally:
        rename("lost", STORE)


def _script(scenario: Scenario, patience: float) -> Table:
    """The orders as rules of the fake: each strikes once, the last one always."""
    *first, last = (parse(_dated(order).replace("{gap}", str(patience / 5))) for order in scenario.upstream)
    when = {"path": "*" if is_free(scenario) else "/v1/messages"}
    return {"rules": [*({"when": when, "do": order, "times": 1} for order in first), {"when": when, "do": last}]}


def _dated(order: str) -> str:
    """`{in 7 s}` is the HTTP date seven seconds after the beginning."""
    head, found, tail = order.partition("{in ")
    seconds, _, rest = tail.partition(" s}")
    return f"{head}{http_date(float(seconds))}{rest}" if found else order


TROUBLES: Final = ("guard_bug", "keeper_failed", "chores_failed", "request_failed", "hold_exceeded", "lease_expired")


def _found(site: Site, door: Door, clock: StandingClock, **more: Any) -> Found:
    tallies, holds = site.live()
    return Found(
        waits=clock.waits,
        charges=site.charges(),
        refusals=site.query("SELECT * FROM refusals ORDER BY rowid"),
        lines=[line for line in door.lines if line["event"].startswith("claude_call_")],
        troubles=[line for line in door.lines if line["event"] in TROUBLES],
        holds=holds,
        tallies=tallies,
        **more,
    )
