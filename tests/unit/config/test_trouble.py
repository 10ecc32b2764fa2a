"""Every line that a wrong file gives, word for word."""
# ruff: noqa: E501, ISC004 - messages stand here as people read them, in one piece where that helps

from collections.abc import Callable
from datetime import date

import pytest

from tidegate.config.trouble import show

Wrong = Callable[..., list[str]]

USER = '[[limits]]\nper = "user"\n'
SCOPES = '"organization", "app", "user", "route" or "model"'
SECTIONS = "gateway, store, ledger, texts, policy, retry, breaker, timeouts, upstreams, routes, prices, limits, budgets"
STORES = '"memory://", "sqlite:///relative.db", "sqlite:////absolute.db", "redis://host:6379/0", "rediss://…" or'
LABEL = "at most 128 letters, digits and . _ : @ / -"
KEY_FORM = 'the address of a secret such as "env://ANTHROPIC_API_KEY" or "file:///run/secrets/anthropic"'

UNKNOWN = [
    ("[gatewya]\nport = 1", "1: unknown section [gatewya]; did you mean [gateway]?"),
    ("\n[[limit]]\nper = 1", "2: unknown section [limit]; did you mean [[limits]]?"),
    ("[zzz]", f"1: unknown section [zzz]; the sections are {SECTIONS}"),
    ("port = 1", '1: unknown key "port" outside any section; it belongs in [gateway]'),
    ("max_tokens = 1", '1: unknown key "max_tokens" outside any section; it belongs in [routes.…]'),
    ("colour = 1", f'1: unknown key "colour" outside any section; the sections are {SECTIONS}'),
    ("[gateway]\nprt = 1", '2: unknown key "prt" in [gateway]; did you mean "port"?'),
    ("gateway.prt = 1", '1: unknown key "prt" in [gateway]; did you mean "port"?'),
    ("gateway = { host = '::1', prt = 1 }", '1: unknown key "prt" in [gateway]; did you mean "port"?'),
    ("[store]\nport = 1", '2: unknown key "port" in [store]; it belongs in [gateway]'),
    ("[ledger]\nzzz = 1", '2: unknown key "zzz" in [ledger]; the keys there are url'),
    ('[store]\nwhen_down = { budget = "x" }', '2: unknown key "budget" in [store.when_down]; did you mean "budgets"?'),
    ("[store.when_down]\nbudget = 1", '2: unknown key "budget" in [store.when_down]; did you mean "budgets"?'),
    (
        f'{USER}tokens = "9/day"\n\n{USER}\nreqests = 1',
        '8: unknown key "reqests" in [[limits]]; did you mean "requests"?',
    ),
    (
        f'{USER}where = {{ ap = "x" }}\nconcurrent = 1',
        '3: unknown key "ap" in "where" in [[limits]]; did you mean "app"?',
    ),
    (
        f'{USER}concurrent = 1\n[limits.where]\nap = "x"',
        '5: unknown key "ap" in "where" in [[limits]]; did you mean "app"?',
    ),
    ('[routes."a.b"]\nmodel = 1', '2: unknown key "model" in [routes."a.b"]; did you mean "models"?'),
    ("[prices.x]\ninput = 1\noutput = 1\nouput = 2", '4: unknown key "ouput" in [prices.x]; did you mean "output"?'),
    ('[upstreams.anthropic]\nkey = "x"', '2: unknown key "key" in [upstreams.anthropic]; did you mean "api_key"?'),
]

SHAPES = [
    ("[[gateway]]\nport = 1", '1: "gateway" must be a table; begin it with [gateway]'),
    ("\ngateway = 3", '2: "gateway" must be a table; begin it with [gateway]'),
    ('[limits]\nrequests = "20/minute"', '1: "limits" must be a list of tables; begin each with [[limits]]'),
    ("limits = [3]", '1: "limits" must be a list of tables; begin each with [[limits]]'),
    (
        '[upstreams]\nurl = "https://x"',
        '2: "url" in [upstreams] must be in a table of its own; begin it with [upstreams.my-name]',
    ),
    ("[routes]\nchat = 3", '2: "chat" in [routes] must be in a table of its own; begin it with [routes.chat]'),
    ('[upstreams."b c"]\nurl = "https://x"', f'1: [upstreams."b c"] must have a name of {LABEL}'),
    (
        '[store]\nwhen_down = "closed"',
        '2: "when_down" in [store] must be a table; for example when_down = { budgets = "closed", limits = "local" }',
    ),
    (
        f'{USER}where = "chat"\nconcurrent = 1',
        '3: "where" in [[limits]] must be a table; for example where = { app = "chat" }',
    ),
]

