"""`tidegate demo`: the whole thing at work on this machine, in half a minute, without a key."""

import http.client
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
import typer

from tidegate.cli.demo_scene import Scene, running
from tidegate.cli.demo_traffic import ANSWERED, CUT, FAILED, OUTCOMES, STREAMED, plan, send_all
from tidegate.cli.options import Json, ledger_file
from tidegate.cli.screen import err_console, say, write, write_json, write_table
from tidegate.cli.spans import DAY
from tidegate.cli.usage import Report, document, read_report, show_rows, usd
from tidegate.cli.words import budget_words, limit_words
from tidegate.ledgers.usage import Grouping
from tidegate.model.money import show_usd
from tidegate.model.times import SECOND
from tidegate.system.files import raise_open_files

_SHOWN: tuple[Grouping, ...] = ("users", "routes", "models")


def demo(
    calls: Annotated[int, typer.Option("--calls", min=1, max=100_000, help="How many calls to make.")] = 200,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running, to look at the dashboard.")] = False,
    as_json: Json = False,
) -> None:
    """Show everything at work: a fake Claude, a gateway and lively traffic."""
    raise_open_files()  # for what it starts, too
    with tempfile.TemporaryDirectory(prefix="tidegate-demo-") as folder, running(Path(folder)) as scene:
        _introduce(scene, calls)
        outcomes = _send(scene, calls)
        _wait_for_books(scene)
        with ledger_file(scene.settings) as file:
            now = time.time_ns() // 1000
            reports = [read_report(file, by, now - DAY, now + SECOND) for by in _SHOWN]
        billed = int(_get(scene.fake, "/_fake/totals")["cost_now"])
        if as_json:
            write_json(_document(outcomes, reports, billed))
        else:
            _show(outcomes, reports, billed)
        if keep:
            _keep(scene)
        elif not as_json:
            _next()


def _introduce(scene: Scene, calls: int) -> None:
    say(f"A fake Claude on {scene.fake}, a gateway on {scene.address}, {calls} calls.  Nothing leaves this machine.")
    rules = scene.settings.rules
    for words in (*map(limit_words, rules.limits), *map(budget_words, rules.budgets)):
        say(f"  {words}")
    say()


def _send(scene: Scene, calls: int) -> Counter[str]:
    """Make the calls under a bar that grows; returns how they ended."""
    outcomes: Counter[str] = Counter()
    rng = random.Random(20)  # noqa: S311 - the same lively mix every time
    with _bar(calls) as advance:

        def told(outcome: str) -> None:
            outcomes[outcome] += 1
            advance(outcomes)

        send_all(scene.address, scene.keys, plan(calls, rng), told)
    return outcomes


@contextmanager
def _bar(calls: int) -> Iterator[Any]:
    """A progress bar with the outcomes so far; nothing away from a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415 - slow to import

    columns = (BarColumn(30), MofNCompleteColumn(), TextColumn("{task.fields[so_far]}"))
    console = err_console()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("calls", total=calls, so_far="")

        def advance(outcomes: Counter[str]) -> None:
            answered, lost = outcomes[ANSWERED] + outcomes[STREAMED], outcomes[CUT] + outcomes[FAILED]
            refused = outcomes.total() - answered - lost
            progress.update(task, advance=1, so_far=f"{answered} answered, {refused} refused, {lost} lost")

        yield advance


def _wait_for_books(scene: Scene, patience: float = 30.0) -> None:
    """Until every hold is settled: a cut stream may settle a moment after its client has seen the end."""
    until = time.monotonic() + patience
    while _get(scene.address, "/readyz").get("open_holds") and time.monotonic() < until:
        time.sleep(0.05)


def _get(address: str, path: str) -> dict[str, Any]:
    wire = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    try:
        wire.request("GET", path)
        return dict(msgspec.json.decode(wire.getresponse().read()))
    finally:
        wire.close()


def _show(outcomes: Counter[str], reports: list[Report], billed: int) -> None:
    rows = [(name, f"{outcomes[name]:,}") for name in OUTCOMES if outcomes[name]]
    write_table("How the calls ended", ("outcome", "calls"), rows)
    for report in reports:
        show_rows(f"The ledger, by {report.by.removesuffix('s')}", report)
    total = reports[0].total
    if total.attempts > total.calls:
        write(f"{total.attempts} attempts for {total.calls} calls: what Claude failed to answer was asked again.")
    exact = total.cost - total.not_exact
    write(f"The ledger: {show_usd(total.cost)}, of it {show_usd(exact)} exact and {show_usd(total.not_exact)} assumed.")
    write(f"The fake Claude's own books: {show_usd(billed)}.")
    write("What was cut off is assumed to have cost what was held for it, so that a budget is never overdrawn.")
    write()


def _document(outcomes: Counter[str], reports: list[Report], billed: int) -> dict[str, Any]:
    return {
        "calls": sum(outcomes.values()),
        "outcomes": dict(outcomes),
        "usage": {report.by: document(report) for report in reports},
        "billed": billed,
        "billed_usd": usd(billed),
    }


def _keep(scene: Scene) -> None:
    """Leave it to the user until Ctrl-C, or until the gateway ends by itself."""
    say(f"Still running.  Dashboard: {scene.address}/dashboard  (any user, password {scene.admin_token})")
    say(f"An app key: {scene.keys['chat']}")
    say("Ctrl-C ends it and removes everything.")
    sys.stdout.flush()
    try:
        scene.gateway.wait()
    except KeyboardInterrupt:
        say()


def _next() -> None:
    write("Look at it live:        tidegate demo --keep      (prints the address of its dashboard)")
    write("Begin with your own:    tidegate init")
    write("Then:                   tidegate keys create --app my-app && tidegate serve")
