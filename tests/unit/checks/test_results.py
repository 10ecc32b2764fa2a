"""Whether the usage of an answer is read, and what an argument may be worth."""

import pytest

from tidegate.checks.facts.alternatives import alternatives
from tidegate.checks.facts.reach import find_reach
from tidegate.checks.facts.results import recorded, recorder
from tidegate.checks.program.fold import Computed, Known
from unit.checks.programs import asking, program

HEAD = "import anthropic\nc = anthropic.Anthropic()\n"
ASK = "c.messages.create(model='m', max_tokens=1, messages=[])"

USES = {
    "read": (f"def f():\n  r = {ASK}\n  log(r.usage.output_tokens)\n  return r.content", "read"),
    "read as a dict": (f"def f():\n  r = {ASK}.json()\n  log(r['usage'])", "read"),
    "recorded": (f"def f():\n  r = {ASK}\n  record_usage(r)", "read"),
    "only the text": (f"def f():\n  r = {ASK}\n  return r.content[0].text", "ignored"),
    "thrown away": (f"def f():\n  {ASK}", "ignored"),
    "printed": (f"def f():\n  r = {ASK}\n  print(r)", "ignored"),
    "returned": (f"def f():\n  return {ASK}", "unknown"),
    "returned under a name": (f"def f():\n  r = {ASK}\n  return r", "unknown"),
    "handed on": (f"def f():\n  r = {ASK}\n  handle(r)", "unknown"),
    "read by the caller": (f"def f():\n  return {ASK}\ndef g():\n  log(f().usage)", "read"),
    "ignored by the caller": (f"def f():\n  return {ASK}\ndef g():\n  return f().content", "ignored"),
    "returned by the caller": (f"def f():\n  return {ASK}\ndef g():\n  return f()", "unknown"),
    "a stream": (
        f"def f():\n  with {ASK.replace('create', 'stream')} as s:\n    log(s.get_final_message().usage)",
        "read",
    ),
    "its events handed on": (f"def f():\n  r = {ASK}\n  for event in r:\n    yield event", "unknown"),
    "the message of an event kept": (f"def f():\n  r = {ASK}\n  for e in r:\n    m = e.message\n  end(m)", "unknown"),
    "the text of its events": (f"def f():\n  r = {ASK}\n  for event in r:\n    yield event.delta.text", "ignored"),
    "in the module": (f"r = {ASK}\nprint(r.usage)", "read"),
    "of something else in the module": (f"r = {ASK}\nprint(r.content)\ndef f(x):\n  log(x.usage)", "ignored"),
    "by a function of the module": (f"r = {ASK}\ndef f(x):\n  log(x.usage)\nf(r)", "unknown"),
}

SEVERAL = {
    "of the second": (f"def f():\n  t = {ASK}.content\n  r = {ASK}\n  log(r.usage)", ["unknown", "read"]),
    "of the first": (f"def f():\n  r = {ASK}\n  log(r.usage)\n  s = {ASK}\n  return s.content", ["read", "unknown"]),
    "of both": (f"def f():\n  r = {ASK}\n  s = {ASK}\n  log(r.usage, s.usage)", ["read", "read"]),
    "of one in a script": (f"r = {ASK}\nprint(r.content)\ns = {ASK}\nprint(s.usage)", ["unknown", "read"]),
    "under one name": (f"def f():\n  r = {ASK}\n  r = {ASK}\n  log(r.usage)", ["unknown", "read"]),
    "after each": (f"def f():\n  r = {ASK}\n  log(r.usage)\n  r = {ASK}\n  log(r.usage)", ["read", "read"]),
    "in either branch": (
        f"def f(x):\n  if x:\n    r = {ASK}\n  else:\n    r = {ASK}\n  log(r.usage)",
        ["read", "read"],
    ),
    "of what replaces it": (
        f"def f():\n  try:\n    r = {ASK}\n  except E:\n    r = {ASK}\n  log(r.usage)",
        ["read"] * 2,
    ),
    "in a loop": (
        f"def f():\n  r = {ASK}\n  while r.more:\n    log(r.usage)\n    r = {ASK}\n  return r.content",
        ["read", "read"],
    ),
    "made of the first": (
        f"def f():\n  r = {ASK}\n  s = {ASK.replace('[]', '[r]')}\n  log(s.usage)",
        ["unknown", "read"],
    ),
    "under another name": (f"def f():\n  r = {ASK}\n  u = r.usage\n  s = {ASK}\n  add(s.usage)", ["read", "read"]),
    "recorded": (f"def f():\n  record_usage({ASK})\n  s = {ASK}\n  return s.content", ["read", "unknown"]),
    "at once": (f"def f():\n  r, s = gather({ASK}, {ASK})\n  log(s.usage)", ["unknown", "read"]),
    "of a stream": (
        f"def f():\n  with {ASK.replace('create', 'stream')} as s:\n    m = s.final()\n  log(m.usage)\n  {ASK}",
        ["read", "unknown"],
    ),
    "of a function's": (
        f"def a():\n  return {ASK}\ndef b():\n  return {ASK}\ndef f():\n  x = a()\n  y = b()\n  log(y.usage)",
        ["unknown", "read"],
    ),
}


