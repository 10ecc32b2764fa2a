"""The settings: every value that the configuration decides, frozen, with its default."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct

from tidegate.config.hidden import Hidden, HiddenEnvironment, without_password
from tidegate.policy.rules import Limit, Rules

MB = 1024 * 1024
"""As the Claude API documents its sizes."""


class GatewaySettings(Struct, frozen=True, kw_only=True):
    """`[gateway]`: where the gateway listens and how long it waits; seconds and bytes."""

    host: str = "127.0.0.1"
    port: int = 8787
    """0: any free one."""
    public_url: str | None = None
    """Without a slash at its end."""
    max_body: int = 32 * MB
    drain: float = 30.0
    workers: int = 1
    header_timeout: float = 10.0
    """How long a client may take to send its headers."""
    body_timeout: float = 30.0
    """How long a client may stay silent while it sends a body."""
    ping: float = 15.0
    """Silence of an upstream, in seconds, after which the client of a stream gets a ping."""
    log_format: Literal["auto", "json", "readable"] = "auto"
    """auto: readable on a terminal, else json."""


class UpstreamSettings(Struct, frozen=True, kw_only=True):
    """`[upstreams.NAME]`: a place that serves Claude."""

    name: str
    url: str
    """Without a slash at its end."""
    api_key: str | None = None
    """A secret URI, never the secret; None: no credentials are sent."""
    priority: int = 1
    """The lowest is asked first."""
    proxy: str | None = None
    ca_file: Path | None = None

    def __repr__(self) -> str:
        proxy = None if self.proxy is None else without_password(self.proxy)
        return (
            f"UpstreamSettings(name={self.name!r}, url={without_password(self.url)!r}, api_key={self.api_key!r}, "
            f"priority={self.priority!r}, proxy={proxy!r}, ca_file={self.ca_file!r})"
        )


class WhenDown(Struct, frozen=True, kw_only=True):
    """`when_down` in `[store]`: what happens while the store cannot be used."""

    budgets: Literal["closed", "open"] = "closed"
    limits: Literal["local", "closed"] = "local"


class StoreSettings(Struct, frozen=True, kw_only=True):
    """`[store]`: the live state."""

    url: str = "sqlite:///tidegate.db"
    durability: Literal["process", "power"] = "process"
    when_down: WhenDown = WhenDown()

    def __repr__(self) -> str:
        url = without_password(self.url)
        return f"StoreSettings(url={url!r}, durability={self.durability!r}, when_down={self.when_down!r})"


class LedgerSettings(Struct, frozen=True, kw_only=True):
    """`[ledger]`: the record of all charges."""

    url: str = "sqlite:///tidegate.db"

    def __repr__(self) -> str:
        return f"LedgerSettings(url={without_password(self.url)!r})"


class TextsSettings(Struct, frozen=True, kw_only=True):
    """`[texts]`: what people read when a call gets no answer."""

    file: Path | None = None
    """A catalogue over the built-in one, for another language or other words."""


class PriceOverride(Struct, frozen=True, kw_only=True):
    """`[prices.MODEL]`: nano-dollars per million tokens; None: derived from `input` by the price list's rules."""

    input: int
    output: int
    cache_read: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    context_window: int | None = None
    """Tokens."""
    max_output: int | None = None
    """Tokens."""


DEFAULT_UPSTREAM = UpstreamSettings(
    name="anthropic", url="https://api.anthropic.com", api_key="env://ANTHROPIC_API_KEY"
)
"""The only upstream when none is declared; the defaults of `[upstreams.anthropic]`."""

DEFAULT_LIMITS = (Limit(per=("user",), counts="requests", amount=20, window=60_000_000),)
"""The limits without a configuration file; a file without `[[limits]]` has none."""


class Settings(Struct, frozen=True, kw_only=True):
    """All settings of one process."""

    gateway: GatewaySettings = GatewaySettings()
    upstreams: tuple[UpstreamSettings, ...] = (DEFAULT_UPSTREAM,)
    """By priority, then as declared; never empty."""
    store: StoreSettings = StoreSettings()
    ledger: LedgerSettings = LedgerSettings()
    texts: TextsSettings = TextsSettings()
    rules: Rules = Rules(limits=DEFAULT_LIMITS)
    prices: Mapping[str, PriceOverride] = {}
    admin_token: Hidden | None = None
    key_secret: Hidden | None = None
    environ: HiddenEnvironment = HiddenEnvironment({})
    """What `env://` reads: the environment over the `.env` beside the configuration file."""
    source: Path | None = None
    """The configuration file; None: built-in defaults."""
    directory: Path = Path()
    """Where relative paths begin: the configuration file's folder, else the working directory."""
    notices: tuple[str, ...] = ()
    """Sentences that the start says aloud."""
