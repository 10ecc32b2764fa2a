"""`tidegate rebuild`: the store's budgets from the ledger and the open holds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec.structs import asdict

from tidegate.assemble import Files, counted_rules, load_prices
from tidegate.cli.failures import NotFoundError
from tidegate.cli.options import Config, Json, ledger_path, load_settings
from tidegate.cli.screen import note, say, write_json, write_table
from tidegate.config.settings import Settings
from tidegate.databases.sqlite import BlockingFile
from tidegate.ledgers.sqlite import SqliteLedger
from tidegate.model.errors import ConfigError
from tidegate.model.money import show_usd
from tidegate.policy.prices import PriceBook
from tidegate.stores.rebuild import Change, Rebuilt
from tidegate.stores.rebuild import rebuild as rebuild_store


def rebuild(config: Config = None, as_json: Json = False) -> None:
    """Make the store's budgets anew from the ledger and the open holds."""
    settings = load_settings(config)
    if settings.store.url.startswith("memory:"):
        raise ConfigError("[store] is memory://: it ends with its process, and there is nothing to rebuild")
    prices = load_prices(settings)
    with _files(settings) as (store, ledger):
        rules = counted_rules(settings, prices, ledger)
        found = rebuild_store(store, ledger, rules, _scope_model(prices), time.time_ns() // 1000)
    if not settings.rules.budgets:
        note("There are no [[budgets]] in the configuration: what the store kept of older ones is gone.")
    if as_json:
        write_json(asdict(found) | {"changes": [asdict(change) for change in found.changes]})
    else:
        _show(found)


@contextmanager
def _files(settings: Settings) -> Iterator[tuple[BlockingFile, BlockingFile]]:
    """The store's and the ledger's file, which may be one; a ledger that is not there must not become an empty one."""
    if settings.ledger.url.startswith("sqlite:") and not (path := ledger_path(settings)).exists():
        raise NotFoundError(f"there is no ledger {path}; budgets can only be rebuilt from it")
    files = Files(lambda path: BlockingFile(path, durability=settings.store.durability))
    try:
        ledger = files.open(settings, settings.ledger.url, "ledger")
        store = files.open(settings, settings.store.url, "store")
        SqliteLedger(ledger)  # brings the tables up to date
        store.migrate("store", "tidegate.stores")
        yield store, ledger
    finally:
        for file in files.opened.values():
            file.close()


def _scope_model(prices: PriceBook) -> Callable[[str], str]:
    return lambda model: (prices.find(model) or prices.dearest).model


def _show(found: Rebuilt) -> None:
    if found.changes:
        columns = ("budget or limit", "for", "period", "settled before", "settled", "held before", "held")
        write_table("Changed", columns, [_row(change) for change in found.changes], text=3)
    else:
        say("Nothing to correct: every budget is what the ledger says.")
    say(f"{found.tallies} tallies, {found.open_holds} open holds.")


def _row(change: Change) -> tuple[str, ...]:
    """A change in words; keys are written by policy/scopes.py."""
    kind, per, every, where, *values = change.key.split("|")
    numbers = (change.settled_before, change.settled, change.held_before, change.held)
    only = f" ({where})" if where else ""
    if kind == "c":
        _, _, held_before, held = (str(number) for number in numbers)
        return f"calls at a time, {per}{only}", " ".join(values), "", "", "", held_before, held
    *who, period = values
    return f"{per}, {every}{only}", " ".join(who), period, *(show_usd(number) for number in numbers)
