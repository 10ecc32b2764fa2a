"""TypeScript and JavaScript as a small tree, by tree-sitter through ast-grep."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from tidegate.checks.tree.nodes import (
    Assign,
    Block,
    Call,
    Catch,
    Class,
    Const,
    Exit,
    ExitKind,
    Export,
    Function,
    If,
    Import,
    Item,
    Items,
    Loop,
    Map,
    Member,
    Name,
    Node,
    Operation,
    Param,
    Spread,
    Text,
    Try,
)
from tidegate.checks.tree.syntax import (
    at,
    bound,
    declared,
    imports,
    kept,
    named,
    number,
    plain,
    required,
    string,
    unescaped,
    word,
)
from tidegate.checks.tree.trouble import UnreadError

if TYPE_CHECKING:
    from ast_grep_py import SgNode
else:
    SgNode = Any

Language = Literal["typescript", "tsx"]
"""`<T>x` is a cast in the first and markup in the second; JavaScript is read as the second."""

_SPOKEN: dict[Language, str] = {"typescript": "TypeScript", "tsx": "JavaScript or TypeScript"}


def read_script(source: str, language: Language) -> Block:
    """The tree of a file; raises UnreadError, and ImportError without ast-grep-py."""
    from ast_grep_py import SgRoot  # noqa: PLC0415 - an optional extra, and slow to import

    root = SgRoot(source, language).root()
    wrong = root.find(kind="ERROR")
    if wrong is not None:
        raise UnreadError(f"line {wrong.range().start.line + 1} is not valid {_SPOKEN[language]}")
    try:
        return Block(at(root), _many(named(root)))
    except RecursionError:
        raise UnreadError("it is nested too deeply to be read") from None


def _one(node: SgNode) -> Node:
    make = _MAKERS.get(node.kind())
    return make(node) if make else Block(at(node), _many(named(node)))


def _many(nodes: Iterable[SgNode]) -> tuple[Node, ...]:
    return tuple(_one(node) for node in nodes if node.is_named() and node.kind() not in _DROPPED)


def _field(node: SgNode, name: str) -> Node:
    found = node.field(name)
    return Block(at(node), ()) if found is None else _one(found)


def _body(node: SgNode, name: str) -> tuple[Node, ...]:
    """The statements of a body; one statement without braces is a body too."""
    found = node.field(name)
    if found is not None and found.kind() == "else_clause":
        found = next(iter(named(found)), None)
    if found is None:
        return ()
    return _many(named(found)) if found.kind() in _BODIES else (_one(found),)


def _template(node: SgNode) -> Node:
    parts: list[Node] = []
    for kid in named(node):
        if kid.kind() == "template_substitution":
            parts.extend(_many(named(kid)))
        else:
            parts.append(Const(at(kid), unescaped(kid)))
    if all(isinstance(part, Const) for part in parts):
        return Const(at(node), "".join(str(part.value) for part in parts if isinstance(part, Const)))
    return Text(at(node), tuple(parts))


def _name(node: SgNode) -> Node:
    return Name(at(node), node.text())


def _member(node: SgNode) -> Node:
    return Member(at(node), _field(node, "object"), word(node, "property"))


def _subscript(node: SgNode) -> Node:
    return Item(at(node), _field(node, "object"), _field(node, "index"))


def _call(node: SgNode) -> Node:
    arguments = node.field("arguments")
    of = _field(node, "constructor" if node.kind() == "new_expression" else "function")
    if arguments is not None and arguments.kind() == "template_string":  # sql`…`
        return Call(at(node), of, (_template(arguments),))
    return Call(at(node), of, () if arguments is None else _many(named(arguments)))


def _binary(node: SgNode) -> Node:
    sign = word(node, "operator")
    sign = {"===": "==", "!==": "!=", "||": "or", "&&": "and"}.get(sign, sign)
    return Operation(at(node), sign, (_field(node, "left"), _field(node, "right")))


def _unary(node: SgNode) -> Node:
    sign = {"!": "not", "-": "neg"}.get(word(node, "operator"), word(node, "operator"))
    return Operation(at(node), sign, (_field(node, "argument"),))


def _ternary(node: SgNode) -> Node:
    parts = (_field(node, "condition"), _field(node, "consequence"), _field(node, "alternative"))
    return Operation(at(node), "?:", parts)


def _object(node: SgNode) -> Node:
    entries: list[tuple[Node | None, Node]] = []
    for kid in named(node):
        kind = kid.kind()
        if kind == "pair":
            key = kid.field("key")
            assert key is not None
            computed = key.kind() == "computed_property_name"
            name = _one(named(key)[0]) if computed else Const(at(key), plain(key))
            entries.append((name, _called(_field(kid, "value"), name)))
        elif kind in {"shorthand_property_identifier", "shorthand_property_identifier_pattern"}:
            entries.append((Const(at(kid), kid.text()), Name(at(kid), kid.text())))
        elif kind == "method_definition":
            entries.append((Const(at(kid), word(kid, "name")), _function(kid)))
        elif kind in {"spread_element", "rest_pattern"}:
            entries.append((None, _one(named(kid)[0])))
        elif kind == "pair_pattern":
            key = kid.field("key")
            entries.append((Const(at(kid), "" if key is None else plain(key)), _field(kid, "value")))
        elif kind == "object_assignment_pattern":
            left = named(kid)[0]
            entries.append((Const(at(left), left.text()), Name(at(left), left.text())))
    return Map(at(node), tuple(entries))


def _called(node: Node, key: Node) -> Node:
    """A function without a name is called as the entry that it is."""
    if isinstance(node, Function) and not node.name and isinstance(key, Const):
        return Function(node.at, str(key.value), node.params, node.body, node.decorators)
    return node


def _function(node: SgNode) -> Node:
    parameters = node.field("parameters")
    single = node.field("parameter")  # x => …
    given = named(parameters) if parameters is not None else [single] if single is not None else []
    body = node.field("body")
    if body is None:
        inner: tuple[Node, ...] = ()
    elif body.kind() == "statement_block":
        inner = _many(named(body))
    else:
        value = _one(body)
        inner = (Exit(value.at, "return", value),)
    params = tuple(param for number, one in enumerate(given) for param in _params(one, number))
    return Function(at(node), word(node, "name"), params, inner)


def _params(node: SgNode, number: int) -> list[Param]:
    pattern = node.field("pattern") or node.field("left") or node
    value = node.field("value") or node.field("right")
    annotation = node.field("type")
    kind = "" if annotation is None else annotation.text().lstrip(": ")
    default = None if value is None else _one(value)
    if pattern.kind() == "object_pattern":
        return [
            Param(at(kid), name, number, given, kind)
            for kid in named(pattern)
            if (name := bound(kid))
            for given in [_default(kid)]
        ]
    name = re.sub(r"^\.{3}", "", pattern.text())
    return [Param(at(node), name, number, default, kind)]


def _default(node: SgNode) -> Node | None:
    """The default of one entry of a pattern: `{ a = 1 }`, `{ a: b = 1 }`."""
    value = node.field("value") if node.kind() == "pair_pattern" else node
    if value is None or value.kind() not in {"assignment_pattern", "object_assignment_pattern"}:
        return None
    return _one(named(value)[1])


def _class(node: SgNode) -> Node:
    heritage = next((kid for kid in node.children() if kid.kind() == "class_heritage"), None)
    of = () if heritage is None else _many(part for kid in named(heritage) for part in (named(kid) or [kid]))
    decorators = _many(kid for kid in node.children() if kid.kind() == "decorator")
    body = node.field("body")
    return Class(at(node), word(node, "name"), of, () if body is None else tuple(_members(body)), decorators)


def _members(body: SgNode) -> Iterator[Node]:
    """What stands in a class; decorators stand before the method that they are for."""
    waiting: list[SgNode] = []
    for kid in named(body):
        if kid.kind() == "decorator":
            waiting.append(kid)
            continue
        one = _one(kid)
        if isinstance(one, Function):
            one = Function(one.at, one.name, one.params, (*kept(kid), *one.body), _many(waiting))
        waiting = []
        yield one


def _property(node: SgNode) -> Node:
    name = word(node, "name") or next((kid.text() for kid in named(node) if "identifier" in kid.kind()), "")
    return Assign(at(node), Name(at(node), name), _field(node, "value"))


def _declarator(node: SgNode) -> Node:
    value = node.field("value")
    target = _field(node, "name")
    if value is None:
        return Block(at(node), ())
    made = _one(value)
    imported = required(target, made)
    if imported:
        return Block(at(node), imported)
    if isinstance(made, Function) and isinstance(target, Name) and not made.name:
        made = Function(made.at, target.id, made.params, made.body, made.decorators)
    return Assign(at(node), target, made)


def _export(node: SgNode) -> Node:
    where, module = at(node), word(node, "source")
    clause = next((kid for kid in named(node) if kid.kind() == "export_clause"), None)
    if clause is not None:
        parts: list[Node] = []
        for one in named(clause):
            name, outside = word(one, "name"), word(one, "alias") or word(one, "name")
            of: Node = Import(where, module, name, outside) if module else Name(at(one), name)
            parts.append(Export(where, outside, of))
        return Block(where, tuple(parts))
    if module:  # export * from "./x"
        return Import(where, module, "*", "*")
    default = any(kid.kind() == "default" for kid in node.children())
    outer = [kid for kid in named(node) if kid.kind() == "decorator"]
    inner = _many(kid for kid in named(node) if kid.kind() != "decorator")
    of = inner[0] if len(inner) == 1 else Block(where, inner)
    if isinstance(of, Class):  # its decorators stand before `export`
        of = Class(of.at, of.name, of.of, of.body, (*_many(outer), *of.decorators))
    return Export(where, "default" if default else declared(of), of)


def _assign(node: SgNode) -> Node:
    sign = word(node, "operator") or "="
    return Assign(at(node), _field(node, "left"), _field(node, "right"), sign)


def _update(node: SgNode) -> Node:
    return Assign(at(node), _field(node, "argument"), Const(at(node), 1), "+=")


def _if(node: SgNode) -> Node:
    return If(at(node), _field(node, "condition"), _body(node, "consequence"), _body(node, "alternative"))


def _while(node: SgNode) -> Node:
    return Loop(at(node), _body(node, "body"), test=_field(node, "condition"))


def _for(node: SgNode) -> Node:
    test = node.field("condition")
    test = None if test is None or test.kind() == "empty_statement" else test
    head = [kid for name in ("initializer", "increment") if (kid := node.field(name)) is not None]
    loop = Loop(at(node), _body(node, "body"), test=None if test is None else _one(test))
    return Block(at(node), (*_many(head), loop))


def _for_in(node: SgNode) -> Node:
    return Loop(at(node), _body(node, "body"), target=_field(node, "left"), over=_field(node, "right"))


def _try(node: SgNode) -> Node:
    handler = node.field("handler")
    catches: tuple[Catch, ...] = ()
    if handler is not None:
        catches = (Catch(at(handler), (), word(handler, "parameter"), _body(handler, "body")),)
    last = node.field("finalizer")
    return Try(at(node), _body(node, "body"), catches, () if last is None else (_one(last),))


def _exit(kind: ExitKind) -> Callable[[SgNode], Node]:
    def make(node: SgNode) -> Node:
        parts = _many(named(node))
        return Exit(at(node), kind, parts[0] if parts else None)

    return make


def _inner(node: SgNode) -> Node:
    """What stands in brackets, behind `await`, before `as T` and the like."""
    parts = [kid for kid in named(node) if kid.kind() not in _DROPPED]
    return _one(parts[0]) if parts else Block(at(node), ())


_BODIES = {"statement_block", "class_body", "enum_body"}
_DROPPED = {
    "comment", "type_annotation", "type_arguments", "type_parameters", "type_alias_declaration",
    "interface_declaration", "predefined_type", "empty_statement", "import_attribute", "hash_bang_line",
    "accessibility_modifier", "function_signature", "ambient_declaration", "optional_chain",
}  # fmt: skip

_MAKERS: dict[str, Callable[[SgNode], Node]] = {
    **dict.fromkeys(("identifier", "this", "super", "import", "shorthand_property_identifier"), _name),
    **dict.fromkeys(("undefined", "null"), lambda node: Const(at(node), None)),
    "true": lambda node: Const(at(node), True),
    "false": lambda node: Const(at(node), False),
    "meta_property": _name,
    "string": string,
    "template_string": _template,
    "number": number,
    "member_expression": _member,
    "subscript_expression": _subscript,
    "call_expression": _call,
    "new_expression": _call,
    "binary_expression": _binary,
    "unary_expression": _unary,
    "ternary_expression": _ternary,
    "object": _object,
    "object_pattern": _object,
    "array": lambda node: Items(at(node), _many(named(node))),
    "array_pattern": lambda node: Items(at(node), _many(named(node))),
    "spread_element": lambda node: Spread(at(node), _inner(node)),
    **dict.fromkeys(
        ("function_declaration", "function_expression", "arrow_function", "method_definition",
         "generator_function", "generator_function_declaration"),
        _function,
    ),
    "class_declaration": _class,
    "class": _class,
    "abstract_class_declaration": _class,
    "public_field_definition": _property,
    "field_definition": _property,
    "enum_declaration": lambda node: Class(at(node), word(node, "name"), (), _body(node, "body")),
    "enum_assignment": _property,
    "variable_declarator": _declarator,
    "import_statement": imports,
    "export_statement": _export,
    "assignment_expression": _assign,
    "augmented_assignment_expression": _assign,
    "update_expression": _update,
    "if_statement": _if,
    "while_statement": _while,
    "do_statement": _while,
    "for_statement": _for,
    "for_in_statement": _for_in,
    "try_statement": _try,
    "return_statement": _exit("return"),
    "throw_statement": _exit("raise"),
    "yield_expression": _exit("yield"),
    "break_statement": _exit("break"),
    "continue_statement": _exit("continue"),
    **dict.fromkeys(
        ("parenthesized_expression", "await_expression", "as_expression", "satisfies_expression",
         "non_null_expression", "expression_statement", "decorator"),
        _inner,
    ),
    "type_assertion": lambda node: _one(named(node)[-1]),
}  # fmt: skip
