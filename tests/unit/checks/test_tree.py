"""Python and TypeScript become the same small tree."""

import pytest

from tidegate.checks.tree.nodes import (
    Assign,
    Block,
    Call,
    Class,
    Const,
    Exit,
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
    Spread,
    Text,
    Try,
)
from tidegate.checks.tree.python import read_python
from tidegate.checks.tree.script import read_script
from tidegate.checks.tree.trouble import UnreadError
from tidegate.checks.tree.walk import _KIDS, kids, walk, walk_here


def shown(node: Node) -> str:
    """The tree without its places, as a short text."""
    match node:
        case Const():
            return repr(node.value)
        case Name():
            return node.id
        case Member():
            return f"{shown(node.of)}.{node.name}"
        case Call():
            named = [f"{name or '**'}={shown(value)}" for name, value in node.named]
            return f"{shown(node.of)}({', '.join([*map(shown, node.args), *named])})"
        case Map():
            return (
                "{" + ", ".join(f"{shown(key) if key else '...'}: {shown(value)}" for key, value in node.entries) + "}"
            )
        case Assign():
            return f"{shown(node.target)} {node.sign} {shown(node.value)}"
        case Exit():
            return f"{node.kind} {shown(node.value) if node.value else ''}".strip()
        case Import():
            return f"import {node.module}:{node.name} as {node.local}"
        case Function():
            params = ", ".join(f"{one.name}={shown(one.default)}" if one.default else one.name for one in node.params)
            return f"def {node.name}({params})[{'; '.join(map(shown, node.body))}]"
        case _:
            inner = ", ".join(map(shown, kids(node)))
            sign = node.sign if isinstance(node, Operation) else ""
            return f"{type(node).__name__}{sign}({inner})"


SAME = {
    "a call": ("f(a, 1, x=True)", None, "f(a, 1, x=True)"),
    "a member": ("a.b.c()", "a.b!.c()", "a.b.c()"),
    "awaiting": ("async def g():\n  x = await f()", "async function g() { x = await f() }", "def g()[x = f()]"),
    "a dict": ("x = {'a': 1, **b}", "x = {a: 1, ...b}", "x = {'a': 1, ...: b}"),
    "a spread": ("f(*a)", "f(...a)", "f(Spread(a))"),
    "a template": ("x = f'a{b}'", "x = `a${b}`", "x = Text('a', b)"),
    "a condition": ("x = a if t else b", "x = t ? a : b", "x = Operation?:(t, a, b)"),
    "or": ("x = a or b", "x = a || b", "x = Operationor(a, b)"),
    "a number": ("x = 1_000", "x = 1e3", "x = 1000"),
    "adding": ("x += 1", "x += 1", "x += 1"),
    "an item": ("x = a['b']", "x = a['b']", "x = Item(a, 'b')"),
    "raising": ("def f():\n  raise E('x')", "function f() { throw new E('x') }", "def f()[raise E('x')]"),
    "a default": ("def f(a, b=2):\n  return a", "function f(a, b = 2) { return a }", "def f(a, b=2)[return a]"),
    "a small function": ("x = lambda a: a", "x = (a) => a", "x = def (a)[return a]"),
    "a branch": ("if t:\n  a()\nelse:\n  b()", "if (t) { a() } else { b() }", "If(t, a(), b())"),
    "a loop": ("while t:\n  a()", "while (t) a()", "Loop(a(), t)"),
    "a loop over": ("for x in y:\n  a()", "for (const x of y) { a() }", "Loop(a(), x, y)"),
    "a list": ("x = [a, 1]", "x = [a, 1]", "x = Items(a, 1)"),
    "text with escapes": (r"x = 'a\"b\n'", r"x = 'a\"b\n'", "x = 'a\"b\\n'"),
}


@pytest.mark.parametrize(("python", "script", "tree"), SAME.values(), ids=SAME)
def test_both_languages(python: str, script: str | None, tree: str) -> None:
    assert shown(read_python(python).parts[0]) == tree
    if script is not None:
        first = read_script(script, "typescript").parts[0]
        assert shown(first.parts[0] if isinstance(first, Block) else first) == tree


def test_a_try() -> None:
    python = read_python("try:\n  a()\nexcept (B, c.D) as e:\n  f(e)\nfinally:\n  g()").parts[0]
    assert isinstance(python, Try)
    assert (shown(python.body[0]), python.catches[0].name) == ("a()", "e")
    assert [shown(one) for one in python.catches[0].types] == ["B", "c.D"]
    script = read_script("try { a() } catch (e) { f(e) } finally { g() }", "tsx").parts[0]
    assert isinstance(script, Try)
    assert (shown(script.body[0]), script.catches[0].name, script.catches[0].types) == ("a()", "e", ())


def test_with_is_an_assignment() -> None:
    block = read_python("with a() as b, c():\n  d(b)").parts[0]
    assert shown(block) == "Block(b = a(), c(), d(b))"


@pytest.mark.parametrize(
    ("source", "imports"),
    [
        ("import a.b", ["a: as a", "a.b: as "]),
        ("import a.b as c", ["a.b: as c"]),
        ("from . import x", [".:x as x"]),
        ("from ..a import x as y", ["..a:x as y"]),
    ],
)
def test_imports_of_python(source: str, imports: list[str]) -> None:
    found = [node for node in walk(read_python(source)) if isinstance(node, Import)]
    assert [f"{one.module}:{one.name} as {one.local}" for one in found] == imports


