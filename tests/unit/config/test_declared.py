"""Upstreams and prices."""

from collections.abc import Callable
from pathlib import Path

from tidegate.config.settings import DEFAULT_UPSTREAM, PriceOverride, Settings, UpstreamSettings

Load = Callable[..., Settings]
Wrong = Callable[..., list[str]]


def test_without_any_there_is_anthropic(load_text: Load) -> None:
    assert load_text("").upstreams == (DEFAULT_UPSTREAM,)
    assert load_text("[upstreams.anthropic]").upstreams == (DEFAULT_UPSTREAM,)


def test_by_priority_and_only_what_is_declared(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    text = """
        [upstreams.second]
        url = "https://second.example.com/"
        priority = 2
        proxy = "http://me:secret@proxy:3128"
        [upstreams.first]
        url = "http://127.0.0.1:9000"
        api_key = "file:///run/secrets/key"
        ca_file = "ca.pem"
    """
    first, second = load_text(text).upstreams
    assert first == UpstreamSettings(
        name="first", url="http://127.0.0.1:9000", api_key="file:///run/secrets/key", ca_file=tmp_path / "ca.pem"
    )
    assert second == UpstreamSettings(
        name="second", url="https://second.example.com", priority=2, proxy="http://me:secret@proxy:3128"
    )
    assert "secret@" not in repr(second)


def test_another_upstream_never_gets_anthropics_key_by_default(load_text: Load) -> None:
    (one,) = load_text('[upstreams.other]\nurl = "https://x"').upstreams
    assert one.api_key is None


def test_an_upstream_has_a_url(wrong: Wrong) -> None:
    line = 'tidegate.toml:1: [upstreams.b] needs "url"; for example url = "https://claude.internal"'
    assert wrong("[upstreams.b]\npriority = 2") == [line]


def test_a_certificate_file_exists(wrong: Wrong, tmp_path: Path) -> None:
    assert wrong('[upstreams.anthropic]\nca_file = "no.pem"') == [
        f'tidegate.toml:2: "ca_file" in [upstreams.anthropic] names {tmp_path}/no.pem, which is no readable file'
    ]


def test_clear_text_over_a_network_is_said(load_text: Load) -> None:
    settings = load_text(overrides={"upstreams.anthropic.url": "http://10.0.0.1"})
    assert settings.notices[-1] == (
        'The upstream "anthropic" is called over http, in clear text: its key and all content can be read on the way. '
        "Use https."
    )
    assert len(load_text(overrides={"upstreams.anthropic.url": "http://localhost:1"}).notices) == 1


def test_prices(load_text: Load) -> None:
    text = """
        [prices."my-model"]
        input = 3.0
        output = "15 USD"
        [prices.other]
        input = 0.1
        output = 0
        cache_read = 0.000000001
        cache_write_5m = 3.75
        cache_write_1h = 6
        context_window = 200_000
        max_output = 64_000
    """
    assert load_text(text).prices == {
        "my-model": PriceOverride(input=3 * 10**9, output=15 * 10**9),
        "other": PriceOverride(
            input=10**8,
            output=0,
            cache_read=1,
            cache_write_5m=3_750_000_000,
            cache_write_1h=6 * 10**9,
            context_window=200_000,
            max_output=64_000,
        ),
    }


def test_prices_are_whole(wrong: Wrong) -> None:
    assert wrong("[prices.x]\ncache_read = 1") == [
        'tidegate.toml:1: [prices.x] needs "input" (USD per million tokens); for example input = 3.0',
        'tidegate.toml:1: [prices.x] needs "output" (USD per million tokens); for example output = 15.0',
    ]
