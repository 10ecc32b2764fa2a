"""The dashboard: today's spend by user, route and model, straight from the ledger; works without scripts."""

import html
import time

from tidegate.ledgers.usage import Grouping, UsageReader, UsageRow
from tidegate.model.money import show_usd
from tidegate.model.times import SECOND, as_datetime

_DAY = 24 * 3600 * SECOND
_MOST = 20
"""Rows of each table; the command line shows all."""

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --bar: #3b82f688; --soft: #888; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p { margin: .3rem 0; color: var(--soft); } .sum { font-size: 2rem; color: inherit; margin: 1rem 0 0; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
th { text-align: right; font-weight: 600; } td { text-align: right; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
meter { width: 8rem; }
"""


def dashboard(reader: UsageReader) -> bytes:
    """The page, HTML."""
    now = time.time_ns() // 1000
    today = now - now % _DAY
    tables = "".join(_section(title, grouping, reader, today, now) for title, grouping in _TABLES)
    refusals = reader.refusals(today, now + SECOND)
    total = sum(row.cost for row in reader.rows("days", today, now + SECOND))
    return _PAGE.format(
        style=_STYLE,
        day=f"{as_datetime(now):%A, %d %B %Y, %H:%M} UTC",
        total=show_usd(total),
        tables=tables,
        refusals=_refusals(refusals),
    ).encode()


_TABLES: tuple[tuple[str, Grouping], ...] = (
    ("Users", "users"),
    ("Routes", "routes"),
    ("Models", "models"),
    ("Applications", "apps"),
)

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="10"><title>tidegate: today</title><style>{style}</style></head>
<body><h1>tidegate</h1><p>Today since 00:00 UTC; now {day}. The page reloads every 10 seconds.</p>
<p class="sum">{total}</p><p>spent today</p>{tables}{refusals}</body></html>
"""


def _section(title: str, grouping: Grouping, reader: UsageReader, since: int, now: int) -> str:
    rows = reader.rows(grouping, since, now + SECOND)
    if not rows:
        return f"<h2>{title}</h2><p>Nothing yet. Point an SDK at this gateway and make a first call.</p>"
    most = max(row.cost for row in rows) or 1
    lines = "".join(_line(row, most) for row in rows[:_MOST])
    more = f"<p>and {len(rows) - _MOST} more: tidegate usage {grouping}</p>" if len(rows) > _MOST else ""
    return (
        f"<h2>{title}</h2><table><tr><th>{title}</th><th>calls</th><th>failed attempts</th><th>input</th>"
        f"<th>from cache</th><th>output</th><th>cost</th><th>assumed</th><th></th></tr>{lines}</table>{more}"
    )


def _line(row: UsageRow, most: int) -> str:
    cells = (row.calls, row.failed, row.input_tokens + row.cache_write_tokens, row.cache_read_tokens, row.output_tokens)
    numbers = "".join(f"<td>{number:,}</td>" for number in cells)
    share = f'<td><meter min="0" max="1" value="{row.cost / most:.4f}"></meter></td>'
    not_exact = show_usd(row.not_exact) if row.not_exact else ""
    return f"<tr><td>{html.escape(row.name)}</td>{numbers}<td>{show_usd(row.cost)}</td><td>{not_exact}</td>{share}</tr>"


def _refusals(rows: list[tuple[str, int]]) -> str:
    if not rows:
        return "<h2>Refusals</h2><p>None today.</p>"
    lines = "".join(f"<tr><td>{html.escape(reason)}</td><td>{count:,}</td></tr>" for reason, count in rows)
    return f"<h2>Refusals</h2><table><tr><th>reason</th><th>count</th></tr>{lines}</table>"