VALUES = [
    (
        '[gateway]\nport = "8787"',
        '"port" in [gateway] must be a whole number from 0 to 65535, not "8787"; for example port = 8787',
    ),
    (
        "[gateway]\nport = true",
        '"port" in [gateway] must be a whole number from 0 to 65535, not true; for example port = 8787',
    ),
    (
        "[gateway]\nport = 0.5",
        '"port" in [gateway] must be a whole number from 0 to 65535, not 0.5; for example port = 8787',
    ),
    (
        "[gateway]\nport = {}",
        '"port" in [gateway] must be a whole number from 0 to 65535, not a table; for example port = 8787',
    ),
    (
        "[gateway]\nhost = 1979-05-27",
        '"host" in [gateway] must be a host name or address without scheme and port, such as "127.0.0.1" or "0.0.0.0", '
        "not a date or time",
    ),
    (
        '[gateway]\nhost = "sk-ant-api03 abc"',
        '"host" in [gateway] must be a host name or address without scheme and port, such as "127.0.0.1" or "0.0.0.0", '
        "not what looks like an API key",
    ),
    (
        '[gateway]\npublic_url = "claude.example.com"',
        '"public_url" in [gateway] must be an address such as "https://api.anthropic.com"; '
        'for example public_url = "https://claude.example.com"',
    ),
    (
        '[gateway]\nmax_body = "3X"',
        '"max_body" in [gateway] must be a size such as "32MB", "512KB" or a number of bytes, not "3X"',
    ),
    (
        '[gateway]\nmax_body = "3GB"',
        '"max_body" in [gateway] must be a size from 1 byte to 1GB, not "3GB"; for example max_body = "32MB"',
    ),
    (
        "[gateway]\ndrain = -1",
        '"drain" in [gateway] must be a duration such as "30s", "500ms", "2m", "1h" or "1d", not -1',
    ),
    (
        "[gateway]\nworkers = 0",
        '"workers" in [gateway] must be a whole number from 1 to 64, not 0; for example workers = 1',
    ),
    (
        "[gateway]\nheader_timeout = 0",
        '"header_timeout" in [gateway] must be a duration longer than 0, not 0; for example header_timeout = "10s"',
    ),
    (
        "[gateway]\nbody_timeout = 0",
        '"body_timeout" in [gateway] must be a duration longer than 0, not 0; for example body_timeout = "30s"',
    ),
    (
        '[gateway]\nlog_format = "jsn"',
        '"log_format" in [gateway] must be "auto", "json" or "readable", not "jsn"; did you mean "json"?',
    ),
    (
        '[store]\nurl = "redis://:hunter2@"',
        f'"url" in [store] must be {STORES} "unix:///path/redis.sock"; for example url = "sqlite:///tidegate.db"',
    ),
    (
        '[store]\ndurability = "disk"',
        '"durability" in [store] must be "process" or "power", not "disk"',
    ),
    (
        '[store]\nwhen_down = { limits = "open" }',
        '"limits" in [store.when_down] must be "local" or "closed", not "open"',
    ),
    (
        '[ledger]\nurl = "postgres://me:hunter2@x"',
        '"url" in [ledger] must be "sqlite:///relative.db", "sqlite:////absolute.db" or '
        '"postgresql://user@host/database"; for example url = "sqlite:///tidegate.db"',
    ),
    ("[policy]\nrequire_user = 1", '"require_user" in [policy] must be true or false, not 1'),
    (
        '[policy]\nbound = "strickt"',
        '"bound" in [policy] must be "strict", "counted" or "estimated", not "strickt"; did you mean "strict"?',
    ),
    ('[policy]\nunbounded = "x"', '"unbounded" in [policy] must be "refuse" or "estimate", not "x"'),
    ('[policy]\nunknown_model = "x"', '"unknown_model" in [policy] must be "refuse" or "dearest", not "x"'),
    ('[policy]\non_cut = "x"', '"on_cut" in [policy] must be "assume", "drain" or "estimate", not "x"'),
    (
        "[retry]\nattempts = 0",
        '"attempts" in [retry] must be a whole number from 1 to 20, not 0; for example attempts = 5',
    ),
    ("[retry]\nbudget = nan", '"budget" in [retry] must be a number from 0 to 1, not NaN; for example budget = 0.2'),
    (
        '[retry]\nbase = "1 sec"',
        '"base" in [retry] must be a duration such as "30s", "500ms", "2m", "1h" or "1d", not "1 sec"; '
        'for example base = "1s"',
    ),
    (
        '[retry]\ncap = "400d"',
        '"cap" in [retry] must be a duration of at most 366 days, not "400d"; for example cap = "16s"',
    ),
    (
        "[breaker]\nopen_above = 0",
        '"open_above" in [breaker] must be a number above 0 and at most 1, not 0; for example open_above = 0.5',
    ),
    (
        "[timeouts]\ntotal = 0",
        '"total" in [timeouts] must be a duration longer than 0, not 0; for example total = "600s"',
    ),
    (
        "[routes.a]\nmax_tokens = 0",
        '"max_tokens" in [routes.a] must be a whole number from 1 to 1000000000, not 0; for example max_tokens = 512',
    ),
    ('[routes.a]\nwhen_above = "x"', '"when_above" in [routes.a] must be "clamp" or "refuse", not "x"'),
    (
        '[routes.a]\nmodels = ["a b"]',
        f'"models" in [routes.a] must be a name, or a list of names, of {LABEL}, not ["a b"]; '
        'for example models = ["claude-haiku-4-5", "claude-sonnet-5"]',
    ),
    (
        '[prices.a]\noutput = 1\ninput = "cheap"',
        '"input" in [prices.a] must be a price in USD per million tokens, such as 3.0, with at most nine decimals, '
        'not "cheap"',
    ),
    (
        "[prices.a]\ninput = 1\noutput = 1\ncontext_window = 0",
        '"context_window" in [prices.a] must be a whole number from 1 to 1000000000, not 0; '
        "for example context_window = 200000",
    ),
    (
        '[upstreams.anthropic]\nurl = "sk-ant-api03-x"',
        '"url" in [upstreams.anthropic] must be an address such as "https://api.anthropic.com"',
    ),
    (
        '[upstreams.anthropic]\nproxy = "http://me:hunter2@host/path"',
        '"proxy" in [upstreams.anthropic] must be the address of a proxy such as "http://proxy.internal:3128"',
    ),
    (
        '[upstreams.anthropic]\napi_key = "sk-ant-api03-x"',
        f'"api_key" in [upstreams.anthropic] must be {KEY_FORM}, never the key itself, because configuration ends up in '
        "git: put the key into the environment variable ANTHROPIC_API_KEY",
    ),
    ("[upstreams.anthropic]\napi_key = 3", f'"api_key" in [upstreams.anthropic] must be {KEY_FORM}, not 3'),
    (
        f"{USER}requests = 20",
        '"requests" in [[limits]] must be a rate such as "20/minute", "2000000/day" or "5/10s", not 20',
    ),
    (
        f"{USER}concurrent = 0",
        '"concurrent" in [[limits]] must be a whole number from 1 to 1000000, not 0; for example concurrent = 4',
    ),
    (
        f"{USER}concurrent = 1\nwhere.user = []",
        '"user" in "where" in [[limits]] must be a list of texts of one line, not []; for example user = ["chat", "search"]',
    ),
    (
        '[[limits]]\nconcurrent = 1\nper = "usr"',
        f'"per" in [[limits]] must be one or more of {SCOPES}, not "usr"; did you mean "user"?',
    ),
    (
        '[[limits]]\nconcurrent = 1\nper = ["app", "app"]',
        f'"per" in [[limits]] must be one or more of {SCOPES}, each only once, not ["app", "app"]',
    ),
    (
        '[[budgets]]\nper = "app"\nevery = "day"\namount = "5 EUR"',
        '"amount" in [[budgets]] must be an amount of money such as "500 USD", from 0 to 4 billion USD with at most nine '
        'decimals, not "5 EUR"',
    ),
    (
        '[[budgets]]\nper = "app"\namount = 5\nevery = "year"',
        '"every" in [[budgets]] must be "day", "week", "month" or "total", not "year"',
    ),
    (
        '[[budgets]]\nper = "app"\namount = 5\nevery = "day"\nalert_at = [150]',
        '"alert_at" in [[budgets]] must be whole percents from 1 to 100, not [150]; for example alert_at = [50, 80, 95]',
    ),
]