@pytest.mark.parametrize(("source", "expected"), USES.values(), ids=USES)
def test_usage(source: str, expected: str) -> None:
    made, found = asking({"a.py": HEAD + source})
    assert recorded(find_reach(made, found.requests), found.requests[0], ()) == expected


@pytest.mark.parametrize(("source", "expected"), SEVERAL.values(), ids=SEVERAL)
def test_the_usage_of_one_answer_stands_for_no_other(source: str, expected: list[str]) -> None:
    made, found = asking({"a.py": HEAD + source})
    reach = find_reach(made, found.requests)
    requests = sorted(found.requests, key=lambda one: one.call.at)
    assert [recorded(reach, one, ()) for one in requests] == expected


def test_what_leaves_by_a_door_is_read_by_nobody() -> None:
    made, found = asking({"a.py": f"{HEAD}def f():\n  return {ASK}"})
    reach = find_reach(made, found.requests)
    assert recorded(reach, found.requests[0], set(reach.sites)) == "ignored"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("from langfuse import observe", "Langfuse"),
        ("from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor", "OpenTelemetry"),
        ("import logfire\nlogfire.instrument_anthropic()", "Logfire"),
        ("import logfire\nlogfire.info('x')", ""),
        ("import langfuseish", ""),
    ],
)
def test_recorders(source: str, name: str) -> None:
    assert recorder(program({"a.py": source})) == name


VALUES = {
    "one": ("def f():\n  c.messages.create(model='m', max_tokens=5)", [5]),
    "either": ("def f(x):\n  c.messages.create(model='m', max_tokens=5 if x else 9)", [5, 9]),
    "assigned twice": ("def f(x):\n  n = 5\n  if x:\n    n = 9\n  c.messages.create(model='m', max_tokens=n)", [5, 9]),
    "a default and a caller": ("def f(n=5):\n  c.messages.create(model='m', max_tokens=n)\ndef g():\n  f(9)", [5, 9]),
    "callers by name": (
        "def f(n):\n  c.messages.create(model='m', max_tokens=n)\ndef g():\n  f(n=9)\ndef h():\n  f(n=7)",
        [9, 7],
    ),
    "a method": (
        (
            "class A:\n  def f(self, q, n):\n    c.messages.create(model='m', max_tokens=n)\n  def g(self):\n"
            "    self.f(1, 9)"
        ),
        [9],
    ),
    "through two": (
        "def f(n):\n  c.messages.create(model='m', max_tokens=n)\ndef g(n=3):\n  f(n)\ndef h():\n  g(8)",
        [3, 8],
    ),
    "computed": ("def f(x):\n  c.messages.create(model='m', max_tokens=5 if x else choose())", [5, "choose(…)"]),
    "not given": ("def f():\n  c.messages.create(model='m')", []),
}


@pytest.mark.parametrize(("source", "values"), VALUES.values(), ids=VALUES)
def test_alternatives(source: str, values: list[object]) -> None:
    made, found = asking({"a.py": HEAD + source})
    worth = alternatives(made, find_reach(made, found.requests), found.requests[0], "max_tokens")
    assert [
        one.value if isinstance(one, Known) else one.text if isinstance(one, Computed) else one.name for one in worth
    ] == values
