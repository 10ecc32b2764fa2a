"""The small tree: what the checks need of a program, in the same words for every language.

Rules
1. Types, comments and punctuation are gone; `await x` is x; a `with` is a block that begins with an assignment.
2. What has no node of its own is a Block of its parts in their order: nothing that could hold a call is lost.
3. Nodes are frozen and compared by identity, so that a node can be a key: the same text twice is two nodes.
"""

from typing import Literal

from msgspec import Struct

Span = tuple[int, int, int, int]
"""First line and column, last line, column behind the last character; lines from 1, columns from 0, in characters."""

ExitKind = Literal["return", "raise", "yield", "break", "continue"]


class Node(Struct, frozen=True, eq=False, gc=False):
    """A piece of a program and where it stands."""

    at: Span


class Const(Node, frozen=True, eq=False, gc=False):
    """A literal: text, number, truth value or nothing."""

    value: str | int | float | bool | None


class Name(Node, frozen=True, eq=False, gc=False):
    """A plain name."""

    id: str


class Member(Node, frozen=True, eq=False, gc=False):
    """`of.name`."""

    of: Node
    name: str


class Item(Node, frozen=True, eq=False, gc=False):
    """`of[key]`; a slice is an Operation ":" of its ends."""

    of: Node
    key: Node


class Spread(Node, frozen=True, eq=False, gc=False):
    """`*x` or `...x` in a list of arguments or items."""

    of: Node


class Call(Node, frozen=True, eq=False, gc=False):
    """`of(args, named…)`, and `new Of(…)`; a name of None is `**x`."""

    of: Node
    args: tuple[Node, ...]
    named: tuple[tuple[str | None, Node], ...] = ()


class Text(Node, frozen=True, eq=False, gc=False):
    """An f-string or a template: constant and computed parts."""

    parts: tuple[Node, ...]


class Operation(Node, frozen=True, eq=False, gc=False):
    """Operators of every kind: `+`, `or`, `??`, `==`, `in`, `not`; `?:` has the test first, then both values."""

    sign: str
    parts: tuple[Node, ...]


class Map(Node, frozen=True, eq=False, gc=False):
    """A dict or an object; a key of None is a spread."""

    entries: tuple[tuple[Node | None, Node], ...]


class Items(Node, frozen=True, eq=False, gc=False):
    """A list, tuple, set or array."""

    parts: tuple[Node, ...]


class Param(Node, frozen=True, eq=False, gc=False):
    """A parameter; a pattern such as `{a, b}` is one parameter for each name, all of the same `number`."""

    name: str
    number: int
    default: Node | None = None
    kind: str = ""
    """The annotation as it is written."""


class Function(Node, frozen=True, eq=False, gc=False):
    """A function, method, lambda or arrow."""

    name: str
    params: tuple[Param, ...]
    body: tuple[Node, ...]
    decorators: tuple[Node, ...] = ()


class Class(Node, frozen=True, eq=False, gc=False):
    """A class; fields are assignments in its body."""

    name: str
    of: tuple[Node, ...]
    body: tuple[Node, ...]
    decorators: tuple[Node, ...] = ()


class Assign(Node, frozen=True, eq=False, gc=False):
    """`target = value` with its sign; destructuring gives one target for each name, as Items or Map."""

    target: Node
    value: Node
    sign: str = "="


class If(Node, frozen=True, eq=False, gc=False):
    """A branch."""

    test: Node
    then: tuple[Node, ...]
    other: tuple[Node, ...] = ()


class Loop(Node, frozen=True, eq=False, gc=False):
    """`while` with its test (None: for ever), or `for` with target and what it goes over."""

    body: tuple[Node, ...]
    test: Node | None = None
    target: Node | None = None
    over: Node | None = None


class Catch(Node, frozen=True, eq=False, gc=False):
    """`except types as name` or `catch (name)`; no types: everything."""

    types: tuple[Node, ...]
    name: str
    body: tuple[Node, ...]


class Try(Node, frozen=True, eq=False, gc=False):
    """Guarded statements; `rest` is what follows them: else and finally."""

    body: tuple[Node, ...]
    catches: tuple[Catch, ...]
    rest: tuple[Node, ...] = ()


class Exit(Node, frozen=True, eq=False, gc=False):
    """What leaves a function or a loop, or hands out a value."""

    kind: ExitKind
    value: Node | None = None


class Import(Node, frozen=True, eq=False, gc=False):
    """One imported name.  `name` "" is the whole module, "default" a default export; `local` "" binds nothing."""

    module: str
    name: str
    local: str


class Export(Node, frozen=True, eq=False, gc=False):
    """`export` around a declaration, with the name it is known by outside."""

    name: str
    of: Node


class Block(Node, frozen=True, eq=False, gc=False):
    """Anything else, as its parts in their order."""

    parts: tuple[Node, ...]
