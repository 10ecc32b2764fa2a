"""What is declared by name: upstreams and prices."""

from pathlib import Path

from tidegate.config import read
from tidegate.config.files import is_file
from tidegate.config.read import Values
from tidegate.config.settings import DEFAULT_UPSTREAM, PriceOverride, UpstreamSettings
from tidegate.config.trouble import Trouble


def read_upstreams(trouble: Trouble, home: Path) -> tuple[UpstreamSettings, ...]:
    """The declared upstreams by priority; without any, Anthropic.  `home` is where relative paths begin."""
    found = [_upstream(trouble, name, values, home) for name, values in read.named(trouble, "upstreams").items()]
    return tuple(sorted(found, key=lambda one: one.priority)) or (DEFAULT_UPSTREAM,)


def _upstream(trouble: Trouble, name: str, given: Values, home: Path) -> UpstreamSettings:
    values: Values = {"url": "", **given}
    if name == DEFAULT_UPSTREAM.name:
        values = {"url": DEFAULT_UPSTREAM.url, "api_key": DEFAULT_UPSTREAM.api_key, **given}
    elif "url" not in trouble.sources.tree["upstreams"][name]:
        trouble.say(("upstreams", name), 'needs "url"; for example url = "https://claude.internal"')
    if "ca_file" in values:
        values["ca_file"] = home / values["ca_file"]
        if not is_file(values["ca_file"]):
            trouble.say(("upstreams", name, "ca_file"), f"names {values['ca_file']}, which is no readable file")
    return UpstreamSettings(name=name, **values)


def read_prices(trouble: Trouble) -> dict[str, PriceOverride]:
    """The operator's own prices by model; each needs `input` and `output`."""
    prices = {}
    for model, values in read.named(trouble, "prices").items():
        for name, example in (("input", "3.0"), ("output", "15.0")):
            if name not in trouble.sources.tree["prices"][model]:
                trouble.say(
                    ("prices", model), f'needs "{name}" (USD per million tokens); for example {name} = {example}'
                )
        if {"input", "output"} <= values.keys():
            prices[model] = PriceOverride(**values)
    return prices
