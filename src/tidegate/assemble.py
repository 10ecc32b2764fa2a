"""From settings to a running Gate: the only file that names concrete classes."""

import random
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from tidegate.config.settings import Settings, UpstreamSettings
from tidegate.config.urls import sqlite_path
from tidegate.core.books import Books
from tidegate.core.gate import Gate
from tidegate.core.ports import Clock, Ledger, Observe, Store, Upstream
from tidegate.databases.sqlite import AsyncFile, BlockingFile, File
from tidegate.ledgers.keys import SqliteKeys
from tidegate.ledgers.sqlite import SqliteLedger
from tidegate.model.errors import ConfigError
from tidegate.model.texts import Texts, parse_texts
from tidegate.observe.lines import Lines
from tidegate.observe.log import LogFacts, make_logger
from tidegate.observe.std import StdFacts
from tidegate.policy.prices import Override, PriceBook
from tidegate.policy.retry import RetryBudget
from tidegate.policy.scopes import Scopes
from tidegate.secrets.credential import Credential
from tidegate.secrets.resolve import resolve
from tidegate.stores.memory import MemoryStore
from tidegate.stores.sqlite import SqliteStore
from tidegate.system.clock import AsyncClock
from tidegate.system.ids import new_id
from tidegate.upstreams.anthropic import Anthropic

F = TypeVar("F", bound=File)


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
    lines = Lines(sys.stdout)
    logger = make_logger("readable" if log_format == "readable" else "json", lines)
    clock = AsyncClock()
    files = Files(lambda path: AsyncFile(path, durability=settings.store.durability))
    ledger_file = files.open(settings, settings.ledger.url, "ledger")
    ledger = SqliteLedger(ledger_file)
    upstreams = tuple(_upstream(settings, upstream) for upstream in settings.upstreams)
    gate = _gate(settings, files, ledger, upstreams, clock, LogFacts(logger, texts), texts)
    return Running(
        gate=gate,
        keys=SqliteKeys(ledger_file),
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
    files = Files(lambda path: BlockingFile(path, durability=settings.store.durability))
    ledger_file = files.open(settings, settings.ledger.url, "ledger")
    ledger = SqliteLedger(ledger_file)
    secret = settings.key_secret
    return Shared(
        settings=settings,
        store=_store(settings, files, ledger),
        ledger=ledger,
        files=tuple(files.opened.values()),
        prices=load_prices(settings),
        observe=StdFacts(texts),
        texts=texts,
        label_secret=secret.reveal().encode() if secret is not None else _own_secret(ledger_file),
    )


def _own_secret(file: BlockingFile) -> bytes:
    """The random secret that the ledger's file was made with, for the hashes of labels."""
    return bytes(file.read(lambda db: db.execute("SELECT label_secret FROM installation").fetchone()[0]))


def _gate(
    settings: Settings,
    files: "Files[Any]",
    ledger: SqliteLedger,
    upstreams: tuple[Upstream, ...],
    clock: Clock,
    observe: Observe,
    texts: Texts,
) -> Gate:
    return Gate(
        rules=settings.rules,
        prices=load_prices(settings),
        store=_store(settings, files, ledger),
        ledger=ledger,
        upstreams=upstreams,
        clock=clock,
        observe=observe,
        rng=random.random,
        new_id=new_id,
        texts=texts,
    )


def _store(settings: Settings, files: "Files[Any]", ledger: SqliteLedger) -> Store:
    scopes = Scopes(settings.rules)
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
        self._make = make
        self.opened: dict[Path, F] = {}

    def open(self, settings: Settings, url: str, section: str) -> F:
        """The file that a `sqlite:///` URL names; raises ConfigError."""
        if not url.startswith("sqlite:"):
            scheme = url.split(":", maxsplit=1)[0]
            raise ConfigError(f'[{section}] url = "{scheme}://…" is not built yet; use "sqlite:///tidegate.db"')
        path = sqlite_path(url, settings.directory).resolve()
        if path not in self.opened:
            self.opened[path] = self._make(path)
        return self.opened[path]


def open_ledger(settings: Settings) -> BlockingFile:
    """The ledger's file, for a command; raises ConfigError."""
    return Files(BlockingFile).open(settings, settings.ledger.url, "ledger")


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
    data = (resources.files("tidegate.policy") / "prices.json").read_bytes()
    own = {model: Override(**msgspec.structs.asdict(price)) for model, price in settings.prices.items()}
    return PriceBook.parse(data, own)
