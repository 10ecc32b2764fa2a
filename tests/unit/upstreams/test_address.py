"""Base URLs."""

import pytest

from tidegate.model.errors import ConfigError
from tidegate.upstreams.address import Address, read_address


@pytest.mark.parametrize(
    ("url", "address", "authority", "endpoint"),
    [
        (
            "https://api.anthropic.com",
            Address("https", "api.anthropic.com", 443, ""),
            "api.anthropic.com",
            "api.anthropic.com:443",
        ),
        ("http://localhost:8000/", Address("http", "localhost", 8000, ""), "localhost:8000", "localhost:8000"),
        ("http://h:443", Address("http", "h", 443, ""), "h:443", "h:443"),
        ("https://host/anthropic/", Address("https", "host", 443, "/anthropic"), "host", "host:443"),
        ("http://[::1]:80/a/b", Address("http", "::1", 80, "/a/b"), "[::1]", "[::1]:80"),
    ],
)
def test_a_url_is_taken_apart(url: str, address: Address, authority: str, endpoint: str) -> None:
    assert read_address(url) == address
    assert (address.authority, address.endpoint) == (authority, endpoint)
    assert address.tls == url.startswith("https:")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.anthropic.com",
        "ftp://h",
        "https://",
        "https://user:secret@h",
        "https://h?x=secret",
        "https://h#secret",
        "https://h:secret",
        "https://h:99999",
        "https://h/sp ace",
        "https://[::1",
        "https://bücher.example",
        f"https://{'a' * 64}.example",
    ],
)
def test_an_unfit_url_is_told_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError) as told:
        read_address(url)
    assert "secret@" not in str(told.value)
    assert "x=secret" not in str(told.value)