@pytest.mark.parametrize(
    ("source", "imports"),
    [
        ("import A, { b as c, d } from 'm'", ["m: as ", "m:default as A", "m:b as c", "m:d as d"]),
        ("import * as a from 'm'", ["m: as ", "m: as a"]),
        ("const a = require('m')", ["m: as a"]),
        ("const a = require('m').default", ["m:default as a"]),
        ("const { a, b: c } = require('m')", ["m:a as a", "m:b as c"]),
        ("const a = await import('m')", ["m: as a"]),
        ("export { a as b } from 'm'", ["m:a as b"]),
        ("export * from 'm'", ["m:* as *"]),
    ],
)
def test_imports_of_scripts(source: str, imports: list[str]) -> None:
    found = [node for node in walk(read_script(source, "typescript")) if isinstance(node, Import)]
    assert [f"{one.module}:{one.name} as {one.local}" for one in found] == imports


def test_exports() -> None:
    source = "export async function POST(r: Request) {}\nexport const GET = () => 1;\nexport default class A {}"
    found = [node for node in walk(read_script(source, "typescript")) if isinstance(node, Export)]
    assert [one.name for one in found] == ["POST", "GET", "default"]


def test_types_leave_no_trace() -> None:
    source = "const x = <T>(a as B)!; function f({ a, b: c = 1 }: P, ...rest: R[]): Q { return a satisfies S }"
    one, two = read_script(source, "typescript").parts
    assert shown(one) == "Block(x = a)"
    assert isinstance(two, Function)
    assert [(param.name, param.number) for param in two.params] == [("a", 0), ("c", 0), ("rest", 1)]


def test_an_object_gives_its_functions_names() -> None:
    tree = read_script("const o = { ask: async (q) => q, tell(q) { return q } }", "tsx")
    assert [node.name for node in walk(tree) if isinstance(node, Function)] == ["ask", "tell"]


def test_places_count_characters() -> None:
    for tree in (read_python("x = 'é😀'; f(1)"), read_script("x = 'é😀'; f(1)", "tsx")):
        (call,) = [node for node in walk(tree) if isinstance(node, Call)]
        assert call.at == (1, 10, 1, 14)


def test_walking_here_stays_out_of_functions() -> None:
    tree = read_python("a()\ndef f():\n  b()\nc()")
    names = [shown(node.of) for node in walk_here(tree) if isinstance(node, Call)]
    assert names == ["a", "c"]
    assert len([node for node in walk(tree) if isinstance(node, Call)]) == 3


def test_every_part_is_reached() -> None:
    source = (
        "class A(B, metaclass=C):\n  @d\n  def f(self, x: int = g()):\n"
        "    return [i for i in h() if j()]\n  k: int = l()"
    )
    called = {shown(node.of) for node in walk(read_python(source)) if isinstance(node, Call)}
    assert called == {"g", "h", "j", "l"}
    assert any(isinstance(node, Class) for node in walk(read_python(source)))


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def f(:\n", "line 1 is not valid in Python"),
        ("x = 1\n  y = 2\n", "line 2 is not valid in Python"),
        ("x = '\0'", "null bytes"),
        ("x = " + "(" * 3000 + ")" * 3000, "nested"),
        ("x = " + "-" * 30_000 + "1", "nested too deeply"),
    ],
)
def test_python_that_cannot_be_read(source: str, why: str) -> None:
    with pytest.raises(UnreadError, match=why):
        read_python(source)


@pytest.mark.parametrize(
    ("source", "why"), [("const x = { a: ;", "line 1 is not valid"), ("a()\n)", "line 2 is not valid")]
)
def test_scripts_that_cannot_be_read(source: str, why: str) -> None:
    with pytest.raises(UnreadError, match=why):
        read_script(source, "typescript")


def test_a_script_that_is_nested_too_deeply() -> None:
    with pytest.raises(UnreadError, match="nested too deeply"):
        read_script("const x = " + "(" * 4000 + "1" + ")" * 4000, "typescript")


def test_nodes_are_compared_by_identity() -> None:
    one, two = read_python("a\na").parts
    assert one != two
    assert len({one, two}) == 2


NODES = (If, Item, Items, Loop, Spread, Text)


def test_the_words_of_this_test_cover_the_rest() -> None:
    """Kinds that the table above shows only inside of others."""
    source = "if a[0]:\n  for b in [*c]:\n    f'{d}'"
    kinds = {type(node) for node in walk(read_python(source))}
    assert set(NODES) <= kinds


EVERYTHING = """
import a.b as c
@d(1, x=2, **y)
class K(Base):
    size: int = 3
    async def f(self, q=4, *rest, **more):
        try:
            with open(q) as file:
                for one in {**z, "k": [5, *rest]}:
                    one.part[6:7] += f"{one} {self.g}"
        except (E1, E2) as error:
            raise error from None
        else:
            return lambda v: v if v else not v
        finally:
            while more:
                break
        yield q
"""


def parts(value: object) -> list[Node]:
    """The nodes in a field, however deep its tuples are."""
    if isinstance(value, Node):
        return [value]
    return [node for one in value for node in parts(one)] if isinstance(value, tuple) else []


@pytest.mark.parametrize("root", [read_python(EVERYTHING), read_script("export const a = <b c={d}>{e}</b>;", "tsx")])
def test_nothing_below_a_node_is_left_out(root: Node) -> None:
    for node in walk(root):
        fields = [getattr(node, name) for name in node.__struct_fields__]
        assert list(map(id, kids(node))) == [id(part) for field in fields for part in parts(field)]


def test_every_kind_of_node_is_known() -> None:
    assert set(_KIDS) == set(Node.__subclasses__())
