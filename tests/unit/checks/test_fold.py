"""Constants: what is known, what is a default, and what cannot be told."""

import pytest

from tidegate.checks.program.fold import Computed, Known, Value, Variable, fold, source_of, whole
from tidegate.checks.tree.nodes import Node
from unit.checks.programs import probes, program


def worth(files: dict[str, str]) -> Value:
    made = program(files)
    ((module, node),) = probes(made)
    return fold(made, module, node)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("probe(512)", 512),
        ("probe(-1)", -1),
        ("probe(4 * 1024 - 1)", 4095),
        ("probe(10 / 2)", 5),
        ("X = 512\nprobe(X)", 512),
        ("X = 512\nY = X * 2\nprobe(Y)", 1024),
        ("probe('a' 'b')", "ab"),
        ("A = 'sk-ant-'\nprobe(A + 'api03' + '-x')", "sk-ant-api03-x"),
        ("M = 'x'\nprobe(f'claude-{M}')", "claude-x"),
        ("C = {'a': {'b': 5}}\nprobe(C['a']['b'])", 5),
        ("class S:\n  size: int = 7\nprobe(S.size)", 7),
        ("class S:\n  size: int = 7\ns = S()\nprobe(s.size)", 7),
        ("class A:\n  def __init__(self):\n    self.size = 3\n  def f(self):\n    probe(self.size)", 3),
        ("probe(int('512'))", 512),
        ("from b import X\nprobe(X)", 99),
        ("import b\nprobe(b.X)", 99),
        ("import b\nprobe(b.TABLE['deep'])", 1),
    ],
)
def test_known_in_python(source: str, value: object) -> None:
    found = worth({"a.py": source, "b.py": "X = 99\nTABLE = {'deep': 1}"})
    assert isinstance(found, Known)
    assert (found.value, found.default_of) == (value, "")


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("const x = 512; probe(x)", 512),
        ("const c = { a: { b: 5 } } as const; probe(c.a.b)", 5),
        ("import { limits } from './b'; probe(limits.max)", 1024),
        ("import n from './b'; probe(n)", 7),
        ("enum M { A = 'x' } probe(M.A)", "x"),
        ("probe(`claude-${'x'}`)", "claude-x"),
        ("probe(2_000)", 2000),
        ("probe('a' + 'b')", "ab"),
    ],
)
def test_known_in_scripts(source: str, value: object) -> None:
    found = worth({"a.ts": source, "b.ts": "export const limits = { max: 1024 }; export default 7;"})
    assert isinstance(found, Known)
    assert (found.value, found.default_of) == (value, "")


@pytest.mark.parametrize(
    ("path", "source", "value", "of"),
    [
        ("a.py", "import os\nprobe(os.getenv('X', 'd'))", "d", "the variable X"),
        ("a.py", "import os\nprobe(os.environ.get('X') or 'd')", "d", "the variable X"),
        ("a.py", "import os\nprobe(int(os.environ.get('X', '5')))", 5, "the variable X"),
        ("a.py", "def f(x=5):\n  probe(x)", 5, "the parameter x"),
        (
            "a.py",
            "from pydantic import Field\nclass S:\n  x: int = Field(default=4)\ns = S()\nprobe(s.x)",
            4,
            "a field",
        ),
        ("a.ts", "probe(process.env.X ?? 'd')", "d", "the variable X"),
        ("a.ts", "probe(Number(process.env.X || '5'))", 5, "the variable X"),
        ("a.ts", "function f({ x = 5 }) { probe(x) }", 5, "the parameter x"),
    ],
)
def test_defaults_say_what_they_are_of(path: str, source: str, value: object, of: str) -> None:
    found = worth({path: source})
    assert isinstance(found, Known)
    assert (found.value, found.default_of) == (value, of)


@pytest.mark.parametrize(
    ("path", "source", "name"),
    [
        ("a.py", "import os\nprobe(os.environ['X'])", "X"),
        ("a.py", "from os import environ\nprobe(environ['X'])", "X"),
        ("a.py", "import os\nprobe(os.getenv('X'))", "X"),
        ("a.ts", "probe(process.env.X)", "X"),
        ("a.ts", "probe(process.env['X'])", "X"),
        ("a.ts", "probe(import.meta.env.X)", "X"),
    ],
)
def test_variables(path: str, source: str, name: str) -> None:
    assert worth({path: source}) == Variable(name)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("probe(f())", "f(…)"),
        ("def f(x):\n  probe(x)", "x"),
        ("x = 1\nx = 2\nprobe(x)", "x"),
        ("for x in y:\n  probe(x)", "x"),
        ("x = 1\nx += 1\nprobe(x)", "x"),
        ("a, b = f()\nprobe(a)", "a"),
        ("class A:\n  def f(self):\n    probe(self.size)", "self.size"),
        ("probe(1 / 0)", "an expression"),
        ("x = y\ny = x\nprobe(x)", "y"),
        ("import os\nprobe(os.environ[n])", "os.environ[…]"),
    ],
)
def test_what_cannot_be_told(source: str, text: str) -> None:
    assert worth({"a.py": source}) == Computed(text)


def test_the_place_is_where_the_value_is_written() -> None:
    found = worth({"a.py": "from b import X\nprobe(X)", "b.py": "\nX = 99"})
    assert isinstance(found, Known)
    assert (found.module.path, found.node.at[0]) == ("b.py", 2)


def test_numbers_and_sources() -> None:
    def value(source: str) -> Value:
        return worth({"a.py": source})

    assert [whole(value(one)) for one in ("probe(5)", "probe(True)", "probe('5')", "probe(x())")] == [
        5,
        None,
        None,
        None,
    ]
    assert [source_of(value(one)) for one in ("probe(x())", "import os\nprobe(os.environ['A'])", "probe('5')")] == [
        "x(…)",
        "the variable A",
        "a value of another kind",
    ]
    assert issubclass(type(next(probes(program({"a.py": "probe(1)"})))[1]), Node)
