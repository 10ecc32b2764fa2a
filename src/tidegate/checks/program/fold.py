"""Constants: what an expression is worth, as far as that can be told without running the program.

Rules
1. A name counts when it is assigned once; a parameter counts with its default, said to be one.
2. An environment variable counts with its default, said to be one.
3. Everything else is Computed: it says what it was that could not be told.
"""

import operator
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Found, Program
from tidegate.checks.program.unpacked import unpacked
from tidegate.checks.tree.nodes import (
    Assign,
    Call,
    Class,
    Const,
    Function,
    Item,
    Map,
    Member,
    Name,
    Node,
    Operation,
    Param,
    Text,
)

Plain = str | int | float | bool | None
_HOPS = 12


class Known(Struct, frozen=True):
    """A value that is written in the program."""

    value: Plain
    module: Module
    node: Node
    """Where it is written."""
    default_of: str = ""
    """`the parameter max_tokens`, `the variable MODEL`: it can be given otherwise; "": it cannot."""


class Variable(Struct, frozen=True):
    """An environment variable without a default."""

    name: str


class Computed(Struct, frozen=True):
    """What cannot be told; `text` names it."""

    text: str


Value = Known | Variable | Computed

_ENVIRONMENT = {
    "os.getenv", "os.environ.get", "os.environ.setdefault", "environ.get", "decouple.config", "env", "env.str",
    "environ.Env", "Deno.env.get", "Bun.env.get",
}  # fmt: skip
_ENVIRONMENTS = ("os.environ", "process.env", "import.meta.env", "Bun.env")

_SUMS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "/": operator.truediv,
}  # fmt: skip


def fold(program: Program, module: Module, node: Node, hops: int = _HOPS) -> Value:
    """What an expression is worth."""
    if isinstance(node, Const):
        return Known(node.value, module, node)
    variable = _variable(program, module, node, hops) if hops > 0 else None
    if variable is not None:
        return variable
    worth = _FOLDS.get(type(node)) if hops > 0 else None
    return worth(program, module, node, hops) if worth else Computed(spoken(node))


def whole(value: Value) -> int | None:
    """The number that a value is, when it is a whole one."""
    number = value.value if isinstance(value, Known) else None
    return None if isinstance(number, bool) or not isinstance(number, int) else number


def source_of(value: Value) -> str:
    """What a value comes from that cannot be told, or is not of the right kind."""
    if isinstance(value, Variable):
        return f"the variable {value.name}"
    return value.text if isinstance(value, Computed) else "a value of another kind"


def spoken(node: Node) -> str:
    """A short name for an expression, for people."""
    if isinstance(node, Name):
        return node.id
    if isinstance(node, Member):
        return f"{spoken(node.of)}.{node.name}"
    if isinstance(node, Call):
        return f"{spoken(node.of)}(…)"
    if isinstance(node, Item):
        return f"{spoken(node.of)}[…]"
    return "an expression"


def _variable(program: Program, module: Module, node: Node, hops: int) -> Value | None:
    """`os.environ["X"]`, `os.getenv("X", default)`, `process.env.X`."""
    name: Plain = None
    default: Node | None = None
    if isinstance(node, Member) and program.origin(module, node.of) in _ENVIRONMENTS:
        name = node.name
    elif isinstance(node, Item) and program.origin(module, node.of) in _ENVIRONMENTS and isinstance(node.key, Const):
        name = node.key.value
    elif isinstance(node, Call) and node.args and program.origin(module, node.of) in _ENVIRONMENT:
        name = node.args[0].value if isinstance(node.args[0], Const) else None
        default = node.args[1] if len(node.args) > 1 else dict(node.named).get("default")
    if not isinstance(name, str):
        return None
    if default is None:
        return Variable(name)
    return _as_default(fold(program, module, default, hops - 1), f"the variable {name}")


def may_default(program: Program, module: Module, node: Call | Operation) -> bool:
    """Whether an expression may be an environment variable with a default."""
    if isinstance(node, Operation):
        return node.sign in {"or", "??"}
    return program.origin(module, node.of) in _ENVIRONMENT


