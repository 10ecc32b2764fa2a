"""Addresses: which are taken, which are refused, and which file a SQLite address means."""

from pathlib import Path

import pytest

from tidegate.config import urls
from tidegate.config.parse import UnfitError


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("https://api.anthropic.com", "https://api.anthropic.com"),
        ("https://api.anthropic.com/", "https://api.anthropic.com"),
        ("http://127.0.0.1:9000/prefix/", "http://127.0.0.1:9000/prefix"),
        ("http://[::1]:9000", "http://[::1]:9000"),
    ],
)
def test_web(value: str, kept: str) -> None:
    assert urls.web_url(value) == kept


@pytest.mark.parametrize(
    "value",
    [
        "",
        "api.anthropic.com",
        "ftp://a",
        "https://",
        "https:///x",
        "https://a?b=1",
        "https://a b",
        "https://a:x",
        3,
        "http://[::1",
    ],
)
def test_not_web(value: object) -> None:
    with pytest.raises(UnfitError, match=r'an address such as "https://api\.anthropic\.com"'):
        urls.web_url(value)


def test_an_upstream_has_no_password_in_its_address() -> None:
    with pytest.raises(UnfitError, match="without a user or password"):
        urls.web_url("https://me:secret@host")


@pytest.mark.parametrize("value", ["http://proxy:3128", "http://me:secret@proxy:3128"])
def test_proxies(value: str) -> None:
    assert urls.proxy_url(value) == value


@pytest.mark.parametrize("value", ["proxy:3128", "socks5://proxy", "http://proxy/path"])
def test_no_proxies(value: str) -> None:
    with pytest.raises(UnfitError, match="the address of a proxy"):
        urls.proxy_url(value)


@pytest.mark.parametrize(
    "value",
    [
        "memory://",
        "sqlite:///tidegate.db",
        "sqlite:///data/tidegate.db",
        "sqlite:////var/lib/tidegate.db",
        "redis://localhost",
        "redis://:secret@localhost:6379/0",
        "rediss://host:6380",
        "unix:///run/redis.sock",
    ],
)
def test_stores(value: str) -> None:
    assert urls.store_url(value) == value


@pytest.mark.parametrize(
    "value",
    ["", "memory", "memory://x", "sqlite://", "sqlite:///", "sqlite:////", "sqlite://host/x", "sqlite:///:memory:", "redis://",
     "unix://", "sqlite:///a?mode=ro", "mysql://host/x", "postgresql://host/x", "tidegate.db", 3],
)  # fmt: skip
def test_no_stores(value: object) -> None:
    with pytest.raises(UnfitError, match=r'"memory://", "sqlite:///relative\.db"'):
        urls.store_url(value)


@pytest.mark.parametrize(
    "value", ["sqlite:///a.db", "postgresql://me@host/db", "postgresql:///db?host=/run/postgresql"]
)
def test_ledgers(value: str) -> None:
    assert urls.ledger_url(value) == value


@pytest.mark.parametrize(
    "value", ["memory://", "postgres://host/db", "postgresql://", "redis://host", "sqlite:///", None]
)
def test_no_ledgers(value: object) -> None:
    with pytest.raises(UnfitError, match='"postgresql://user@host/database"'):
        urls.ledger_url(value)


@pytest.mark.parametrize("value", ["env://NAME", "file:///run/secrets/x", "aws-sm://prod/anthropic#/key"])
def test_key_addresses(value: str) -> None:
    assert urls.key_address(value) == value


@pytest.mark.parametrize("value", ["sk-ant-api03-secret", "whatever"])
def test_keys_themselves_are_refused(value: str) -> None:
    with pytest.raises(UnfitError, match="never the key itself, because configuration ends up in git"):
        urls.key_address(value)


@pytest.mark.parametrize("value", ["", "env://", "sk-ant://x", "://x", 3])
def test_no_key_addresses(value: object) -> None:
    with pytest.raises(UnfitError, match="the address of a secret"):
        urls.key_address(value)


def test_sqlite_paths() -> None:
    assert urls.sqlite_path("sqlite:///data/a.db", Path("/srv")) == Path("/srv/data/a.db")
    assert urls.sqlite_path("sqlite:////var/a.db", Path("/srv")) == Path("/var/a.db")


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:9000", True),
        ("http://127.9.9.9", True),
        ("http://[::1]", True),
        ("http://localhost", True),
        ("http://claude.localhost", True),
        ("http://10.0.0.1", False),
        ("http://localhost.example.com", False),
    ],
)
def test_loopback(url: str, here: bool) -> None:
    assert urls.is_loopback(url) is here
