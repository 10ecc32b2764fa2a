"""What names mean across files: imports, classes, instances, re-exports."""

import pytest

from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Assign, Class, Function, Node, Param
from unit.checks.programs import probes, program


def origins(made: Program) -> list[str]:
    return [made.origin(module, node) for module, node in probes(made)]


@pytest.mark.parametrize(
    ("source", "origin"),
    [
        ("import anthropic\nprobe(anthropic.Anthropic)", "anthropic.Anthropic"),
        ("import anthropic as a\nprobe(a.Anthropic)", "anthropic.Anthropic"),
        ("from anthropic import Anthropic as A\nprobe(A)", "anthropic.Anthropic"),
        ("import x.y\nprobe(x.y.z)", "x.y.z"),
        ("def f():\n  import anthropic\n  probe(anthropic)", "anthropic"),
        ("try:\n  import anthropic\nexcept ImportError:\n  anthropic = None\nprobe(anthropic)", "anthropic"),
        ("import anthropic\nC = anthropic.Anthropic\nprobe(C)", "anthropic.Anthropic"),
        ("probe(print)", "print"),
        ("def f(print):\n  probe(print)", ""),
        ("print = 1\nprobe(print)", ""),
        ("class A:\n  def f(self):\n    probe(self.x)", ""),
    ],
)
def test_origins_in_python(source: str, origin: str) -> None:
    assert origins(program({"a.py": source})) == [origin]


@pytest.mark.parametrize(
    ("source", "origin"),
    [
        ("import A from '@anthropic-ai/sdk'; probe(A)", "@anthropic-ai/sdk.default"),
        ("import { Anthropic as A } from '@anthropic-ai/sdk'; probe(A)", "@anthropic-ai/sdk.Anthropic"),
        ("import * as s from '@anthropic-ai/sdk'; probe(s.Anthropic)", "@anthropic-ai/sdk.Anthropic"),
        ("const A = require('@anthropic-ai/sdk'); probe(A)", "@anthropic-ai/sdk"),
        ("probe(console.log)", "console.log"),
        ("probe(process.env.X)", "process.env.X"),
    ],
)
def test_origins_in_scripts(source: str, origin: str) -> None:
    assert origins(program({"a.ts": source})) == [origin]


def test_a_module_of_the_project_is_not_from_outside() -> None:
    made = program(
        {"app/main.py": "from app.anthropic import Client\nprobe(Client)", "app/anthropic.py": "class Client: ..."}
    )
    assert origins(made) == [""]


def test_a_file_that_is_called_like_a_package_does_not_hide_it() -> None:
    made = program(
        {
            "lib/__init__.py": "",
            "lib/providers/__init__.py": "",
            "lib/providers/anthropic.py": "import anthropic\nprobe(anthropic.Anthropic)",
        }
    )
    assert origins(made) == ["anthropic.Anthropic"]


def test_what_a_module_passes_on_is_from_outside() -> None:
    made = program(
        {
            "app/sdk.py": "from anthropic import Anthropic",
            "app/main.py": "from .sdk import Anthropic\nprobe(Anthropic)",
        }
    )
    assert origins(made) == ["anthropic.Anthropic"]


def found(made: Program) -> tuple[str, Node]:
    ((module, node),) = probes(made)
    one = made.find(module, node)
    assert one is not None
    return one.module.path, one.node


@pytest.mark.parametrize(
    ("main", "path", "kind"),
    [
        ("from app.llm import ask\nprobe(ask)", "app/llm.py", Function),
        ("from .llm import ask as a\nprobe(a)", "app/llm.py", Function),
        ("from . import llm\nprobe(llm.ask)", "app/llm.py", Function),
        ("from app import llm\nprobe(llm.Service)", "app/llm.py", Class),
        ("import app.llm\nprobe(app.llm.LIMIT)", "app/llm.py", Assign),
        ("from app.llm import service\nprobe(service.go)", "app/llm.py", Function),
        ("from app.llm import Service\ns = Service()\nprobe(s.go)", "app/llm.py", Function),
        ("from app.llm import Service\nprobe(Service().go)", "app/llm.py", Function),
        ("from app.llm import make\ns = make()\nprobe(s.go)", "app/llm.py", Function),
        ("from app.llm import Service\ndef f(s: Service):\n  probe(s.go)", "app/llm.py", Function),
        (
            (
                "from app.llm import Service\nclass A:\n  def __init__(self, s=None):\n    self.s = s or Service()\n"
                "  def f(self):\n    probe(self.s.go)"
            ),
            "app/llm.py",
            Function,
        ),
        ("from app.llm import Service\nclass A(Service):\n  def f(self):\n    probe(self.go)", "app/llm.py", Function),
        ("from app.llm import *\nprobe(ask)", "app/llm.py", Function),
        ("from app import ask\nprobe(ask)", "app/llm.py", Function),
        ("def f(x=1):\n  probe(x)", "app/main.py", Param),
    ],
)
def test_finding_in_python(main: str, path: str, kind: type[Node]) -> None:
    made = program(
        {
            "app/__init__.py": "from .llm import ask",
            "app/main.py": main,
            "app/llm.py": """
            LIMIT = 5
            class Service:
                def go(self): ...
            service = Service()
            def make() -> Service:
                return Service()
            def ask(): ...
        """,
        }
    )
    where, node = found(made)
    assert (where, type(node)) == (path, kind)


@pytest.mark.parametrize(
    ("main", "kind"),
    [
        ("import { ask } from './llm'; probe(ask)", Function),
        ("import { ask } from './llm.js'; probe(ask)", Function),
        ("import { ask } from '@/lib/llm'; probe(ask)", Function),
        ("import tell from '../lib/llm'; probe(tell)", Function),
        ("import * as llm from './llm'; probe(llm.ask)", Function),
        ("const { ask } = require('./llm'); probe(ask)", Function),
        ("import { service } from './llm'; probe(service.go)", Function),
        ("import { api } from './llm'; probe(api.go)", Function),
        ("import { ask } from './index'; probe(ask)", Function),
        ("import { again } from './index'; probe(again)", Function),
    ],
)
def test_finding_in_scripts(main: str, kind: type[Node]) -> None:
    made = program(
        {
            "lib/main.ts": main,
            "lib/index.ts": "export * from './llm'; export { ask as again } from './llm';",
            "lib/llm.ts": """
            export async function ask() {}
            export default function tell() {}
            class Service { go() {} }
            export const service = new Service();
            export const api = { go: async () => 1 };
        """,
        }
    )
    where, node = found(made)
    assert where == "lib/llm.ts"
    assert isinstance(node, kind | Assign)


@pytest.mark.parametrize(
    "source",
    [
        "from a import x\nx = x\nprobe(x)",
        "from .b import y\nprobe(y)",
        "probe(self.x)",
        "probe(f())",
        "x = y\ny = x\nprobe(x)",
    ],
)
def test_what_cannot_be_told_is_not(source: str) -> None:
    made = program({"a.py": source, "b.py": "from .a import y"})
    ((module, node),) = probes(made)
    assert made.find(module, node) is None or made.origin(module, node) == ""
