"""`tidegate.guard(client)`: the same client, behind limits, budgets, retries and a ledger.

What is guarded: `Anthropic`, `AsyncAnthropic` and their subclasses whose requests are Anthropic's own: Foundry, Google
Cloud, AWS with an API key.  The transport of the client's HTTP client is wrapped, nothing else: so its time-outs,
proxies, keep-alive, base address and credentials stay, and every client derived from it has the guard, too.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from tidegate.assemble import load_texts
from tidegate.config.environment import read_environment
from tidegate.config.keys import LISTS
from tidegate.config.load import load
from tidegate.config.settings import Settings
from tidegate.doors.guard.texts import use
from tidegate.model.errors import ConfigError
from tidegate.model.labels import is_label

if TYPE_CHECKING:
    from anthropic import Anthropic, AsyncAnthropic

C = TypeVar("C", bound="Anthropic | AsyncAnthropic")

SDK: Final = 2
"""The major version of the SDK that is known here."""

_OTHER_WIRES: Final = ("Bedrock", "Vertex")
"""Platforms whose requests are not Anthropic's: the model is in the address, streams are binary."""

_SENDERS: Final = ("gateway", "upstreams")
"""Sections that are the gateway's alone: a guarded client has its own address and key."""


def guard(
    client: C,
    *,
    config: str | Path | None = None,
    app: str = "app",
    user_from: Literal["metadata"] | None = None,
    texts: str | Path | None = None,
    **settings: object,
) -> C:
    """A client like this one, guarded; the one that was given stays as it is, and open for as long as this one.

    Without any configuration: 20 requests a minute per user, no budget, the ledger in `./tidegate.db`.

    Args:
        client: of the official SDK, version 2.
        config: the path of a tidegate.toml; else TIDEGATE_CONFIG, else `./tidegate.toml`, else the defaults.
        app: the application's name in limits, budgets and the ledger.
        user_from: `"metadata"`: a call that names no user belongs to its `metadata.user_id`.
        texts: a catalogue of texts in TOML over the built-in one, for another language or other words; else `[texts]
            file`.
        settings: sections of tidegate.toml over those of the file: `limits=[{"per": "user", "requests": "5/minute"}]`.

    Raises ConfigError or TypeError, with a line for everything that is wrong.
    """
    _check_client(client)
    _check_names(app, user_from, settings)
    from tidegate.doors.guard.wrapping import wrapped  # noqa: PLC0415 - it needs the SDK's HTTP library, see above

    loaded = _load(config, settings)
    path = loaded.texts.file if texts is None else Path(texts).resolve()
    guarded = wrapped(client, loaded, load_texts(path), app, user_from)
    if path is not None:
        use(path)
    return guarded


def _load(config: str | Path | None, settings: dict[str, object]) -> Settings:
    path = None if config is None else Path(config)
    return load(path, environ=read_environment(), directory=Path.cwd(), overrides=settings)


def _check_names(app: object, user_from: object, settings: dict[str, object]) -> None:
    if not isinstance(app, str) or not is_label(app):
        raise ConfigError("app = must be a name of at most 128 letters, digits and . _ : @ / -")
    if user_from not in (None, "metadata"):
        raise ConfigError('user_from = must be "metadata" or be left out')
    for name in LISTS:
        if isinstance(settings.get(name), Mapping):
            raise ConfigError(f"{name} = must be a list of tables, such as {name}=[{{…}}], not a single one")
    for name in _SENDERS:
        if name in settings:
            raise ConfigError(f"{name} = is the gateway's; a guarded client sends to its own address with its own key")


def _check_client(client: object) -> None:
    """Say at once what cannot be guarded; raises ConfigError or TypeError."""
    kind = client if isinstance(client, type) else type(client)
    if kind.__module__.partition(".")[0] in ("httpx", "httpx2"):
        raise TypeError("tidegate.guard() takes a client of the anthropic SDK, not its HTTP client")
    try:
        import anthropic  # noqa: PLC0415 - whoever has a client has loaded it; others need not have it
    except ImportError:
        raise ConfigError("tidegate.guard() needs the anthropic SDK: pip install 'anthropic>=2,<3'") from None
    version = str(getattr(anthropic, "__version__", "0"))
    if version.partition(".")[0] != str(SDK):
        raise ConfigError(f"anthropic {version} is installed; tidegate.guard() needs version {SDK}")
    names = [one.__name__ for one in kind.__mro__ if one.__module__.partition(".")[0] == "anthropic"]
    if any(word in name for name in names for word in _OTHER_WIRES):
        raise ConfigError(f"{kind.__name__} cannot be guarded yet: its requests are not those of Anthropic's own API")
    if isinstance(client, type) or not isinstance(client, anthropic.Anthropic | anthropic.AsyncAnthropic):
        found = f"the class {client.__name__}" if isinstance(client, type) else kind.__name__
        raise TypeError(f"tidegate.guard() takes an Anthropic or AsyncAnthropic client, not {found}")
    if getattr(client, "_use_sigv4", False):
        raise ConfigError(f"{kind.__name__} signs its requests, which must not be changed then; give it an API key")
    if client.is_closed():
        raise ConfigError("this client is closed")
