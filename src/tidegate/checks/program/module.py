"""One source as a tree with its scopes: which name is bound where."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from msgspec import Struct

from tidegate.checks.files.kinds import Language, language_of
from tidegate.checks.files.sources import Source
from tidegate.checks.tree.nodes import (
    Assign,
    Block,
    Catch,
    Class,
    Export,
    Function,
    Import,
    Items,
    Loop,
    Map,
    Member,
    Name,
    Node,
    Param,
    Spread,
)
from tidegate.checks.tree.python import read_python
from tidegate.checks.tree.script import read_script
from tidegate.checks.tree.walk import kids

N = TypeVar("N", bound=Node)
Scope = Block | Function | Class
Binding = Assign | Param | Function | Class | Import | Loop | Catch
SELVES = frozenset({"self", "this", "cls"})


class Module(Struct, frozen=True, eq=False):
    """One source file, read."""

    path: str
    language: Language
    mentions: bool
    """Whether its text mentions Claude."""
    root: Block
    lines: tuple[str, ...]
    up: Mapping[Node, Node]
    """What is right above each node but the root."""
    kinds: Mapping[type[Node], tuple[Node, ...]]
    """Every node by its class, in the order of the text."""
    imported: frozenset[str]
    """The modules that it imports from, and in Python the packages above them."""
    scopes: Mapping[Scope, Mapping[str, tuple[Binding, ...]]]
    """What is bound in the module itself, in each function and in each class."""
    fields: Mapping[Class, Mapping[str, tuple[Assign, ...]]]
    """What is assigned to `self.x` in the methods of a class."""
    exports: Mapping[str, Node]
    """Names under which other modules know something, where that differs from the name in this one."""

    def every(self, kind: type[N]) -> Iterator[N]:
        """Its nodes of one class."""
        return (node for node in self.kinds.get(kind, ()) if isinstance(node, kind))

    def above(self, node: Node) -> Iterator[Node]:
        """The nodes above, from the nearest on."""
        while (parent := self.up.get(node)) is not None:
            yield parent
            node = parent

    def function_of(self, node: Node) -> Function | None:
        """The innermost function around a node."""
        return next((one for one in self.above(node) if isinstance(one, Function)), None)

    def class_of(self, node: Node) -> Class | None:
        """The innermost class around a node."""
        return next((one for one in self.above(node) if isinstance(one, Class)), None)

    def lookup(self, name: str, at: Node) -> tuple[Binding, ...]:
        """What a name is bound to where `at` stands; bodies of classes are not seen from their methods."""
        if name in SELVES:
            return ()
        within = False
        for one in self.above(at):
            if isinstance(one, Function) or (isinstance(one, Class) and not within):
                found = self.scopes[one].get(name)
                if found:
                    return found
                within = within or isinstance(one, Function)
        return self.scopes[self.root].get(name, ())


def read_module(source: Source) -> Module:
    """Read a source; raises UnreadError, and ImportError where a parser is not installed."""
    language = language_of(source.path)
    assert language is not None
    root = read_python(source.text) if language == "python" else read_script(source.text, language)
    tables = _Tables()
    tables.enter(root)
    return Module(
        path=source.path,
        language=language,
        mentions=source.mentions,
        root=root,
        lines=tuple(source.text.splitlines()),
        up=tables.up,
        kinds={kind: tuple(some) for kind, some in tables.kinds.items()},
        imported=_imported(tables.kinds.get(Import, []), language),
        scopes={scope: {name: tuple(some) for name, some in names.items()} for scope, names in tables.scopes.items()},
        fields={one: {name: tuple(some) for name, some in names.items()} for one, names in tables.fields.items()},
        exports=tables.exports,
    )


_BINDING = frozenset({Function, Class, Param, Catch, Import, Export, Assign, Loop})
"""What may bind a name, of all the nodes that are gone through."""


class _Tables:
    """Grows while one pass goes over the tree."""

    def __init__(self) -> None:
        self.scopes: dict[Scope, dict[str, list[Binding]]] = {}
        self.fields: dict[Class, dict[str, list[Assign]]] = {}
        self.exports: dict[str, Node] = {}
        self.up: dict[Node, Node] = {}
        self.kinds: dict[type[Node], list[Node]] = {}

    def enter(self, root: Block) -> None:
        self.scopes[root] = {}
        waiting: list[tuple[Node, Scope, Class | None]] = [(root, root, None)]
        while waiting:
            node, scope, owner = waiting.pop()
            kind = type(node)
            self.kinds.setdefault(kind, []).append(node)
            if kind in _BINDING:
                self.bind(node, scope, owner)
            inner, below = scope, owner
            outside: tuple[Node, ...] = ()
            if isinstance(node, Function):
                self.scopes[node] = {}
                inner, outside = node, node.decorators
            elif isinstance(node, Class):
                self.scopes[node] = {}
                self.fields[node] = {}
                inner = below = node
            for kid in reversed(kids(node)):
                self.up[kid] = node
                waiting.append((kid, scope if outside and kid in outside else inner, below))

    def bind(self, node: Node, scope: Scope, owner: Class | None) -> None:
        if isinstance(node, Function | Class | Param | Catch) and node.name:
            self.add(scope, node.name, node)
        elif isinstance(node, Import) and node.local:
            self.add(scope, node.local, node)
        elif isinstance(node, Export) and node.name:
            self.exports[node.name] = node.of
        elif isinstance(node, Assign):
            if isinstance(node.target, Member) and owner is not None and _is_self(node.target.of):
                self.fields[owner].setdefault(node.target.name, []).append(node)
            elif isinstance(scope, Block) and isinstance(node.target, Member) and _is_exports(node.target.of):
                self.add(scope, node.target.name, node)
            for name in _names(node.target):
                self.add(scope, name, node)
        elif isinstance(node, Loop) and node.target is not None:
            for name in _names(node.target):
                self.add(scope, name, node)

    def add(self, scope: Scope, name: str, binding: Binding) -> None:
        self.scopes[scope].setdefault(name, []).append(binding)


def _imported(imports: list[Node], language: Language) -> frozenset[str]:
    names = {node.module for node in imports if isinstance(node, Import)}
    if language == "python":
        names |= {name.partition(".")[0] for name in names}
    return frozenset(names)


def _is_self(node: Node) -> bool:
    return isinstance(node, Name) and node.id in SELVES


def _is_exports(node: Node) -> bool:
    """`exports` in `exports.ask = …`, `module.exports` in `module.exports.ask = …`."""
    if isinstance(node, Member):
        return node.name == "exports" and isinstance(node.of, Name) and node.of.id == "module"
    return isinstance(node, Name) and node.id == "exports"


def _names(target: Node) -> Iterator[str]:
    """The names that an assignment to this target binds."""
    if isinstance(target, Name):
        yield target.id
    elif isinstance(target, Items):
        for part in target.parts:
            yield from _names(part)
    elif isinstance(target, Map):
        for _, part in target.entries:
            yield from _names(part)
    elif isinstance(target, Spread):
        yield from _names(target.of)
