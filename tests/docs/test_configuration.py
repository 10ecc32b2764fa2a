"""reference/configuration.md and the table of keys name the same settings, defaults, values and variables."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from docs.pages import ROOT, code_spans, one, page, pages, plain, tables, text_of
from tidegate.config.environment import OWN, PLATFORMS, variable
from tidegate.config.keys import LISTS, NAMED, SECTIONS, Key, Keys, Table
from tidegate.config.load import load
from tidegate.config.settings import Settings, UpstreamSettings
from tidegate.policy.rules import Route

CONFIGURATION = page("reference/configuration.md")

SECTION_OF = {
    **{f"`[{name}]`": keys for name, keys in SECTIONS.items()},
    **{f"`[{name}.NAME]`": keys for name, keys in NAMED.items()},
    **{f"`[[{name}]]`": keys for name, keys in LISTS.items()},
}


class Row(NamedTuple):
    """One line of a table of settings."""

    title: str
    path: tuple[str, ...]
    key: Key
    values: str
    default: str
    meaning: str
    variable: str | None


def leaves(keys: Keys, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Key]]:
    for name, key in keys.items():
        if isinstance(key, Table):
            yield from leaves(key.keys, (*path, name))
        else:
            yield (*path, name), key


def rows() -> Iterator[Row]:
    for table in tables(CONFIGURATION):
        if table.columns[0] == "key":
            keys = dict(leaves(SECTION_OF[table.title]))
            for name, values, default, meaning, *rest in table.rows:
                path = tuple(plain(name).split("."))
                assert path in keys, f"{table.title} has no key {path}"
                yield Row(table.title, path, keys[path], values, default, meaning, plain(rest[0]) if rest else None)


ROWS = list(rows())


def test_every_section_and_key_and_the_other_way_round() -> None:
    documented = {(row.title, row.path) for row in ROWS}
    assert len(documented) == len(ROWS)
    assert documented == {(title, path) for title, keys in SECTION_OF.items() for path, _ in leaves(keys)}


def default_of(row: Row) -> Any:
    """The default in the code; `...` when the key is an example only."""
    section = re.sub(r"\W|NAME", "", row.title)
    if section in NAMED:
        if section == "prices" or (section == "routes" and getattr(Route(name="x"), row.path[0]) in (None, ())):
            return ...
        one: Any = Route(name="x") if section == "routes" else Settings().upstreams[0]
    elif section in LISTS:
        return ...
    else:
        settings = Settings(rules=msgspec.structs.replace(Settings().rules, unbounded="estimate"))
        one = (
            settings.rules
            if section == "policy"
            else getattr(settings, section, None) or getattr(settings.rules, section)
        )
    for name in row.path:
        one = getattr(one, name)
    return one


@pytest.mark.parametrize("row", [row for row in ROWS if default_of(row) is not ...], ids=lambda row: ".".join(row.path))
def test_a_default(row: Row) -> None:
    default = default_of(row)
    if default is None:
        assert row.default == "none"
    else:
        assert row.key.parse(msgspec.toml.decode(f"v = {plain(row.default)}")["v"]) == default


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.title}.{'.'.join(row.path)}")
def test_the_values(row: Row) -> None:
    """Every value that is named fits; of a choice, no other does than those that are named."""
    named = re.findall(r'`("[^"`]+")`', row.values)
    if "upstream:NAME" not in row.values:
        for value in named:
            row.key.parse(msgspec.toml.decode(f"v = {value}")["v"])
    try:
        row.key.parse("?")
    except ValueError as unfit:
        choices = re.findall(r'"([^"]+)"', str(unfit)) if re.match(r'"\w+"[^;]* or "\w+"$', str(unfit)) else []
        if choices:
            assert {value.strip('"') for value in named} == set(choices)


@pytest.mark.parametrize("row", [row for row in ROWS if row.variable], ids=lambda row: f"{row.variable}")
def test_a_variable(row: Row) -> None:
    section = re.sub(r"\W|NAME", "", row.title)
    assert row.variable == variable((section, *(("NAME",) if section in NAMED else ()), *row.path))


def test_only_lists_have_no_variable_for_each_key() -> None:
    assert {row.title for row in ROWS if row.variable is None} == {f"`[[{name}]]`" for name in LISTS}
    assert all(f"`TIDEGATE_{name.upper()}`" in text_of(CONFIGURATION) for name in LISTS)


def test_the_other_variables() -> None:
    table = one(CONFIGURATION, "Variables that are no key of the file")
    assert {plain(cell) for cell in table.column("variable")} == {*OWN, "PORT", "ANTHROPIC_API_KEY"}


def test_every_variable_that_a_page_mentions_exists() -> None:
    known = {row.variable for row in ROWS} | OWN | {f"TIDEGATE_{name.upper()}" for name in (*LISTS, *NAMED)}
    patterns = [re.compile(str(name).replace("_NAME_", "_[A-Z0-9_]+_") + r"\Z") for name in known if name]
    for path in pages():
        for name in re.findall(r"\bTIDEGATE_[A-Z0-9_]+\b", text_of(path)):
            assert name == "TIDEGATE_" or any(pattern.match(name) for pattern in patterns), f"{path.name}: {name}"


UNUSED = {
    ("store", "when_down"): r"\bwhen_down\b",
    ("budgets", "alert_at"): r"\balert_at\b",
}
"""Settings that are read and checked, and what their use in the code would look like."""


def used(pattern: str) -> bool:
    folders = ("core", "policy", "doors", "stores", "observe", "upstreams")
    files = [path for name in folders for path in (ROOT / "src/tidegate" / name).rglob("*.py")]
    files.append(ROOT / "src/tidegate/assemble.py")
    declared = {ROOT / "src/tidegate/policy/rules.py"}
    return any(
        re.search(pattern, path.read_text().replace("def within_budget(", "")) for path in files if path not in declared
    )


def test_settings_without_effect_say_so() -> None:
    """When one of them is built, its pattern is found: then the page must be changed."""
    marked = set()
    for row in ROWS:
        if "not used yet" in row.meaning:
            section = re.sub(r"\W|NAME", "", row.title)
            marked.add((section, row.path[0]))
    assert marked == set(UNUSED)
    assert [name for name, pattern in UNUSED.items() if used(pattern)] == []


def test_the_platforms() -> None:
    """The sentence names every platform of the list; a new one must be added to it."""
    text = text_of(CONFIGURATION)
    words = {
        "FLY": "Fly", "RAILWAY": "Railway", "KUBERNETES": "Kubernetes", "VERCEL": "Vercel", "RENDER": "Render",
        "K": "Cloud Run", "CLOUD": "Cloud Run", "AWS": "Lambda", "ECS": "ECS", "CONTAINER": "Container Apps",
        "WEBSITE": "App Service", "DYNO": "Heroku",
    }  # fmt: skip
    assert not [name for name in PLATFORMS if words[name.partition("_")[0]] not in text]


def test_the_default_upstream() -> None:
    assert Settings().upstreams == (
        UpstreamSettings(name="anthropic", url="https://api.anthropic.com", api_key="env://ANTHROPIC_API_KEY"),
    )


def test_the_examples_of_variables(tmp_path: Path) -> None:
    """Those that stand in the table of forms are taken as they are written."""
    (table,) = [table for table in tables(CONFIGURATION) if table.columns[-1] == "example"]
    environ = dict(code_spans(cell)[0].split("=", 1) for cell in table.column("example"))
    settings = load(environ={**environ, "TIDEGATE_ROUTES": "{ chat = {} }"}, directory=tmp_path)
    assert settings.gateway.host == "0.0.0.0"
    assert settings.rules.retry.attempts == 3
    assert settings.rules.routes["chat"].models == ("claude-haiku-4-5", "claude-sonnet-5")
    assert settings.rules.limits[0].amount == 5
