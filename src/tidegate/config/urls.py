"""What addresses look like: upstreams, proxies, stores, ledgers, the gateway's own public URL."""

from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from tidegate.config.parse import UnfitError

_STORES = (
    '"memory://", "sqlite:///relative.db", "sqlite:////absolute.db", "redis://host:6379/0", "rediss://…" or '
    '"unix:///path/redis.sock"'
)
_LEDGERS = '"sqlite:///relative.db", "sqlite:////absolute.db" or "postgresql://user@host/database"'
_KEY_FORM = 'the address of a secret such as "env://ANTHROPIC_API_KEY" or "file:///run/secrets/anthropic"'


def web_url(value: object) -> str:
    """An http or https address without query, without a slash at its end."""
    expected = 'an address such as "https://api.anthropic.com"'
    parts = _split(value, expected)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise UnfitError(expected)
    if parts.username is not None:
        raise UnfitError("an address without a user or password in it")
    return parts.geturl().rstrip("/")


def proxy_url(value: object) -> str:
    """The address of an HTTP proxy; it may carry a user and a password."""
    expected = 'the address of a proxy such as "http://proxy.internal:3128"'
    parts = _split(value, expected)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise UnfitError(expected)
    return parts.geturl().rstrip("/")


def store_url(value: object) -> str:
    """Where the live state is."""
    parts = _split(value, _STORES)
    fits = {
        "memory": value == "memory://",
        "sqlite": _names_a_file(parts),
        "redis": bool(parts.hostname),
        "rediss": bool(parts.hostname),
        "unix": not parts.netloc.rpartition("@")[2] and len(parts.path) > 1,
    }
    if not fits.get(parts.scheme, False):
        raise UnfitError(_STORES)
    return str(value)


def ledger_url(value: object) -> str:
    """Where the charges are."""
    parts = _split(value, _LEDGERS)
    fits = {"sqlite": _names_a_file(parts), "postgresql": bool(parts.hostname or parts.query)}
    if not fits.get(parts.scheme, False):
        raise UnfitError(_LEDGERS)
    return str(value)


def key_address(value: object) -> str:
    """A secret's address; the secret itself is refused, because a configuration file ends up in git."""
    if isinstance(value, str):
        scheme, mark, rest = value.partition("://")
        if mark and rest and scheme.replace("-", "").isalnum() and not scheme.startswith("sk-"):
            return value
        if value.strip() and not mark:
            raise UnfitError(
                f"{_KEY_FORM}, never the key itself, because configuration ends up in git: put the key into the "
                "environment variable ANTHROPIC_API_KEY"
            )
    raise UnfitError(_KEY_FORM)


def sqlite_path(url: str, directory: Path) -> Path:
    """The file of a `sqlite:///relative` (to `directory`) or `sqlite:////absolute` address."""
    return directory / url.removeprefix("sqlite:///")


def is_loopback(url: str) -> bool:
    """Whether the host of the address is this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _split(value: object, expected: str) -> SplitResult:
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        raise UnfitError(expected)
    try:
        parts = urlsplit(value)
        _ = parts.port  # reading it is what checks it
    except ValueError:
        raise UnfitError(expected) from None
    return parts


def _names_a_file(parts: SplitResult) -> bool:
    written = parts.path.removeprefix("/")
    return not parts.netloc and not parts.query and not parts.fragment and written.strip("/. ") not in {"", ":memory:"}
