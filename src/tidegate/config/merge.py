"""Laying one source of settings over another: variables and options over the file's tree, each with its origin."""

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.config import environment
from tidegate.config.files import EnvFile
from tidegate.config.locate import Path
from tidegate.config.trouble import Origin, Sources, Trouble


def merge_variables(trouble: Trouble, values: Mapping[str, str], env_file: EnvFile | None = None) -> None:
    """Lay the variables over the tree; `env_file` when they come from one.  A name that means nothing is noted."""

    def place(name: str) -> str:
        return f"{env_file.name}:{env_file.lines[name]}: {name}" if env_file else name

    sources = trouble.sources
    known, unknown = environment.assignments(environment.relevant(values), sources.tree)
    for one in known:
        _put(sources, one.path, one.value, Origin(place(one.name), f"{one.name}="))
    for name in unknown:
        trouble.plain(f"{place(name)} is not a setting; {environment.hint(name, sources.tree)}")


def merge_overrides(trouble: Trouble, overrides: Mapping[str, object]) -> None:
    """Lay the options of a command line or a call over the tree; None counts as not given."""
    for path, value in _leaves((), overrides):
        if value is not None:
            _put(trouble.sources, path, value, Origin(f'the option "{".".join(path)}"', option=True))


def _leaves(path: tuple[str, ...], tree: Mapping[str, object]) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, value in tree.items():
        here = (*path, *(name.split(".") if not path else (name,)))
        if isinstance(value, Mapping):
            yield from _leaves(here, value)
        else:
            yield here, list(value) if isinstance(value, tuple) else value


def _put(sources: Sources, path: Path, value: Any, origin: Origin) -> None:
    """Set a value in the tree; a table of the wrong shape is left, because reading it tells the problem."""
    tree: Any = sources.tree
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            return
    tree[path[-1]] = value
    for below in [one for one in sources.origins if one[: len(path)] == path]:
        del sources.origins[below]
    sources.origins[path] = origin
