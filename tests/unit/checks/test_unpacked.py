"""Names that are given something by taking a tuple or an object apart."""

import pytest

from tidegate.checks.facts.limiters import find_limiters
from tidegate.checks.program.fold import Computed, Known, fold
from unit.checks.programs import asking, probes, program

SDK = "import anthropic\n"
MADE = "def make():\n  return anthropic.Anthropic(timeout=30), 5\n"
ASK = ".messages.create(model='m', max_tokens=1, messages=[])\n"
JS = "import Anthropic from '@anthropic-ai/sdk';\n"

CLIENTS = {
    "a tuple that a function gives back": {"a.py": f"{SDK}{MADE}client, limit = make()\nclient{ASK}"},
    "in brackets": {"a.py": f"{SDK}{MADE}(client, _), x = (make(), 1)\nclient{ASK}"},
    "kept before": {"a.py": f"{SDK}{MADE}both = make()\nclient, limit = both\nclient{ASK}"},
    "written out": {"a.py": f"{SDK}limit, client = 5, anthropic.Anthropic(timeout=30)\nclient{ASK}"},
    "of another file": {
        "a.py": f"from b import client\nclient{ASK}",
        "b.py": f"{SDK}{MADE}client, limit = make()",
    },
    "made by another file": {
        "a.py": f"from b import make\nasync def f():\n  client, limit = make()\n  client{ASK}",
        "b.py": f"{SDK}{MADE}",
    },
    "an object": {
        "a.ts": f"{JS}const make = () => ({{ client: new Anthropic({{ timeout: 30000 }}), limit: 5 }});\n"
        "const { client: claude, limit } = make();\nclaude.messages.create({ model: 'm', max_tokens: 1 });"
    },
    "an array": {
        "a.ts": f"{JS}function make() {{ return [5, new Anthropic({{ timeout: 30000 }})]; }}\n"
        "const [limit, client] = make();\nclient.messages.create({ model: 'm', max_tokens: 1 });"
    },
}


@pytest.mark.parametrize("files", CLIENTS.values(), ids=CLIENTS)
def test_the_client_is_known(files: dict[str, str]) -> None:
    _, found = asking(files)
    (request,) = found.requests
    assert request.client is not None
    assert "timeout" in request.arguments.given


def test_what_stands_beside_a_client_is_none() -> None:
    _, found = asking({"a.py": f"{SDK}{MADE}client, limit = make()\nlimit{ASK}"})
    assert [one.client for one in found.requests] == [None]


@pytest.mark.parametrize(
    ("source", "worth"),
    [
        ("model, limit = 'm', 512\nprobe(limit)", 512),
        ("def sizes():\n  return 'm', 512\nmodel, limit = sizes()\nprobe(limit)", 512),
        ("def sizes():\n  return 'm', 512\nmodel, limit = sizes()\nprobe(model)", "m"),
        ("model, *rest = 'm', 512\nprobe(model)", "m"),
    ],
)
def test_what_it_is_worth(source: str, worth: object) -> None:
    made = program({"a.py": source})
    ((module, node),) = probes(made)
    value = fold(made, module, node)
    assert isinstance(value, Known)
    assert value.value == worth


@pytest.mark.parametrize(
    "source",
    [
        "model, *rest = 'm', 512\nprobe(rest)",
        "*rest, limit = 'm', 512\nprobe(limit)",
        "a, b = (*many, 512), 1\nprobe(a)",
        "def sizes(x):\n  if x:\n    return 'm', 1\n  return 'm', 512\nmodel, limit = sizes(x)\nprobe(limit)",
        "model, limit = elsewhere()\nprobe(limit)",
        "a, b = b, a\nprobe(a)",
    ],
)
def test_what_cannot_be_told_is_not_guessed(source: str) -> None:
    made = program({"a.py": source})
    ((module, node),) = probes(made)
    assert isinstance(fold(made, module, node), Computed)


def test_the_limiter_beside_a_client_is_found() -> None:
    source = "from slowapi import Limiter\ndef make():\n  return 1, Limiter(key_func=user_id)\nclient, limiter = make()"
    (found,) = find_limiters(program({"a.py": source}))
    assert found.whom == "user"
