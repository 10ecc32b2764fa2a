"""Rebuilding a SQLite store's budgets: from the ledger, which is the truth, plus the holds that are open.

Rules:
1. One transaction on the store's file.  It ends with a new epoch, so that running gateways forget what they know and
   read the tables again before their next decision.
2. A budget's period is that of admission, which is the charge's `started_at`.
3. A charge whose hold is still open is left out: the store and the ledger are two files, the settlement is between
   its two steps, and closing the hold adds the cost.
4. Of a hold that was swept the store is told what the rebuilt budgets count for it: a correction that is between its
   two steps then adds what they lack, and nothing twice.
5. What is rebuilt: the periods of now, those that the store still kept, and those of open holds.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from tidegate.databases.sqlite import BlockingFile
from tidegate.model.call import Caller
from tidegate.model.hold import Hold
from tidegate.model.times import parse_rfc3339, rfc3339
from tidegate.policy.budgets import Tally
from tidegate.policy.journal import Counted
from tidegate.policy.rules import Rules
from tidegate.policy.scopes import Scopes, budget_key, period_name
from tidegate.stores.sqlite_journal import SqliteJournal

_ONE = """
SELECT app, user_id, route, model_requested, substr(started_at, 1, 10), total_cost FROM costs WHERE attempt_id = ?"""

_SUMS = """
SELECT app, user_id, route, model_requested, substr(started_at, 1, 10), SUM(total_cost) FROM costs
WHERE started_at >= ? AND attempt_id NOT IN (SELECT value FROM json_each(?)) GROUP BY 1, 2, 3, 4, 5"""


class Change(Struct, frozen=True, kw_only=True):
    """A tally that was not what the ledger says; money in nano-dollars, for `c|…` keys open calls."""

    key: str
    settled_before: int
    settled: int
    held_before: int
    held: int


class Rebuilt(Struct, frozen=True, kw_only=True):
    """What a rebuild found and did."""

    tallies: int
    """Tallies there are now."""
    open_holds: int
    changes: tuple[Change, ...]


def rebuild(
    store: BlockingFile, ledger: BlockingFile, rules: Rules, scope_model: Callable[[str], str], now: int
) -> Rebuilt:
    """Make the budgets of the store anew; both files have their tables.

    Args:
        store: the store's file, with no listener yet.
        ledger: the ledger's file; the same value when they share one.
        rules: those that hold now.
        scope_model: from the requested model's name to its one name in scopes.
        now: microseconds since 1970 UTC.

    """
    journal = SqliteJournal(rules.breaker)
    store.listen(journal)

    def work(db: sqlite3.Connection) -> Rebuilt:
        journal.save(db)  # the tables show the state as it is now
        holds = list(journal.live.holds.values())
        before = {key: Tally(*rest) for key, *rest in db.execute("SELECT key, settled, held FROM tallies")}
        after = _held(holds)
        kept = _Kept(rules, {*before, *after}, max(now, journal.live.last), scope_model)
        counted = journal.live.counted
        for attempt_id, one in [*counted.items()]:
            counted[attempt_id] = _recounted(ledger, kept, attempt_id, one)
            for key in counted[attempt_id].keys:
                after[key].settled += counted[attempt_id].cost
        journal.save_counted(db)
        for key, cost in _settled(ledger, kept, [*counted, *(hold.ask.attempt_id for hold in holds)]):
            after[key].settled += cost
        _write(db, after)
        return Rebuilt(tallies=len(after), open_holds=len(holds), changes=tuple(_changes(before, after)))

    return store.run_blocking(work)


def _held(holds: Iterable[Hold]) -> defaultdict[str, Tally]:
    """What the open holds hold."""
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    for hold in holds:
        for key, amount, length in hold.entries:
            if not length:
                tallies[key].held += amount
    return tallies


class _Kept:
    """Which budgets in which periods are rebuilt."""

    def __init__(self, rules: Rules, keys: set[str], now: int, scope_model: Callable[[str], str]) -> None:
        self._scopes = Scopes(rules)
        self._scope_model = scope_model
        self._periods = {budget.every for budget in rules.budgets}
        self._keys = keys
        self._now = now

    def keys(self, app: str, user_id: str, route: str, model: str, day: str) -> Iterator[str]:
        """The keys of the tallies that a charge counts in."""
        at = parse_rfc3339(day)
        for rule, key in self._scopes.keyed(Caller(app, user_id, route), self._scope_model(model)):
            if rule.kind == "b":
                in_period = budget_key(rule, key, at)
                if in_period in self._keys or in_period.rpartition("|")[2] == period_name(rule.every, self._now):
                    yield in_period

    def since(self) -> str:
        """RFC 3339; no older charge matters."""
        names = {period_name(every, self._now) for every in self._periods}
        names |= {key.rpartition("|")[2] for key in self._keys if key[0] == "b"}
        return "" if "total" in names else min(names, default=rfc3339(self._now))


def _recounted(ledger: BlockingFile, kept: _Kept, attempt_id: str, counted: Counted) -> Counted:
    """What the ledger has for a hold that was swept.  Read once, for it may change in the meantime."""
    row = ledger.read(lambda db: db.execute(_ONE, (attempt_id,)).fetchone())
    keys, cost = (tuple(kept.keys(*row[:5])), row[5]) if row else ((), 0)
    return msgspec.structs.replace(counted, keys=keys, cost=cost)


def _settled(ledger: BlockingFile, kept: _Kept, without: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Keys and what the ledger adds to them, but for the attempts that the store still has."""
    left_out = msgspec.json.encode([*without]).decode()
    rows = ledger.read(lambda db: db.execute(_SUMS, (kept.since(), left_out)).fetchall())
    for *whose, cost in rows:
        for key in kept.keys(*whose):
            yield key, cost


def _write(db: sqlite3.Connection, tallies: Mapping[str, Tally]) -> None:
    db.execute("DELETE FROM tallies")
    rows = sorted((key, tally.settled, tally.held) for key, tally in tallies.items())
    db.executemany("INSERT INTO tallies VALUES (?, ?, ?)", rows)
    db.execute("UPDATE snapshot SET epoch = epoch + 1")


def _changes(before: Mapping[str, Tally], after: Mapping[str, Tally]) -> Iterator[Change]:
    nothing = Tally()
    for key in sorted({*before, *after}):
        old, new = before.get(key, nothing), after.get(key, nothing)
        if old != new:
            yield Change(key=key, settled_before=old.settled, settled=new.settled, held_before=old.held, held=new.held)
