"""Functions that call themselves: whether anything ends it."""

import pytest

from tidegate.checks.facts.recursions import asks_for_more, ends_of, self_calls
from tidegate.checks.tree.nodes import Function
from unit.checks.programs import program

ENDS = {
    "by the answer alone": ("def f(m):\n  r = ask(m)\n  if r.stop_reason == 'tool_use':\n    return f(m)", "endless"),
    "counted": ("def f(m, n):\n  if n > 9:\n    return\n  return f(m, n + 1)", "ends"),
    "counted down": ("def f(m, left):\n  if left <= 0:\n    return\n  return f(m, left - 1)", "ends"),
    "counted, never compared": ("def f(m, n):\n  return f(m, n + 1)", "endless"),
    "a limit": ("def f(m):\n  if state.turns > MAX_TURNS:\n    return\n  return f(m)", "ends"),
    "by what it is given": ("def f(m):\n  if len(m) > 1:\n    return f(m[1:])", "unknown"),
}


@pytest.mark.parametrize(("source", "ends"), ENDS.values(), ids=ENDS)
def test_ends(source: str, ends: str) -> None:
    made = program({"a.py": source})
    ((module, function),) = made.every(Function)
    (call,) = self_calls(made, module, function)
    assert ends_of(function, call) == ends
    assert asks_for_more(function) == ("stop_reason" in source)
