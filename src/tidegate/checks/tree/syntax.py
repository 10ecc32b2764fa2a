"""Small parts of a tree-sitter tree: where a node stands, names, literals and imports."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tidegate.checks.tree.nodes import (
    Assign,
    Block,
    Call,
    Class,
    Const,
    Function,
    Import,
    Map,
    Member,
    Name,
    Node,
    Span,
)

if TYPE_CHECKING:
    from ast_grep_py import SgNode
else:
    SgNode = Any


def at(node: SgNode) -> Span:
    """Where a node stands; lines from 1, columns from 0."""
    span = node.range()
    return (span.start.line + 1, span.start.column, span.end.line + 1, span.end.column)


def named(node: SgNode) -> list[SgNode]:
    """The children that are no punctuation and no comment."""
    return [kid for kid in node.children() if kid.is_named() and kid.kind() != "comment"]


def word(node: SgNode, name: str) -> str:
    """The text of a field; "" where it is missing."""
    found = node.field(name)
    return "" if found is None else plain(found)


def plain(node: SgNode) -> str:
    """A name or a quoted name, without its quotes."""
    text = node.text()
    return text[1:-1] if text[:1] in {'"', "'"} else text


def string(node: SgNode) -> Node:
    """A string literal."""
    text = "".join(unescaped(kid) for kid in named(node))
    return Const(at(node), text)


def unescaped(node: SgNode) -> str:
    """The text of a piece of a literal."""
    text = node.text()
    if node.kind() != "escape_sequence":
        return text
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:  # escapes that JSON does not have
        return text[1:]


def number(node: SgNode) -> Node:
    """A number literal; whole ones are int, whatever their form."""
    text = node.text().replace("_", "").rstrip("n")
    try:
        value: int | float = int(text, 0)
    except ValueError:
        try:
            value = float(text)
        except ValueError:
            return Block(at(node), ())
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return Const(at(node), value)


def required(target: Node, value: Node) -> tuple[Import, ...]:
    """`const x = require("m")` and `await import("m")` as imports."""
    if isinstance(value, Member) and value.name == "default" and isinstance(target, Name):
        whole = required(target, value.of)
        return tuple(Import(one.at, one.module, "default", one.local) for one in whole)
    if not (isinstance(value, Call) and isinstance(value.of, Name) and value.of.id in {"require", "import"}):
        return ()
    module = value.args[0].value if value.args and isinstance(value.args[0], Const) else None
    if not isinstance(module, str):
        return ()
    if isinstance(target, Name):
        return (Import(target.at, module, "", target.id),)
    if isinstance(target, Map):
        return tuple(
            Import(bound.at, module, str(key.value), bound.id)
            for key, bound in target.entries
            if isinstance(key, Const) and isinstance(bound, Name)
        )
    return ()


def imports(node: SgNode) -> Node:
    """An import statement: one Import for each name, and one that binds nothing for the module."""
    where, module = at(node), word(node, "source")
    found: list[Node] = [Import(where, module, "", "")]
    clause = next((kid for kid in named(node) if kid.kind() == "import_clause"), None)
    for kid in [] if clause is None else named(clause):
        if kid.kind() == "identifier":
            found.append(Import(where, module, "default", kid.text()))
        elif kid.kind() == "namespace_import":
            found.append(Import(where, module, "", named(kid)[0].text()))
        elif kid.kind() == "named_imports":
            for one in named(kid):
                local = word(one, "alias") or word(one, "name")
                found.append(Import(where, module, word(one, "name"), local))
    return Block(where, tuple(found))


def declared(node: Node) -> str:
    """The name that a declaration declares."""
    if isinstance(node, Function | Class):
        return node.name
    if isinstance(node, Block) and node.parts and isinstance(node.parts[0], Assign):
        target = node.parts[0].target
        return target.id if isinstance(target, Name) else ""
    return ""


def kept(constructor: SgNode) -> Iterator[Node]:
    """`this.claude = claude` of `constructor(private readonly claude: Claude)`; nothing of other methods."""
    parameters = constructor.field("parameters")
    for one in named(parameters) if parameters is not None else ():
        words = {kid.kind() for kid in one.children()}
        name = word(one, "pattern")
        if name and words & {"accessibility_modifier", "readonly", "override_modifier"}:
            yield Assign(at(one), Member(at(one), Name(at(one), "this"), name), Name(at(one), name))


def bound(node: SgNode) -> str:
    """The name that one entry of a pattern binds; a nested pattern binds none of ours."""
    value = node.field("value") or (named(node)[0] if named(node) else node)
    if value.kind() == "assignment_pattern":
        value = named(value)[0]
    return value.text() if re.fullmatch(r"[\w$]+", value.text()) else ""
