"""Python as a small tree, by the interpreter's own parser."""

import ast
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from tidegate.checks.tree.nodes import (
    Assign,
    Block,
    Call,
    Catch,
    Class,
    Const,
    Exit,
    ExitKind,
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
    Span,
    Spread,
    Text,
    Try,
)
from tidegate.checks.tree.trouble import UnreadError


def read_python(source: str) -> Block:
    """The tree of a module; raises UnreadError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are not ours to tell
            module = ast.parse(source)
        lines = source.splitlines()
        reader = _Reader(lines)
        return Block((1, 0, max(1, len(lines)), 0), reader.many(module.body))
    except SyntaxError as error:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise UnreadError(f"line {error.lineno or 1} is not valid in Python {version}: {error.msg}") from None
    except (RecursionError, MemoryError):
        raise UnreadError("it is nested too deeply to be read") from None
    except ValueError as error:  # NUL bytes
        raise UnreadError(f"it is not a Python source: {error}") from None


class _Reader:
    """Turns nodes of `ast` into ours; knows the lines, because `ast` counts bytes and we count characters."""

    def __init__(self, lines: list[str]) -> None:
        self.wide = {number: line for number, line in enumerate(lines, 1) if not line.isascii()}
        """The lines in which a character may be more than a byte."""

    def one(self, node: ast.AST) -> Node:
        make = _MAKERS.get(type(node))
        return make(self, node) if make else self.block(node)

    def many(self, nodes: Iterable[ast.AST]) -> tuple[Node, ...]:
        return tuple(self.one(node) for node in nodes)

    def maybe(self, node: ast.AST | None) -> Node | None:
        return None if node is None else self.one(node)

    def block(self, node: ast.AST) -> Node:
        """The parts of what has no maker, in their order."""
        return Block(self.at(node), self.many(ast.iter_child_nodes(node)))

    def at(self, node: ast.AST) -> Span:
        line = getattr(node, "lineno", 1)
        end = getattr(node, "end_lineno", None) or line
        start, stop = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", None) or 0
        if self.wide:
            return line, self.column(line, start), end, self.column(end, stop)
        return line, start, end, stop

    def column(self, line: int, offset: int) -> int:
        text = self.wide.get(line)
        return offset if text is None else len(text.encode()[:offset].decode(errors="ignore"))


def _operation(sign: Callable[[Any], str], *fields: str) -> Callable[[_Reader, Any], Node]:
    def make(reader: _Reader, node: Any) -> Node:
        parts: list[ast.AST] = []
        for field in fields:
            value = getattr(node, field)
            parts.extend(value if isinstance(value, list) else [value])
        return Operation(reader.at(node), sign(node), reader.many(parts))

    return make


def _constant(reader: _Reader, node: ast.Constant) -> Node:
    value = node.value
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return Const(reader.at(node), value if isinstance(value, str | int | float | bool) else None)


def _subscript(reader: _Reader, node: ast.Subscript) -> Node:
    return Item(reader.at(node), reader.one(node.value), reader.one(node.slice))


def _slice(reader: _Reader, node: ast.Slice) -> Node:
    ends = [reader.maybe(end) or Const(reader.at(node), None) for end in (node.lower, node.upper, node.step)]
    return Operation(reader.at(node), ":", tuple(ends))


def _call(reader: _Reader, node: ast.Call) -> Node:
    named = tuple((keyword.arg, reader.one(keyword.value)) for keyword in node.keywords)
    return Call(reader.at(node), reader.one(node.func), reader.many(node.args), named)


def _dict(reader: _Reader, node: ast.Dict) -> Node:
    entries = tuple((reader.maybe(key), reader.one(value)) for key, value in zip(node.keys, node.values, strict=True))
    return Map(reader.at(node), entries)


def _params(reader: _Reader, of: ast.arguments) -> tuple[Param, ...]:
    plain = [*of.posonlyargs, *of.args]
    defaults: list[ast.expr | None] = [*[None] * (len(plain) - len(of.defaults)), *of.defaults, *of.kw_defaults]
    extra = [one for one in (of.vararg, of.kwarg) if one is not None]
    every = [*plain, *of.kwonlyargs, *extra]
    values = [*defaults, *[None for _ in extra]]
    return tuple(
        Param(
            reader.at(one), one.arg, number, reader.maybe(value), ast.unparse(one.annotation) if one.annotation else ""
        )
        for number, (one, value) in enumerate(zip(every, values, strict=True))
    )


def _function(reader: _Reader, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Node:
    return Function(
        reader.at(node),
        node.name,
        _params(reader, node.args),
        reader.many(node.body),
        reader.many(node.decorator_list),
    )


def _lambda(reader: _Reader, node: ast.Lambda) -> Node:
    body = reader.one(node.body)
    return Function(reader.at(node), "", _params(reader, node.args), (Exit(body.at, "return", body),))


def _class(reader: _Reader, node: ast.ClassDef) -> Node:
    of = reader.many([*node.bases, *(keyword.value for keyword in node.keywords)])
    return Class(reader.at(node), node.name, of, reader.many(node.body), reader.many(node.decorator_list))


def _assign(reader: _Reader, node: ast.Assign) -> Node:
    value = reader.one(node.value)
    made = [Assign(reader.at(node), reader.one(target), value) for target in node.targets]
    return made[0] if len(made) == 1 else Block(reader.at(node), tuple(made))


def _annotated(reader: _Reader, node: ast.AnnAssign) -> Node:
    target = reader.one(node.target)
    return target if node.value is None else Assign(reader.at(node), target, reader.one(node.value))


def _augmented(reader: _Reader, node: ast.AugAssign) -> Node:
    return Assign(reader.at(node), reader.one(node.target), reader.one(node.value), f"{_sign(node)}=")


def _walrus(reader: _Reader, node: ast.NamedExpr) -> Node:
    return Assign(reader.at(node), reader.one(node.target), reader.one(node.value))


def _if(reader: _Reader, node: ast.If) -> Node:
    return If(reader.at(node), reader.one(node.test), reader.many(node.body), reader.many(node.orelse))


def _while(reader: _Reader, node: ast.While) -> Node:
    return Loop(reader.at(node), reader.many([*node.body, *node.orelse]), test=reader.one(node.test))


def _for(reader: _Reader, node: ast.For | ast.AsyncFor) -> Node:
    body = reader.many([*node.body, *node.orelse])
    return Loop(reader.at(node), body, target=reader.one(node.target), over=reader.one(node.iter))


def _try(reader: _Reader, node: ast.Try) -> Node:
    catches = tuple(
        Catch(reader.at(one), _caught(reader, one.type), one.name or "", reader.many(one.body)) for one in node.handlers
    )
    return Try(reader.at(node), reader.many(node.body), catches, reader.many([*node.orelse, *node.finalbody]))


def _caught(reader: _Reader, types: ast.expr | None) -> tuple[Node, ...]:
    if types is None:
        return ()
    return reader.many(types.elts) if isinstance(types, ast.Tuple) else (reader.one(types),)


def _with(reader: _Reader, node: ast.With | ast.AsyncWith) -> Node:
    heads: list[Node] = []
    for item in node.items:
        value = reader.one(item.context_expr)
        if item.optional_vars is not None:
            value = Assign(value.at, reader.one(item.optional_vars), value)
        heads.append(value)
    return Block(reader.at(node), (*heads, *reader.many(node.body)))


def _comprehension(reader: _Reader, node: Any) -> Node:
    """`[value for target in over if test]` as the loop that it is."""
    if isinstance(node, ast.DictComp):
        body: tuple[Node, ...] = reader.many([node.key, node.value])
    else:
        body = (reader.one(node.elt),)
    for part in reversed(node.generators):
        if part.ifs:
            test = Operation(reader.at(node), "and", reader.many(part.ifs))
            body = (If(test.at, test, body),)
        body = (Loop(reader.at(node), body, target=reader.one(part.target), over=reader.one(part.iter)),)
    return Items(reader.at(node), body)


def _import(reader: _Reader, node: ast.Import) -> Node:
    at = reader.at(node)
    found = [
        Import(at, one.name if one.asname else one.name.partition(".")[0], "", one.asname or one.name.partition(".")[0])
        for one in node.names
    ]
    loaded = [Import(at, one.name, "", "") for one in node.names if "." in one.name and not one.asname]
    return Block(at, (*found, *loaded))


def _import_from(reader: _Reader, node: ast.ImportFrom) -> Node:
    module = "." * node.level + (node.module or "")
    at = reader.at(node)
    return Block(at, tuple(Import(at, module, one.name, one.asname or one.name) for one in node.names))


def _exit(kind: ExitKind) -> Callable[[_Reader, Any], Node]:
    def make(reader: _Reader, node: Any) -> Node:
        value = getattr(node, "exc", None) if kind == "raise" else getattr(node, "value", None)
        cause = getattr(node, "cause", None)
        left = Exit(reader.at(node), kind, reader.maybe(value))
        return left if cause is None else Block(left.at, (reader.one(cause), left))

    return make


_SIGNS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.LShift: "<<", ast.BitOr: "|", ast.And: "and", ast.Or: "or", ast.Not: "not", ast.USub: "neg",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.In: "in",
    ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip


def _sign(node: Any) -> str:
    return _SIGNS.get(type(node.op), "?")


def _same(field: str) -> Callable[[_Reader, Any], Node]:
    return lambda reader, node: reader.one(getattr(node, field))


_MAKERS: dict[type[ast.AST], Callable[[_Reader, Any], Node]] = {
    ast.Constant: _constant,
    ast.Name: lambda reader, node: Name(reader.at(node), node.id),
    ast.Attribute: lambda reader, node: Member(reader.at(node), reader.one(node.value), node.attr),
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.Starred: lambda reader, node: Spread(reader.at(node), reader.one(node.value)),
    ast.Call: _call,
    ast.JoinedStr: lambda reader, node: Text(reader.at(node), reader.many(node.values)),
    ast.FormattedValue: _same("value"),
    ast.BinOp: _operation(_sign, "left", "right"),
    ast.BoolOp: _operation(_sign, "values"),
    ast.UnaryOp: _operation(_sign, "operand"),
    ast.Compare: _operation(lambda node: _SIGNS.get(type(node.ops[0]), "?"), "left", "comparators"),
    ast.IfExp: _operation(lambda _: "?:", "test", "body", "orelse"),
    ast.Dict: _dict,
    ast.List: lambda reader, node: Items(reader.at(node), reader.many(node.elts)),
    ast.Tuple: lambda reader, node: Items(reader.at(node), reader.many(node.elts)),
    ast.Set: lambda reader, node: Items(reader.at(node), reader.many(node.elts)),
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.Lambda: _lambda,
    ast.ClassDef: _class,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.NamedExpr: _walrus,
    ast.If: _if,
    ast.While: _while,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Return: _exit("return"),
    ast.Raise: _exit("raise"),
    ast.Yield: _exit("yield"),
    ast.YieldFrom: _exit("yield"),
    ast.Break: _exit("break"),
    ast.Continue: _exit("continue"),
    ast.Await: _same("value"),
    ast.Expr: _same("value"),
}
