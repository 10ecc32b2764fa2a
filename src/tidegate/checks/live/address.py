"""Where the Admin key is, and where it may be sent to."""

from typing import Final
from urllib.parse import urlsplit

from tidegate.config.urls import is_loopback
from tidegate.model.errors import ConfigError

URL: Final = "https://api.anthropic.com"
"""Never ANTHROPIC_BASE_URL: a gateway that stands there has no business with an Admin key."""

KEY: Final = "env://ANTHROPIC_ADMIN_KEY"


def read_admin_url(url: str) -> str:
    """The address without a slash at its end; raises ConfigError for one that a key must not be sent to."""
    try:
        parts = urlsplit(url)
        fine = parts.hostname and not (parts.username or parts.query or parts.fragment)
        safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))
    except ValueError:
        fine = safe = False
    if not fine or not safe:
        raise ConfigError("--admin-url: write an https address, such as https://api.anthropic.com")
    return url.rstrip("/")
