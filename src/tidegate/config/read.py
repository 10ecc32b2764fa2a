"""From the merged tree to values: every section by its table of keys, every problem noted."""

from collections.abc import Callable, Iterable
from typing import Any

from tidegate.config.keys import LISTS, NAMED, SECTIONS, Keys, Table
from tidegate.config.locate import Path
from tidegate.config.parse import UnfitError, label, text
from tidegate.config.trouble import Trouble, did_you_mean, show, title

Values = dict[str, Any]


def sections(trouble: Trouble) -> None:
    """Note every name at the top that is no section, and every section of the wrong shape."""
    tree = trouble.sources.tree
    for name, value in tree.items():
        if name not in {*SECTIONS, *NAMED, *LISTS}:
            trouble.unknown_section((name,))
        elif name in LISTS and not (isinstance(value, list) and all(isinstance(one, dict) for one in value)):
            inline = (name,) in trouble.sources.origins
            how = 'write them as [{ per = "user", … }, …]' if inline else f"begin each with [[{name}]]"
            trouble.say((name,), f"must be a list of tables; {how}")
        elif name not in LISTS and not isinstance(value, dict):
            inline = (name,) in trouble.sources.origins
            how = "write it as { my-name = { … } }" if inline else f"begin it with {title((name,))}"
            trouble.say((name,), f"must be a table; {how}")


def section(trouble: Trouble, name: str) -> Values:
    """What `[name]` gives, parsed; keys that are absent or wrong are left out."""
    tree = trouble.sources.tree.get(name, {})
    return table(trouble, (name,), tree, SECTIONS[name]) if isinstance(tree, dict) else {}


def named(trouble: Trouble, section_name: str) -> dict[str, Values]:
    """What each `[section.NAME]` gives."""
    found: dict[str, Values] = {}
    tree = trouble.sources.tree.get(section_name, {})
    for name, inner in tree.items() if isinstance(tree, dict) else ():
        path = (section_name, name)
        if not isinstance(inner, dict):
            header = f"[{section_name}.my-name]" if name in NAMED[section_name] else title(path)
            trouble.say(path, f"must be in a table of its own; begin it with {header}")
            continue
        try:
            label(name)
        except UnfitError as unfit:
            trouble.say(path, f"must have {unfit.expected}")
        found[name] = table(trouble, path, inner, NAMED[section_name])
    return found


def listed(trouble: Trouble, section_name: str) -> list[Values]:
    """What each `[[section]]` gives, in order."""
    tree = trouble.sources.tree.get(section_name, [])
    if not isinstance(tree, list):
        return []
    keys = LISTS[section_name]
    return [table(trouble, (section_name, n), one, keys) for n, one in enumerate(tree) if isinstance(one, dict)]


def table(trouble: Trouble, path: Path, tree: dict[str, Any], keys: Keys) -> Values:
    """What one table gives, parsed by its keys."""
    found: Values = {}
    for name, value in tree.items():
        here = (*path, name)
        key = keys.get(name)
        if key is None:
            trouble.unknown(here, keys)
        elif isinstance(key, Table):
            if isinstance(value, dict):
                found[name] = table(trouble, here, value, key.keys)
            else:
                trouble.say(here, f"must be a table; for example {name} = {key.example}")
        else:
            try:
                found[name] = key.parse(value)
            except UnfitError as unfit:
                trouble.unfit(here, key, value, unfit)
    return found


def fallbacks(trouble: Trouble, path: Path, values: Values, upstreams: Iterable[str]) -> tuple[str, ...]:
    """The entries of a route's `fallback`: `upstream:NAME` of a declared one, `model:ID` or `static:TEXT`."""
    entries: tuple[str, ...] = values.get("fallback", ())
    known = list(upstreams)
    for entry in entries:
        kind, _, rest = entry.partition(":")
        if not _fits(kind, rest):
            trouble.say(path, f'has {show(entry)}; each entry is "upstream:NAME", "model:ID" or "static:TEXT"')
        elif kind == "upstream" and rest not in known:
            hint = did_you_mean(rest, known) or f"declared are {', '.join(known)}"
            trouble.say(path, f"names the upstream {show(rest)}, which is not declared; {hint}")
    return entries


def _fits(kind: str, rest: str) -> bool:
    parsers: dict[str, Callable[[object], str]] = {"upstream": label, "model": label, "static": text}
    try:
        return bool(parsers[kind](rest))
    except (KeyError, UnfitError):
        return False
