"""Every key of tidegate.toml, in the order of the template: how it is read, and an example as it stands in TOML."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct

from tidegate.config import parse, urls
from tidegate.policy.rules import Counts


class Key(Struct, frozen=True):
    """One setting."""

    parse: Callable[[object], Any]
    example: str
    form: Literal["text", "value", "list"] = "text"
    """How an environment variable gives it: as it is, as a TOML value, or as a list with commas."""
    shown: bool = True
    """Whether a message may repeat the value that stands there."""


class Table(Struct, frozen=True):
    """A setting that consists of settings."""

    keys: Mapping[str, Key]
    example: str


Keys = Mapping[str, Key | Table]

_BOUND = Key(parse.one_of("strict", "counted", "estimated"), '"counted"')
_UNBOUNDED = Key(parse.one_of("refuse", "estimate"), '"estimate"')
_ON_CUT = Key(parse.one_of("assume", "drain", "estimate"), '"assume"')
_PRICE = Key(parse.price, "3.0", "value")
_TOKENS = Key(parse.whole(1, 10**9), "200000", "value")
_NAMES = Key(parse.texts, '["chat", "search"]', "list")

WHERE: Mapping[str, Key] = {
    "app": Key(parse.labels, _NAMES.example, "list"),
    **{scope: _NAMES for scope in parse.SCOPES if scope not in {"organization", "app"}},
}
"""There is one organization only: nothing to select.  An app's name is always a label; users and routes may be any."""

_SCOPE: Keys = {
    "per": Key(parse.scopes, '"user"', "list"),
    "where": Table(WHERE, '{ app = "chat" }'),
}

QUANTITIES: Mapping[Counts, Key] = {
    "requests": Key(parse.rate, '"20/minute"'),
    "input_tokens": Key(parse.rate, '"200000/minute"'),
    "output_tokens": Key(parse.rate, '"50000/hour"'),
    "tokens": Key(parse.rate, '"2000000/day"'),
    "concurrent": Key(parse.whole(1, 10**6), "4", "value"),
}
"""What one `[[limits]]` table may limit: each gives one Limit."""

SECTIONS: Mapping[str, Keys] = {
    "gateway": {
        "host": Key(parse.host, '"127.0.0.1"'),
        "port": Key(parse.whole(0, 65535), "8787", "value"),
        "public_url": Key(urls.web_url, '"https://claude.example.com"', shown=False),
        "max_body": Key(parse.size, '"32MB"'),
        "drain": Key(parse.seconds, '"30s"'),
        "workers": Key(parse.whole(1, 64), "1", "value"),
        "header_timeout": Key(parse.some_seconds, '"10s"'),
        "body_timeout": Key(parse.some_seconds, '"30s"'),
        "ping": Key(parse.some_seconds, '"15s"'),
        "log_format": Key(parse.one_of("auto", "json", "readable"), '"auto"'),
    },
    "store": {
        "url": Key(urls.store_url, '"sqlite:///tidegate.db"', shown=False),
        "durability": Key(parse.one_of("process", "power"), '"process"'),
        "when_down": Table(
            {
                "budgets": Key(parse.one_of("closed", "open"), '"closed"'),
                "limits": Key(parse.one_of("local", "closed"), '"local"'),
            },
            '{ budgets = "closed", limits = "local" }',
        ),
    },
    "ledger": {"url": Key(urls.ledger_url, '"sqlite:///tidegate.db"', shown=False)},
    "texts": {"file": Key(parse.text, '"texts.de.toml"')},
    "policy": {
        "bound": _BOUND,
        "unbounded": _UNBOUNDED,
        "unknown_model": Key(parse.one_of("refuse", "dearest"), '"refuse"'),
        "on_cut": _ON_CUT,
        "require_user": Key(parse.flag, "false", "value"),
    },
    "retry": {
        "attempts": Key(parse.whole(1, 20), "5", "value"),
        "base": Key(parse.seconds, '"1s"'),
        "cap": Key(parse.seconds, '"16s"'),
        "deadline": Key(parse.seconds, '"60s"'),
        "budget": Key(parse.share, "0.2", "value"),
    },
    "breaker": {
        "open_above": Key(parse.some_share, "0.5", "value"),
        "window": Key(parse.some_seconds, '"10s"'),
        "probe_after": Key(parse.some_seconds, '"5s"'),
        "slow": Key(parse.seconds, '"60s"'),
    },
    "timeouts": {
        "connect": Key(parse.some_seconds, '"5s"'),
        "first_byte": Key(parse.some_seconds, '"120s"'),
        "idle": Key(parse.some_seconds, '"90s"'),
        "total": Key(parse.some_seconds, '"600s"'),
    },
}
"""`[section]`."""

NAMED: Mapping[str, Keys] = {
    "upstreams": {
        "url": Key(urls.web_url, '"https://api.anthropic.com"', shown=False),
        "api_key": Key(urls.key_address, '"env://ANTHROPIC_API_KEY"', shown=False),
        "priority": Key(parse.whole(0, 1000), "1", "value"),
        "proxy": Key(urls.proxy_url, '"http://proxy.internal:3128"', shown=False),
        "ca_file": Key(parse.text, '"/etc/ssl/company.pem"'),
    },
    "routes": {
        "max_tokens": Key(parse.whole(1, 10**9), "512", "value"),
        "when_above": Key(parse.one_of("clamp", "refuse"), '"clamp"'),
        "models": Key(parse.labels, '["claude-haiku-4-5", "claude-sonnet-5"]', "list"),
        "fallback": Key(parse.texts, '["model:claude-haiku-4-5"]', "list"),
        "bound": _BOUND,
        "unbounded": _UNBOUNDED,
        "on_cut": _ON_CUT,
        "lose_thinking": Key(parse.flag, "false", "value"),
    },
    "prices": {
        "input": _PRICE,
        "output": Key(parse.price, "15.0", "value"),
        "cache_read": Key(parse.price, "0.3", "value"),
        "cache_write_5m": Key(parse.price, "3.75", "value"),
        "cache_write_1h": Key(parse.price, "6.0", "value"),
        "context_window": _TOKENS,
        "max_output": Key(parse.whole(1, 10**9), "64000", "value"),
    },
}
"""`[section.NAME]`."""

LISTS: Mapping[str, Keys] = {
    "limits": {**_SCOPE, **{str(name): key for name, key in QUANTITIES.items()}},
    "budgets": {
        **_SCOPE,
        "amount": Key(parse.money, '"500 USD"'),
        "every": Key(parse.one_of("day", "week", "month", "total"), '"month"'),
        "alert_at": Key(parse.percents, "[50, 80, 95]", "list"),
    },
}
"""`[[section]]`."""

ALL: tuple[str, ...] = (*SECTIONS, *NAMED, *LISTS)
