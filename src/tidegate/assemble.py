"""From settings to a running Gate: the only file that names concrete classes."""

import os
import random
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Generic, TypeVar

from msgspec import Struct

from tidegate.config.prices import price_book
from tidegate.config.settings import Settings, UpstreamSettings
from tidegate.config.urls import sqlite_path
from tidegate.core.books import Books
from tidegate.core.gate import Gate
from tidegate.core.ports import Clock, Ledger, Observe, Store, Upstream
from tidegate.databases.sqlite import PATIENCE, AsyncFile, BlockingFile, File, explain
from tidegate.ledgers.keys import SqliteKeys
from tidegate.ledgers.sqlite import SqliteLedger
from tidegate.model.errors import ConfigError
from tidegate.model.texts import Texts, parse_texts
from tidegate.observe.lines import Lines
from tidegate.observe.log import LogFacts, make_logger
from tidegate.observe.std import StdFacts
from tidegate.policy.prices import PriceBook
from tidegate.policy.retry import RetryBudget
from tidegate.policy.rules import Rules
from tidegate.policy.scopes import Scopes, as_counted
from tidegate.secrets.credential import Credential
from tidegate.secrets.resolve import resolve
from tidegate.stores.memory import MemoryStore
from tidegate.stores.sqlite import SqliteStore
from tidegate.system.clock import AsyncClock
from tidegate.system.ids import new_id
from tidegate.upstreams.anthropic import Anthropic

F = TypeVar("F", AsyncFile, BlockingFile)


class Running(Struct, frozen=True, kw_only=True):
    """An assembled Gate with what its door needs beside it."""

    gate: Gate
    keys: SqliteKeys
    ledger: SqliteLedger
    upstreams: tuple[Anthropic, ...]
    files: tuple[AsyncFile, ...]
    clock: Clock
    texts: Texts
    logger: Any
    lines: Lines

    async def close(self) -> None:
        """Close connections and files."""
        for upstream in self.upstreams:
            await upstream.aclose()
        for file in self.files:
            file.close()
        self.lines.close()


def assemble(settings: Settings, *, log_format: str = "json") -> Running:
    """Everything that the gateway needs, for one event loop; raises ConfigError, contacts nothing."""
    texts = load_texts(settings.texts.file)
    prices = load_prices(settings)
    upstreams = tuple(_upstream(settings, upstream) for upstream in settings.upstreams)
    with _opening(settings, lambda path: AsyncFile(path, durability=settings.store.durability)) as files:
        ledger = SqliteLedger(files.open(settings, settings.ledger.url, "ledger"))
        store = _store(settings, files, ledger, prices)
    lines = Lines(sys.stdout)
    logger = make_logger("readable" if log_format == "readable" else "json", lines)
    clock = AsyncClock()
    gate = Gate(
        rules=settings.rules,
        prices=prices,
        store=store,
        ledger=ledger,
        upstreams=upstreams,
        clock=clock,
        observe=LogFacts(logger, texts),
        rng=random.random,
        new_id=new_id,
        texts=texts,
    )
    return Running(
        gate=gate,
        keys=SqliteKeys(ledger.file),
        ledger=ledger,
        upstreams=upstreams,
        files=tuple(files.opened.values()),
        clock=clock,
        texts=texts,
        logger=logger,
        lines=lines,
    )


class Shared(Struct, frozen=True, kw_only=True):
    """What all guards of one process with the same settings share: one store, one ledger, blocking files."""

    settings: Settings
    store: Store
    ledger: SqliteLedger
    files: tuple[BlockingFile, ...]
    prices: PriceBook
    observe: Observe
    texts: Texts
    label_secret: bytes

    def gate(
        self, store: Store, ledger: Ledger, upstream: Upstream, clock: Clock, books: Books, retries: RetryBudget
    ) -> Gate:
        """A Gate over the shared parts; a thread and an event loop each have one, because they wait differently."""
        return Gate(
            rules=self.settings.rules,
            prices=self.prices,
            store=store,
            ledger=ledger,
            upstreams=(upstream,),
            clock=clock,
            observe=self.observe,
            rng=random.random,
            new_id=new_id,
            texts=self.texts,
            books=books,
            retries=retries,
        )

    def close(self) -> None:
        """Close the files."""
        for file in self.files:
            file.close()


def assemble_guard(settings: Settings, texts: Texts) -> Shared:
    """Everything that guards share; raises ConfigError, contacts nothing."""
    prices = load_prices(settings)
    with _opening(settings, lambda path: BlockingFile(path, durability=settings.store.durability)) as files:
        ledger = SqliteLedger(files.open(settings, settings.ledger.url, "ledger"))
        return Shared(
            settings=settings,
            store=_store(settings, files, ledger, prices),
            ledger=ledger,
            files=tuple(files.opened.values()),
            prices=prices,
            observe=StdFacts(texts),
            texts=texts,
            label_secret=label_secret(settings, ledger.file),
        )


def label_secret(settings: Settings, ledger: File) -> bytes:
    """What hashes names that are no labels: TIDEGATE_KEY_SECRET, else the random secret of the ledger's file."""
    if settings.key_secret is not None:
        return settings.key_secret.reveal().encode()
    return bytes(ledger.read(lambda db: db.execute("SELECT label_secret FROM installation").fetchone()[0]))