def _as_default(value: Value, of: str) -> Value:
    if isinstance(value, Known) and value.value is not None:
        return Known(value.value, value.module, value.node, of)
    return value if isinstance(value, Variable) else Computed(of)


def _text(program: Program, module: Module, node: Text, hops: int) -> Value:
    parts = [fold(program, module, part, hops - 1) for part in node.parts]
    known = [part.value for part in parts if isinstance(part, Known)]
    if len(known) < len(parts):
        return Computed("a text with computed parts")
    return Known("".join(str(part) for part in known), module, node)


def _operation(program: Program, module: Module, node: Operation, hops: int) -> Value:
    parts = [fold(program, module, part, hops - 1) for part in node.parts]
    first = parts[0]
    if node.sign in {"or", "??"} and len(parts) == 2:
        if isinstance(first, Variable):
            return _as_default(parts[1], f"the variable {first.name}")
        if isinstance(first, Computed):
            return _as_default(parts[1], first.text)
        return first if first.value else parts[1]
    if node.sign == "neg" and isinstance(first, Known) and isinstance(first.value, int | float):
        return Known(-first.value, module, node)
    if node.sign in _SUMS and len(parts) == 2:
        return _summed(node, module, [part.value for part in parts if isinstance(part, Known)])
    return Computed("an expression")


def _summed(node: Operation, module: Module, values: list[Any]) -> Value:
    """What two values make, numbers or texts; the value of the operation as a whole."""
    texts = node.sign == "+" and all(isinstance(one, str) for one in values)
    if len(values) < 2 or not (texts or all(isinstance(one, int | float) for one in values)):
        return Computed("an expression")
    try:
        result = _SUMS[node.sign](*values)
    except (ArithmeticError, ValueError):
        return Computed("an expression")
    whole = isinstance(result, float) and result.is_integer()
    return Known(int(result) if whole else result, module, node)


_CASTS = {"int", "str", "float", "Number", "parseInt", "parseFloat", "Number.parseInt", "Number.parseFloat", "String"}


_FIELDS = {"Field", "field", "mapped_column"}


def _call(program: Program, module: Module, node: Call, hops: int) -> Value:
    """`int(os.getenv("X", "512"))`, `Field(512)` and the like."""
    name = program.origin(module, node.of)
    if name.rpartition(".")[2] in _FIELDS:
        given = dict(node.named).get("default") or (node.args[0] if node.args else None)
        return Computed("a field") if given is None else _as_default(fold(program, module, given, hops - 1), "a field")
    if name not in _CASTS or not node.args:
        return Computed(spoken(node))
    inner = fold(program, module, node.args[0], hops - 1)
    if not isinstance(inner, Known) or not isinstance(inner.value, str) or name in {"str", "String"}:
        return inner
    try:
        number: Plain = float(inner.value) if "loat" in name else int(inner.value)
    except ValueError:
        return Computed(spoken(node))
    return Known(number, inner.module, inner.node, inner.default_of)


def _named(program: Program, module: Module, node: Name | Member, hops: int) -> Value:
    if isinstance(node, Member):
        entry = _property(program, module, node, hops)
        if entry is not None:
            return entry
    found = program.find(module, node)
    if found is None or _is_ambiguous(program, module, node, found):
        return Computed(spoken(node))
    return _found(program, found, node, hops)


def _found(program: Program, found: Found, node: Node, hops: int) -> Value:
    if isinstance(found.node, Assign) and isinstance(found.node.target, Name | Member) and found.node.sign == "=":
        return fold(program, found.module, found.node.value, hops - 1)
    if isinstance(found.node, Assign) and isinstance(node, Name | Member):  # MODEL, LONGEST = "claude-haiku-4-5", 512
        name = node.id if isinstance(node, Name) else node.name
        parts = list(unpacked(program, found.module, found.node, name))
        return fold(program, parts[0].module, parts[0].node, hops - 1) if len(parts) == 1 else Computed(spoken(node))
    if isinstance(found.node, Const | Operation | Text):  # export default 512
        return fold(program, found.module, found.node, hops - 1)
    if isinstance(found.node, Param) and found.node.default is not None:
        value = fold(program, found.module, found.node.default, hops - 1)
        return _as_default(value, f"the parameter {found.node.name}")
    return Computed(spoken(node))


