"""The files that `init` writes: they load, their defaults are the built-in ones, and they name every key."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tidegate.config import notices
from tidegate.config.environment import OWN
from tidegate.config.files import read_env_file
from tidegate.config.keys import LISTS, NAMED, SECTIONS, Key, Table
from tidegate.config.settings import Settings, UpstreamSettings
from tidegate.config.templates import template_env, template_toml

Load = Callable[..., Settings]

UNCOMMENTED = re.sub(r"^#(?=\S)", "", template_toml(), flags=re.MULTILINE)
"""The template with every setting switched on: settings follow # without a blank, prose with one."""


def named(path: tuple[str, ...], keys: Mapping[str, Key | Table]) -> Iterator[tuple[str, ...]]:
    for name, key in keys.items():
        if isinstance(key, Table):
            yield from named((*path, name), key.keys)
        else:
            yield (*path, name)


def written(tree: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for section, inner in tree.items():
        tables = inner if isinstance(inner, list) else list(inner.values()) if section in NAMED else [inner]
        for table in tables:
            for name, value in table.items():
                yield from [(section, name, below) for below in value] if isinstance(value, dict) else [(section, name)]


def test_the_template_loads_and_only_limits_requests(load_text: Load, tmp_path: Path) -> None:
    settings = load_text(template_toml())
    assert settings == Settings(source=tmp_path / "tidegate.toml", directory=tmp_path)


def test_every_key_is_in_the_template_and_the_other_way_round() -> None:
    keys = {
        path
        for tables in (SECTIONS, NAMED, LISTS)
        for section, table in tables.items()
        for path in named((section,), table)
    }
    assert set(written(tomllib.loads(UNCOMMENTED))) == keys


def test_the_values_in_the_template_are_the_defaults(load_text: Load, tmp_path: Path) -> None:
    for name in ("company.pem", "texts.de.toml"):
        (tmp_path / name).touch()
    settings = load_text(UNCOMMENTED.replace("/etc/ssl/certs/company.pem", "company.pem"))
    built_in = Settings()
    assert replace(settings.gateway, public_url=None) == built_in.gateway
    assert settings.upstreams == (
        UpstreamSettings(
            name="anthropic",
            url=built_in.upstreams[0].url,
            api_key=built_in.upstreams[0].api_key,
            priority=built_in.upstreams[0].priority,
            proxy="http://proxy.internal:3128",
            ca_file=tmp_path / "company.pem",
        ),
    )
    assert settings.store == built_in.store
    assert settings.ledger == built_in.ledger
    examples = replace(settings.rules, limits=built_in.rules.limits, budgets=(), routes={}, unbounded=None)
    assert examples == built_in.rules
    assert settings.rules.unbounded == "estimate"  # what None means while bound = "counted"
    assert settings.notices == tuple(notices.about_unbuilt(settings))


def test_prose_and_settings_are_told_apart() -> None:
    for line in template_toml().splitlines():
        if line.startswith("#"):
            assert re.match(r"# |#$|#[a-z_0-9]+ = |#\[", line), line


def test_the_env_template(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "x").write_text(template_env())
    values = read_env_file(tmp_path / "x", "x").values
    assert values == dict.fromkeys(["ANTHROPIC_API_KEY", "TIDEGATE_ADMIN_TOKEN", "TIDEGATE_KEY_SECRET"], "")
    assert set(values) - {"ANTHROPIC_API_KEY"} <= OWN
    filled = re.sub("^#(?=T)", "", template_env(), flags=re.MULTILINE)
    assert load_text("", env_file=filled).gateway == Settings().gateway