def counted_rules(settings: Settings, prices: PriceBook, ledger: File) -> Rules:
    """The operator's rules for `Scopes`, their names as calls have them; `ledger` is its file, with its tables."""
    return as_counted(settings.rules, prices, label_secret(settings, ledger))


def _store(settings: Settings, files: "Files[Any]", ledger: SqliteLedger, prices: PriceBook) -> Store:
    scopes = Scopes(counted_rules(settings, prices, ledger.file))
    if settings.store.url.startswith("memory:"):
        return MemoryStore(scopes, ledger, settings.rules.breaker)
    file = files.open(settings, settings.store.url, "store")
    within = ledger.within if file is ledger.file else None
    return SqliteStore(file, scopes, ledger, within, settings.rules.breaker)


def _upstream(settings: Settings, wanted: UpstreamSettings) -> Anthropic:
    secret = resolve(wanted.api_key, settings.environ) if wanted.api_key else None
    if secret is not None and secret.reveal().startswith("tg_"):
        raise ConfigError(
            f"{wanted.api_key} holds an app key of tidegate, not a key of the Claude API: set it to one that "
            "begins with sk-ant-"
        )
    credential = Credential(secret, lambda: resolve(wanted.api_key or "", settings.environ)) if secret else None
    return Anthropic(
        key=credential,
        url=wanted.url,
        name=wanted.name,
        proxy=wanted.proxy,
        ca_file=str(wanted.ca_file) if wanted.ca_file else None,
    )


class Files(Generic[F]):
    """The SQLite files of a process: store and ledger share one when they name one."""

    def __init__(self, make: Callable[[Path], F]) -> None:
        self._make: Callable[[Path], F] = make
        self.opened: dict[Path, F] = {}

    def open(self, settings: Settings, url: str, section: str) -> F:
        """The file that a `sqlite:///` URL names; raises ConfigError."""
        path = _path(settings, url, section)
        if path not in self.opened:
            self.opened[path] = self._make(path)
        return self.opened[path]

    def close(self) -> None:
        """Close what is open."""
        for file in self.opened.values():
            file.close()


@contextmanager
def _opening(settings: Settings, make: Callable[[Path], F]) -> Iterator[Files[F]]:
    """The files of a start; one that is refused has made none, and leaves none open."""
    check_files(settings)
    files = Files(make)
    try:
        yield files
    except BaseException:
        files.close()
        raise


def open_ledger(settings: Settings) -> BlockingFile:
    """The ledger's file, for a command; raises ConfigError, and makes no file where no gateway could start."""
    if not _exists(_path(settings, settings.ledger.url, "ledger")):
        check_files(settings)
    return Files(BlockingFile).open(settings, settings.ledger.url, "ledger")


def check_files(settings: Settings) -> None:
    """Find what is wrong with the files of store and ledger before one of them is made; raises ConfigError."""
    paths = [_path(settings, settings.ledger.url, "ledger")]
    if not settings.store.url.startswith("memory:"):
        paths.append(_path(settings, settings.store.url, "store"))
    there = [path for path in paths if _exists(path)]
    first, last = paths[0], paths[-1]
    if first != last and len(there) > 1 and first.samefile(last):
        raise ConfigError(
            f"[ledger] url and [store] url are two names of one file, {first} and {last}, which SQLite cannot keep "
            "whole: give both the same url"
        )
    if len(there) == len(paths):
        return  # nothing will be made, and opening them tells the same
    for path in paths:
        if path in there:
            _check_file(path)
        elif not (_exists(path.parent) and os.access(f"{path.parent}/.", os.W_OK | os.X_OK)):
            raise ConfigError(f"{path} cannot be opened: does its folder exist, and may this user write there?")


def _path(settings: Settings, url: str, section: str) -> Path:
    if not url.startswith("sqlite:"):
        scheme = url.split(":", maxsplit=1)[0]
        raise ConfigError(f'[{section}] url = "{scheme}://…" is not built yet; use "sqlite:///tidegate.db"')
    path = sqlite_path(url, settings.directory)
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # links that lead in a circle
        raise ConfigError(f"{path} cannot be opened: where does its link lead?") from None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long, a folder that may not be entered
        return False


def _check_file(path: Path) -> None:
    """Whether SQLite reads and may write it; nothing is written, nothing is left behind."""
    try:
        with closing(
            sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=PATIENCE)
        ) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            db.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise ConfigError(explain(path, error)) from None


@lru_cache(maxsize=16)
def load_texts(own: Path | None = None) -> Texts:
    """The catalogue of texts that comes with the package, under the operator's own; raises ConfigError."""
    folder = resources.files("tidegate.model") / "texts"
    built_in = {**parse_texts((folder / "en.toml").read_bytes()), **parse_texts((folder / "titles.toml").read_bytes())}
    if own is None:
        return built_in
    try:
        return {**built_in, **parse_texts(own.read_bytes(), built_in)}
    except OSError as error:
        raise ConfigError(f"texts = {str(own)!r} cannot be read: {error.strerror or 'I/O error'}") from None
    except ValueError as error:
        raise ConfigError(f"texts = {str(own)!r}: {error}") from None


def load_prices(settings: Settings) -> PriceBook:
    """The price list of the package under the operator's own."""
    return price_book(settings.prices)
