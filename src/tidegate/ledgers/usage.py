"""Reports over the ledger: who spent what, by user, route, model, app or day."""

import sqlite3
from typing import Literal, Protocol, TypeVar

from msgspec import Struct

from tidegate.databases.sqlite import Work
from tidegate.model.times import rfc3339

T = TypeVar("T")

Grouping = Literal["users", "routes", "models", "apps", "days"]

_COLUMN: dict[Grouping, str] = {
    "users": "user_id",
    "routes": "route",
    "models": "model",
    "apps": "app",
    "days": "substr(started_at, 1, 10)",
}

_QUERY = """
SELECT {column} AS name,
       COUNT(DISTINCT call_id), COUNT(*), SUM(outcome NOT IN ('ok', 'model_refusal')),
       SUM(input_tokens), SUM(cache_read_tokens), SUM(cache_write_5m_tokens + cache_write_1h_tokens),
       SUM(output_tokens), SUM(cost + COALESCE(delta, 0)),
       SUM(CASE exactness WHEN 'actual' THEN 0 ELSE cost + COALESCE(delta, 0) END)
FROM charges LEFT JOIN (SELECT adjusts, SUM(cost_delta) AS delta FROM adjustments GROUP BY adjusts)
     ON adjusts = attempt_id
WHERE started_at >= ? AND started_at < ? GROUP BY name ORDER BY {order}
"""


class UsageRow(Struct, frozen=True, kw_only=True):
    """One line of a report; money in nano-dollars."""

    name: str
    calls: int
    attempts: int
    failed: int
    """Attempts that brought no whole answer."""
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    cost: int
    not_exact: int
    """The part of `cost` that is assumed or estimated."""


class Readable(Protocol):
    """A file that can be read."""

    def read(self, work: Work[T]) -> T:
        """The result of `work` on committed data; raises StoreDown."""


class UsageReader:
    """Reads reports from a ledger's file; times in microseconds since 1970 UTC."""

    def __init__(self, file: Readable) -> None:
        self._file = file

    def rows(self, grouping: Grouping, since: int, until: int) -> list[UsageRow]:
        """The report of that grouping: the dearest first, days in order."""
        order = "name" if grouping == "days" else "9 DESC, name"
        query = _QUERY.format(column=_COLUMN[grouping], order=order)
        span = (rfc3339(since), rfc3339(until))

        def work(db: sqlite3.Connection) -> list[UsageRow]:
            names = UsageRow.__struct_fields__
            return [UsageRow(**dict(zip(names, row, strict=True))) for row in db.execute(query, span)]

        return self._file.read(work)

    def refusals(self, since: int, until: int) -> list[tuple[str, int]]:
        """Reasons and how often each was given, the most frequent first."""
        query = "SELECT reason, COUNT(*) FROM refusals WHERE at >= ? AND at < ? GROUP BY reason ORDER BY 2 DESC, 1"
        span = (rfc3339(since), rfc3339(until))
        return self._file.read(lambda db: db.execute(query, span).fetchall())
