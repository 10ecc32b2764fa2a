"""Which loops end by themselves."""

import pytest

from tidegate.checks.facts.bounds import is_endless
from tidegate.checks.tree.nodes import Block, Loop
from tidegate.checks.tree.python import read_python
from tidegate.checks.tree.script import read_script
from tidegate.checks.tree.walk import walk


def first(tree: Block) -> Loop:
    return next(node for node in walk(tree) if isinstance(node, Loop))


@pytest.mark.parametrize(
    ("source", "endless"),
    [
        ("while True:\n  a()", True),
        ("while r.stop_reason == 'tool_use':\n  a()", True),
        ("while not done:\n  a()", True),
        ("while turns < 10:\n  a()", False),
        ("while turns < MAX_TURNS and not done:\n  a()", False),
        ("while True:\n  a()\n  if turns >= 5:\n    break", False),
        ("while True:\n  a()\n  if spent > budget:\n    return x", False),
        ("while True:\n  a()\n  if turns >= 5:\n    log()", True),
        ("while True:\n  a()\n  if r.done:\n    break", True),
        ("for _ in range(5):\n  a()", False),
        ("for x in xs:\n  a()", False),
        ("import itertools\nfor i in itertools.count():\n  a()", True),
        ("while True:\n  q = input()\n  a(q)", False),
        ("while True:\n  m = await ws.receive_text()\n  a(m)", False),
        ("while True:\n  job = queue.get()\n  a(job)", False),
        ("while True:\n  x = cache.get(1)\n  a(x)", True),
        ("while not stopping.is_set():\n  a()", False),
        ("while self._running:\n  a()", False),
        ("while self.running:\n  self.running = a()", True),
        ("while r.stop_sequence:\n  a()", True),
    ],
)
def test_python(source: str, endless: bool) -> None:
    loop = next(node for node in walk(read_python(source)) if isinstance(node, Loop))
    assert is_endless(loop) == endless


@pytest.mark.parametrize(
    ("source", "endless"),
    [
        ("for (;;) a()", True),
        ("while (true) { a() }", True),
        ("do { a() } while (r.stop_reason === 'tool_use')", True),
        ("for (let i = 0; i < 5; i++) a()", False),
        ("while (attempts--) a()", False),
        ("while (true) { a(); if (++turns > MAX) break }", False),
        ("while (true) { const q = await rl.question('> '); a(q) }", False),
        ("for (const x of xs) a()", False),
    ],
)
def test_scripts(source: str, endless: bool) -> None:
    assert is_endless(first(read_script(source, "typescript"))) == endless
