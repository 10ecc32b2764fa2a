"""Settings of an application in its own sources: in a dict, by a key, or as a name."""

from collections.abc import Iterator

from tidegate.checks.program.module import Module
from tidegate.checks.tree.nodes import Assign, Call, Const, Item, Map, Node
from tidegate.checks.tree.walk import last_name


def configured(module: Module, name: str) -> Iterator[Node]:
    """What a setting is given: `app.config["X"] = 1`, `{"X": 1}`, `update(X=1)`, and `X = 1` in a module or a class."""
    for assign in module.every(Assign):
        key = assign.target.key if isinstance(assign.target, Item) else None
        if last_name(assign.target) == name or (isinstance(key, Const) and key.value == name):
            yield assign.value
    for table in module.every(Map):
        yield from (value for key, value in table.entries if isinstance(key, Const) and key.value == name)
    for call in module.every(Call):
        yield from (value for word, value in call.named if word == name)
