"""The settings are frozen, and equal to the design's defaults."""

import pytest

from tidegate.config.settings import DEFAULT_UPSTREAM, GatewaySettings, Settings


def test_frozen() -> None:
    with pytest.raises(AttributeError):
        Settings().gateway = GatewaySettings(port=1)  # type: ignore[misc]  # that is what must fail


def test_defaults_of_the_design() -> None:
    settings = Settings()
    gateway, rules = settings.gateway, settings.rules
    assert (gateway.host, gateway.port, gateway.public_url) == ("127.0.0.1", 8787, None)
    assert (gateway.max_body, gateway.drain) == (32 * 1024 * 1024, 30.0)
    assert settings.upstreams == (DEFAULT_UPSTREAM,)
    assert DEFAULT_UPSTREAM.url == "https://api.anthropic.com"
    assert DEFAULT_UPSTREAM.api_key == "env://ANTHROPIC_API_KEY"
    assert settings.store.url == settings.ledger.url == "sqlite:///tidegate.db"
    assert (settings.store.durability, settings.store.when_down.budgets) == ("process", "closed")
    assert settings.store.when_down.limits == "local"
    assert (rules.bound, rules.unknown_model, rules.on_cut, rules.require_user) == (
        "counted",
        "refuse",
        "assume",
        False,
    )
    assert (rules.retry.attempts, rules.retry.base, rules.retry.cap) == (5, 1.0, 16.0)
    assert (rules.retry.deadline, rules.retry.budget) == (60.0, 0.2)
    assert (rules.breaker.open_above, rules.breaker.window, rules.breaker.probe_after) == (0.5, 10.0, 5.0)
    times = rules.timeouts
    assert (times.connect, times.first_byte, times.idle, times.total) == (5.0, 120.0, 90.0, 600.0)
