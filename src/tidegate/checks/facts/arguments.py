"""The arguments of a call by what they are about, through `**params`, `{...defaults, model}` and dicts built before."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec import Struct

from tidegate.checks.facts.ways import ROLES
from tidegate.checks.program.fold import Value, fold, table_of
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Found, Program, returned
from tidegate.checks.tree.nodes import Assign, Call, Const, Function, Item, Map, Member, Name, Node, Spread
from tidegate.checks.tree.walk import walk


class Arguments(Struct, frozen=True):
    """What a call is given."""

    given: Mapping[str, Found]
    """By role; where the value is written."""
    open: bool = False
    """Whether there may be more than could be seen."""

    def value(self, program: Program, role: str) -> Value | None:
        """What an argument is worth; None: it is not given, as far as can be seen."""
        found = self.given.get(role)
        return None if found is None else fold(program, found.module, found.node)

    def over(self, under: "Arguments") -> "Arguments":
        """These where they are given, the others elsewhere."""
        return Arguments({**under.given, **self.given}, self.open or under.open)


def read_arguments(program: Program, module: Module, call: Call) -> Arguments:
    """The arguments of a call that name what they are: keywords, and properties of objects."""
    given: dict[str, Found] = {}
    is_open = False
    for name, node in _pairs(program, module, call):
        if name is None:
            is_open = True
        elif name.node in ROLES:
            given[ROLES[name.node]] = Found(name.module, node)
    return Arguments(given, is_open)


class _Named(Struct, frozen=True):
    module: Module
    node: str


def _pairs(program: Program, module: Module, call: Call) -> Iterator[tuple[_Named | None, Node]]:
    for name, value in call.named:
        if name is None:
            yield from _spread(program, module, value)
        else:
            yield _Named(module, name), value
    for argument in call.args:
        if isinstance(argument, Map):
            yield from _entries(program, module, argument)
        elif isinstance(argument, Spread):
            yield None, argument
        elif module.language != "python" and isinstance(argument, Name | Member) and argument is call.args[0]:
            yield from _spread(program, module, argument)


def _entries(program: Program, module: Module, table: Map) -> Iterator[tuple[_Named | None, Node]]:
    for key, value in table.entries:
        if key is None:
            yield from _spread(program, module, value)
        elif isinstance(key, Const) and isinstance(key.value, str):
            yield _Named(module, key.value), value
        else:
            yield None, value


def _spread(program: Program, module: Module, value: Node) -> Iterator[tuple[_Named | None, Node]]:
    """What `**value` brings: the dict as it is written, and what is put into it before."""
    if isinstance(value, Map):
        yield from _entries(program, module, value)
        return
    if isinstance(value, Call):
        yield from _returned(program, module, value)
        return
    found = table_of(program, module, value)
    made = _made(program, module, value) if found is None else None
    if found is not None and isinstance(found.node, Map):
        yield from _entries(program, found.module, found.node)
    elif made is not None and program.origin(made.module, made.node.of) == "dict":
        yield from _pairs(program, made.module, made.node)
    elif made is not None:
        yield from _returned(program, made.module, made.node)
    else:
        yield None, value
    if isinstance(value, Name):
        yield from _added(program, module, value)


def _returned(program: Program, module: Module, call: Call) -> Iterator[tuple[_Named | None, Node]]:
    """`**self.params()`: the dict that a function of the project puts together."""
    found = program.find(module, call.of)
    values = list(returned(found.node)) if found is not None and isinstance(found.node, Function) else []
    if found is None or len(values) != 1 or isinstance(values[0], Call):
        yield None, call
    else:
        yield from _spread(program, found.module, values[0])


class _Made(NamedTuple):
    module: Module
    node: Call


def _made(program: Program, module: Module, value: Node) -> _Made | None:
    """The call that made what a name stands for: `params = dict(model=…)`, `params = self.params()`."""
    found = program.find(module, value)
    made = found.node.value if found is not None and isinstance(found.node, Assign) else None
    return _Made(found.module, made) if found is not None and isinstance(made, Call) else None


def _added(program: Program, module: Module, name: Name) -> Iterator[tuple[_Named | None, Node]]:
    """`params["stop"] = …`, `params.update(…)` in the same function."""
    around = module.function_of(name) or module.root
    for node in walk(around):
        if isinstance(node, Assign) and isinstance(node.target, Item | Member) and _is(node.target.of, name):
            key = node.target.name if isinstance(node.target, Member) else node.target.key
            text = key.value if isinstance(key, Const) else key
            yield (_Named(module, text), node.value) if isinstance(text, str) else (None, node)
        elif isinstance(node, Call) and any(_is(one, name) for one in node.args) and program.find(module, node.of):
            yield None, node  # handed to a function of the project, which may add to it
        elif isinstance(node, Call) and isinstance(node.of, Member) and _is(node.of.of, name):
            if node.of.name == "update":
                yield from _pairs(program, module, node)
                if node.args and not isinstance(node.args[0], Map):
                    yield None, node
            elif node.of.name == "setdefault" and len(node.args) == 2 and isinstance(node.args[0], Const):
                yield _Named(module, str(node.args[0].value)), node.args[1]


def _is(node: Node, name: Name) -> bool:
    return isinstance(node, Name) and node.id == name.id
