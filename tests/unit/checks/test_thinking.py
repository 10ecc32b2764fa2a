"""Where a conversation with thinking comes from, and what changes it."""

from datetime import date
from pathlib import Path

import pytest

from tidegate.checks.project import read_project
from tidegate.checks.topics.thinking import untouched

START = "import anthropic\nclient = anthropic.Anthropic()\n"
ASK = "client.messages.create(model='claude-opus-5-5', max_tokens=9, thinking={'type': 'adaptive'}, messages="

SAID = {
    "one question": (f"{ASK}[question])", ["pass"]),
    "a list in sight": (f"def f(q):\n  messages = [q]\n  {ASK}messages)\n  messages.append(q)", ["pass"]),
    "what its callers give": (f"def f(messages):\n  {ASK}messages)\nf([1])\nf([2])", ["pass"]),
    "a parameter of nobody": (f"def f(messages):\n  {ASK}messages)", ["messages"]),
    "a call": (f"{ASK}load(user))", ["load(…)"]),
    "a list with another in it": (f"def f(history):\n  {ASK}[*history, 1])", ["history"]),
    "two lists": (f"{ASK}load(user) + [1])", ["load(…)"]),
    "one of two": (f"{ASK}[1] if new else load(user))", ["load(…)"]),
    "kept by an object": (f"class Chat:\n  def ask(self):\n    {ASK}self.messages)", ["pass"]),
    "kept and cut elsewhere in it": (
        (
            f"class Chat:\n  def ask(self):\n    {ASK}self.messages)\n"
            "  def trim(self):\n    self.messages = self.messages[-20:]"
        ),
        ["taken out"],
    ),
    "kept by another object": (f"{ASK}session.messages)", ["session.messages"]),
    "put together elsewhere": (
        "client.messages.create(model='claude-opus-5-5', thinking={'type': 'adaptive'}, **params)",
        ["elsewhere"],
    ),
    "cut": (f"def f(messages):\n  messages = messages[-9:]\n  {ASK}messages)", ["taken out"]),
}


@pytest.mark.parametrize(("source", "said"), SAID.values(), ids=SAID)
def test_conversations(tmp_path: Path, source: str, said: list[str]) -> None:
    (tmp_path / "a.py").write_text(START + source)
    verdicts = list(untouched(read_project(tmp_path, today=date(2026, 11, 22))))
    assert len(verdicts) == len(said)
    for verdict, part in zip(verdicts, said, strict=True):
        assert part in f"{verdict.state.value}: {verdict.text}"
