"""`tidegate usage`: who spent what, straight from the ledger."""

import csv
import sys
import time
from decimal import Decimal
from typing import Annotated, get_args

import typer
from msgspec import Struct
from msgspec.structs import asdict

from tidegate.cli.options import Config, Json, existing_ledger_file, ledger_path, load_settings
from tidegate.cli.screen import say, write_json, write_table
from tidegate.cli.spans import DAY, ago, show_time, until
from tidegate.config.settings import Settings
from tidegate.databases.sqlite import BlockingFile
from tidegate.ledgers.usage import Grouping, UsageReader, UsageRow
from tidegate.model.money import USD, show_usd
from tidegate.model.times import SECOND, rfc3339

GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)

_BEGINNING = 0
_SUMMED = tuple(name for name in UsageRow.__struct_fields__ if name not in {"name", "calls"})


class Report(Struct, frozen=True, kw_only=True):
    """What one run shows."""

    by: Grouping
    since: int
    until: int
    rows: list[UsageRow]
    total: UsageRow
    refusals: list[tuple[str, int]]
    ever: bool
    """False when the ledger has no charge at all."""


def usage(
    by: Annotated[str, typer.Argument(metavar=f"[{'|'.join(GROUPINGS)}]", show_default=False)] = "users",
    since: Annotated[str, typer.Option("--since", metavar="WHEN", help="A length or a day: 7d, 2026-11-01.")] = "30d",
    until_: Annotated[
        str | None,
        typer.Option("--until", metavar="WHEN", help="As --since; the day itself is included.  Default: now."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write comma-separated values.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Report who spent what, from the ledger."""
    if by not in GROUPINGS:
        raise typer.BadParameter(f"{by!r} is none of {', '.join(GROUPINGS)}", param_hint="usage")
    if as_csv and as_json:
        raise typer.BadParameter("keep one of --csv and --json", param_hint="--csv")
    now = time.time_ns() // 1000
    start = ago(since, now, "--since")
    end = until(until_, now, "--until") if until_ is not None else now + SECOND
    if end <= start:
        raise typer.BadParameter("ends before --since begins", param_hint="--until")
    settings = load_settings(config)
    with existing_ledger_file(settings) as file:
        report = read_report(file, _grouping(by), start, end)
    if as_json:
        write_json(document(report))
    elif as_csv:
        _write_csv(report)
    else:
        _show(settings, report)


def read_report(file: BlockingFile | None, by: Grouping, since: int, end: int) -> Report:
    """The report of a ledger's file; an empty one when there is none."""
    reader = UsageReader(file) if file is not None else None
    rows = reader.rows(by, since, end) if reader else []
    users = reader.rows("users", since, end) if reader else []
    sums = {name: sum(getattr(row, name) for row in rows) for name in _SUMMED}
    return Report(
        by=by,
        since=since,
        until=end,
        rows=rows,
        # A call may count in two rows of models or days, when its attempts differ; it has one user.
        total=UsageRow(name="total", calls=sum(row.calls for row in users), **sums),
        refusals=reader.refusals(since, end) if reader else [],
        ever=bool(rows) or bool(reader and reader.rows("apps", _BEGINNING, end + 10_000 * DAY)),
    )


def show_rows(title: str, report: Report) -> None:
    """The report as a table."""
    columns = (
        report.by.removesuffix("s"),
        "calls",
        "failed",
        "input",
        "cache read",
        "output",
        "cost, USD",
        "not exact",
    )
    foot = _cells(report.total) if len(report.rows) > 1 else ()
    write_table(title, columns, [_cells(row) for row in report.rows], foot=foot)


def usd(nano: int) -> str:
    """Exact dollars as a decimal text for machines: nine decimals, no unit."""
    return f"{Decimal(nano) / USD:.9f}"


def _grouping(by: str) -> Grouping:
    return next(one for one in GROUPINGS if one == by)


def _cells(row: UsageRow) -> tuple[str, ...]:
    return (
        row.name,
        f"{row.calls:,}",
        f"{row.failed:,}",
        f"{row.input_tokens + row.cache_write_tokens:,}",
        f"{row.cache_read_tokens:,}",
        f"{row.output_tokens:,}",
        _money(row.cost),
        _money(row.not_exact) if row.not_exact else "",
    )


def _money(nano: int) -> str:
    return show_usd(nano).removesuffix(" USD")


def _show(settings: Settings, report: Report) -> None:
    span = f"from {show_time(report.since)} to {show_time(report.until)} UTC"
    if report.rows:
        show_rows(f"Usage by {report.by.removesuffix('s')}, {span}", report)
    elif report.refusals:
        say(f"No call was sent {span}; some were refused:")
    elif report.ever:
        say(f"No calls {span}; the ledger has others: try --since 2000-01-01.")
    else:
        _say_how_to_begin(settings)
    if report.refusals:
        write_table("Refused, not sent", ("reason", "calls"), [(name, f"{n:,}") for name, n in report.refusals])


def _say_how_to_begin(settings: Settings) -> None:
    gateway = settings.gateway
    say(
        f"The ledger {ledger_path(settings)} has no calls yet.  To make the first one: `tidegate keys create --app "
        f"NAME`, `tidegate serve`, and point an SDK at http://{gateway.host}:{gateway.port} (ANTHROPIC_BASE_URL) with "
        "that key (ANTHROPIC_API_KEY)."
    )


def _plain(row: UsageRow) -> dict[str, object]:
    """A row for machines: nano-dollars, and exact dollars as text."""
    return {**asdict(row), "cost_usd": usd(row.cost), "not_exact_usd": usd(row.not_exact)}


def document(report: Report) -> dict[str, object]:
    """The report for machines."""
    total = _plain(report.total)
    del total["name"]
    return {
        "by": report.by,
        "since": rfc3339(report.since),
        "until": rfc3339(report.until),
        "rows": [_plain(row) for row in report.rows],
        "total": total,
        "refusals": dict(report.refusals),
    }


def _write_csv(report: Report) -> None:
    lines = [_plain(row) for row in report.rows]
    names = [report.by.removesuffix("s"), *list(_plain(report.total))[1:]]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(list(line.values()) for line in lines)
