"""The ledger in a SQLite file: charges, adjustments, refusals; append-only."""

import sqlite3

from tidegate.core.run_now import run_now
from tidegate.databases.sqlite import File
from tidegate.model.facts import CallRefused
from tidegate.model.hold import Adjustment, Charge
from tidegate.model.times import rfc3339

# Not OR IGNORE: that would also pass over a row that does not fit the table, and a charge would be lost in silence.
# A text that is missing comes as an empty one: for None sqlite3 looks for an adapter, which takes as long as the rest.
_TEXT = "NULLIF(?, '')"
_CHARGE = (
    f"INSERT INTO charges VALUES ({'?,' * 12} {_TEXT}, ?, ?, {_TEXT}, {'?,' * 7} {_TEXT}, {_TEXT}, {_TEXT}, "  # noqa: S608 - only question marks
    f"{'?,' * 5} {_TEXT}) ON CONFLICT (attempt_id) DO NOTHING"
)
_ADJUST = "INSERT INTO adjustments VALUES (?, ?, ?, ?) ON CONFLICT (adjusts, source) DO NOTHING"
_REFUSE = "INSERT INTO refusals VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class SqliteLedger:
    """The Ledger over one file."""

    def __init__(self, file: File) -> None:
        self.file = file
        self._within: Within | None = None
        file.migrate("ledger", "tidegate.ledgers")

    def within(self, db: sqlite3.Connection) -> "Within":
        """The same ledger inside a transaction that somebody else has begun."""
        within = self._within
        if within is None or within.db is not db:  # a file that is opened again has another connection
            within = self._within = Within(db)
        return within

    async def append(self, charge: Charge) -> bool:
        return await self.file.run(lambda db: run_now(self.within(db).append(charge)))

    async def adjust(self, adjustment: Adjustment) -> bool:
        return await self.file.run(lambda db: run_now(self.within(db).adjust(adjustment)))

    async def cost(self, attempt_id: str) -> int | None:
        return await self.file.run(lambda db: run_now(self.within(db).cost(attempt_id)))

    async def refused(self, refused: CallRefused) -> None:
        await self.file.run(lambda db: run_now(self.within(db).refused(refused)))


class Within:
    """The Ledger on a connection in mid-transaction; never suspends."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self._cursor = db.cursor()  # one for all charges: to make one takes as long as a tenth of a row

    def write(self, charge: Charge) -> bool:
        """As `append`, at once."""
        usage = charge.usage
        row = (
            charge.attempt_id, charge.call_id, rfc3339(charge.started_at), charge.duration_ms, charge.first_byte_ms,
            charge.app, charge.user_id, charge.route, charge.model_requested, charge.model, charge.upstream,
            charge.outcome, charge.error_type or "", charge.status, charge.attempt, charge.stop_reason or "",
            usage.input_tokens, usage.cache_read_tokens, usage.cache_write_5m_tokens, usage.cache_write_1h_tokens,
            usage.output_tokens, usage.thinking_tokens, usage.web_searches,
            usage.service_tier or "", usage.speed or "", usage.geo or "",
            charge.max_tokens, charge.held, charge.cost, charge.exactness, charge.price_version,
            charge.upstream_request_id or "",
        )  # fmt: skip
        return self._cursor.execute(_CHARGE, row).rowcount == 1

    async def append(self, charge: Charge) -> bool:
        return self.write(charge)

    async def adjust(self, adjustment: Adjustment) -> bool:
        row = (adjustment.adjusts, rfc3339(adjustment.at), adjustment.source, adjustment.cost_delta)
        return self.db.execute(_ADJUST, row).rowcount == 1

    async def cost(self, attempt_id: str) -> int | None:
        row = self.db.execute("SELECT total_cost FROM costs WHERE attempt_id = ?", (attempt_id,)).fetchone()
        return None if row is None else int(row[0])

    async def refused(self, refused: CallRefused) -> None:
        caller, refusal = refused.caller, refused.refusal
        row = (rfc3339(refused.at), refused.call_id, caller.app, caller.user_id, caller.route, refused.model)
        self.db.execute(_REFUSE, (*row, refusal.reason, refusal.scope))
