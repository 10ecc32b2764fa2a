"""Where an upstream lives: a base URL taken apart once, at start."""

from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from tidegate.model.errors import ConfigError

_PORTS = {"http": 80, "https": 443}


class Address(Struct, frozen=True):
    """A base URL such as `https://host:8443/anthropic`."""

    scheme: str
    host: str
    """Without brackets."""
    port: int
    prefix: str
    """Path in front of every target, without a slash at its end; often empty."""

    @property
    def tls(self) -> bool:
        """Whether connections to it are encrypted."""
        return self.scheme == "https"

    @property
    def endpoint(self) -> str:
        """`host:port`, as CONNECT and messages want it."""
        return f"{bracketed(self.host)}:{self.port}"

    @property
    def authority(self) -> str:
        """The value of `host`: the port is left out where it is the scheme's own."""
        return bracketed(self.host) if self.port == _PORTS[self.scheme] else self.endpoint


def read_address(url: str) -> Address:
    """Take a base URL apart; raises ConfigError."""
    parts = split_url(url, schemes=tuple(_PORTS))
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError(
            f"upstream url of host {parts.hostname}: it must have no user, query or fragment; remove them"
        )
    if not (parts.path.isascii() and parts.path.isprintable()) or " " in parts.path:
        raise ConfigError(f"upstream url of host {parts.hostname}: its path must be plain ASCII; percent-encode it")
    port = parts.port or _PORTS[parts.scheme]
    return Address(parts.scheme, str(parts.hostname), port, parts.path.rstrip("/"))


def split_url(url: str, *, schemes: tuple[str, ...]) -> SplitResult:
    """Split a URL that must have a host and one of the schemes.  Errors never repeat it: it may hold a password."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")  # as the resolver will: it refuses labels of more than 63 characters
    except ValueError as error:
        raise ConfigError(f"a url cannot be read ({error}); write it as {schemes[0]}://host:port") from None
    if parts.scheme not in schemes or not host or not host.isascii() or not host.isprintable() or " " in host:
        raise ConfigError(f"a url must be {' or '.join(f'{scheme}://host' for scheme in schemes)}")
    return parts


def bracketed(host: str) -> str:
    """An IPv6 address in its brackets, any other host as it is."""
    return f"[{host}]" if ":" in host else host