@pytest.mark.parametrize(("text", "line"), [*UNKNOWN, *SHAPES])
def test_unknown_keys_and_wrong_shapes(text: str, line: str, wrong: Wrong) -> None:
    assert f"tidegate.toml:{line}" in wrong(text)


@pytest.mark.parametrize(("text", "line"), VALUES)
def test_wrong_values(text: str, line: str, wrong: Wrong) -> None:
    number = text.count("\n") + 1
    assert wrong(text) == [f"tidegate.toml:{number}: {line}"]


def test_no_message_shows_a_password_or_a_key(wrong: Wrong) -> None:
    for text, _ in VALUES:
        told = "\n".join(wrong(text))
        assert "hunter2" not in told
        assert "sk-ant" not in told


def test_all_problems_are_told_at_once_by_line(wrong: Wrong) -> None:
    text = '[policy]\nbound = "x"\n[gateway]\nprt = 1\nport = -1\n[[limits]]\nreqests = "1/day"\n'
    lines = wrong(text, {"TIDEGATE_STORE_URL": "x", "TIDEGATE_FOO": "x", "TIDEGATE_KEY_SECRET": "x"})
    assert [line.split(" ")[0] for line in lines] == [
        "TIDEGATE_FOO",
        "TIDEGATE_KEY_SECRET",
        "tidegate.toml:2:",
        "tidegate.toml:4:",
        "tidegate.toml:5:",
        "tidegate.toml:6:",
        "tidegate.toml:7:",
        "TIDEGATE_STORE_URL",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a", '"a"'),
        ("a\nb\x1b", '"a?b?"'),
        ("x" * 50, '"' + "x" * 40 + '…"'),
        (True, "true"),
        (10**60, "1" + "0" * 39 + "…"),
        ([1, "b"], '[1, "b"]'),
        (date(2026, 1, 1), "a date or time"),
        ({}, "a table"),
        (None, "NoneType"),
        (["sk-ant-x"], "[what looks like an API key]"),
    ],
)
def test_values_as_messages_repeat_them(value: object, shown: str) -> None:
    assert show(value) == shown