def _is_ambiguous(program: Program, module: Module, node: Name | Member, found: Found) -> bool:
    """Whether a name is assigned more than once, so that no one value is right."""
    owner = _owner(found)
    name = node.id if isinstance(node, Name) else node.name
    if owner is not None:
        bound = (*found.module.scopes[owner].get(name, ()), *found.module.fields[owner].get(name, ()))
        return len(bound) > 1
    if found.module is module and isinstance(node, Name):
        return len([one for one in program.bindings(module, node) if isinstance(one, Assign | Param)]) > 1
    return len(found.module.scopes[found.module.root].get(name, ())) > 1


def _owner(found: Found) -> Class | None:
    """The class that a field belongs to."""
    node = found.node
    if not isinstance(node, Assign):
        return None
    if isinstance(node.target, Member):
        return found.module.class_of(node)
    nearest = next((one for one in found.module.above(node) if isinstance(one, Class | Function)), None)
    return nearest if isinstance(nearest, Class) else None


def _property(program: Program, module: Module, node: Member, hops: int) -> Value | None:
    """`config.maxTokens` where `config` is an object that is written out."""
    table = table_of(program, module, node.of, hops - 1)
    return None if table is None else _of_table(program, table, node.name, node, hops)


def _entry(program: Program, module: Module, node: Item, hops: int) -> Value:
    key = fold(program, module, node.key, hops - 1)
    table = table_of(program, module, node.of, hops - 1)
    if table is None or not isinstance(key, Known):
        return Computed(spoken(node))
    return _of_table(program, table, key.value, node, hops)


def _of_table(program: Program, table: Found, key: Plain, node: Node, hops: int) -> Value:
    assert isinstance(table.node, Map)
    for name, value in reversed(table.node.entries):
        if isinstance(name, Const) and name.value == key:
            return fold(program, table.module, value, hops - 1)
    return Computed(spoken(node))


def table_of(program: Program, module: Module, node: Node, hops: int = _HOPS) -> Found | None:
    """The dict or object that an expression names, when it is written out once."""
    if isinstance(node, Map):
        return Found(module, node)
    if hops > 0 and isinstance(node, Item) and isinstance(node.key, Const):
        outer = table_of(program, module, node.of, hops - 1)
        return None if outer is None else _inner_table(program, outer, node.key.value, hops)
    if hops > 0 and isinstance(node, Member):
        outer = table_of(program, module, node.of, hops - 1)
        inner = None if outer is None else _inner_table(program, outer, node.name, hops)
        if inner is not None:
            return inner
    found = program.find(module, node) if hops > 0 and isinstance(node, Name | Member) else None
    if found is None or isinstance(found.node, Map):
        return found
    assigned = isinstance(found.node, Assign) and isinstance(found.node.target, Name | Member)
    if not assigned or not isinstance(node, Name | Member) or _is_ambiguous(program, module, node, found):
        return None
    assert isinstance(found.node, Assign)
    return table_of(program, found.module, found.node.value, hops - 1)


def _inner_table(program: Program, outer: Found, key: Plain, hops: int) -> Found | None:
    assert isinstance(outer.node, Map)
    for name, value in reversed(outer.node.entries):
        if isinstance(name, Const) and name.value == key:
            return table_of(program, outer.module, value, hops - 1)
    return None


_FOLDS: dict[type[Node], Callable[[Program, Module, Any, int], Value]] = {
    Text: _text,
    Operation: _operation,
    Call: _call,
    Name: _named,
    Member: _named,
    Item: _entry,
}
