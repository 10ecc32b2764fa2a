"""Laying options over everything else."""
# ruff: noqa: ISC004 - messages stand here as people read them, in one piece where that helps

from collections.abc import Callable

from tidegate.config.settings import Settings
from tidegate.policy.rules import Limit

Load = Callable[..., Settings]
Wrong = Callable[..., list[str]]


def test_options_replace_lists_and_add_to_tables(load_text: Load) -> None:
    text = '[[limits]]\nper = "app"\nrequests = "1/day"\n[routes.a]\nmax_tokens = 1\n[routes.b]\nmax_tokens = 2'
    settings = load_text(
        text,
        overrides={
            "limits": ({"per": ("user", "app"), "concurrent": 3},),
            "routes": {"a": {"max_tokens": 9}},
            "timeouts.total": 30,
            "retry.budget": 0.5,
        },
    )
    assert settings.rules.limits == (Limit(per=("app", "user"), counts="concurrent", amount=3),)
    assert {name: one.max_tokens for name, one in settings.rules.routes.items()} == {"a": 9, "b": 2}
    assert settings.rules.timeouts.total == 30.0
    assert settings.rules.retry.budget == 0.5


def test_wrong_options_are_named(wrong: Wrong) -> None:
    assert wrong("", overrides={"gateway.prt": 1, "gateway.port": "x", "zzz": 1, "gateway": {"host": 3}}) == [
        'the option "zzz": unknown key "zzz" outside any section; the sections are gateway, store, ledger, texts, '
        "policy, retry, breaker, timeouts, upstreams, routes, prices, limits, budgets",
        'the option "gateway.prt": unknown key "prt" in [gateway]; did you mean "port"?',
        'the option "gateway.port" must be a whole number from 0 to 65535, not "x"; for example port = 8787',
        'the option "gateway.host" must be a host name or address without scheme and port, such as "127.0.0.1" or '
        '"0.0.0.0", not 3',
    ]


def test_a_variable_cannot_mend_a_table_of_the_wrong_shape(wrong: Wrong) -> None:
    assert wrong("gateway = 3", {"TIDEGATE_GATEWAY_PORT": "1"}) == [
        'tidegate.toml:1: "gateway" must be a table; begin it with [gateway]'
    ]


def test_a_good_variable_mends_a_wrong_file(load_text: Load) -> None:
    assert load_text('[gateway]\nport = "x"', {"TIDEGATE_GATEWAY_PORT": "1"}).gateway.port == 1
