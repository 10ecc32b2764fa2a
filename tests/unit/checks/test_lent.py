"""Clients that are handed to libraries: what those ask cannot be read, and no check of requests passes then."""

from pathlib import Path

import pytest

from tidegate.checks.verdict import State
from unit.checks.programs import asking, verdicts

SDK = "import anthropic\nclient = anthropic.Anthropic(timeout=30)\n"
JS = "import Anthropic from '@anthropic-ai/sdk';\nconst client = new Anthropic();\n"
ASK = ".messages.create(model='m', max_tokens=1, messages=[])\n"

WRAPPED = "client = wrap(anthropic.Anthropic())\n"

LENT = {
    "by its place": {"a.py": f"{SDK}from magic import Agent\nAgent(client)"},
    "by name": {"a.py": f"{SDK}from magic import Agent\nagent = Agent(llm=client, model='m')\nagent.run()"},
    "in a list": {"a.py": f"{SDK}import magic\nmagic.route([client])"},
    "made on the way": {"a.py": f"{SDK}import magic.agents\nmagic.agents.Agent(anthropic.Anthropic())"},
    "with options": {"a.py": f"{SDK}from magic import Agent\nAgent(client.with_options(timeout=5))"},
    "later": {"a.py": f"{SDK}from magic import Agent\nagent = Agent()\nagent.use(client)"},
    "given by a function": {
        "a.py": "from magic import Agent\nfrom b import get_client as get\nAgent(get())",
        "b.py": "import anthropic\ndef get_client():\n  return anthropic.Anthropic()",
    },
    "of another file": {"a.py": "from magic import Agent\nfrom b import client as claude\nAgent(claude)", "b.py": SDK},
    "wrapped by another library": {
        "a.py": f"import anthropic\nfrom tracer import wrap\nfrom magic import Agent\n{WRAPPED}"
        f"other = wrap(client)\nAgent(other)\nclient{ASK}other{ASK}"
    },
    "one of two": {"a.py": f"{SDK}from magic import Agent\nc = client or anthropic.Anthropic()\nAgent(c)"},
    "as a property": {"a.ts": f"{JS}import {{ Orchestrator }} from 'magic';\nnew Orchestrator({{ llm: client }});"},
    "to a part of a library": {"a.ts": f"{JS}import {{ agent }} from 'magic/agents';\nagent(client);"},
}

KEPT = {
    "nowhere": {"a.py": f"{SDK}client{ASK}"},
    "a wrapper that gives it back": {"a.py": f"{SDK}from magic import wrap\nc = wrap(client)\nc{ASK}"},
    "a wrapper around what is made": {
        "a.py": f"import anthropic\nfrom magic import wrap\nclient = wrap(anthropic.Anthropic())\nclient{ASK}"
    },
    "tidegate": {"a.py": f"{SDK}import tidegate\ntidegate.guard(client)"},
    "the language's own": {"a.py": f"{SDK}import contextlib\nwith contextlib.closing(client): ...\nprint(client)"},
    "a recorder": {"a.py": f"{SDK}import langsmith\nlangsmith.trace(client)"},
    "a web framework": {"a.ts": f"{JS}import express from 'express'; const app = express(); app.set('c', client);"},
    "a function of the project": {"a.py": f"{SDK}from b import run\nrun(client)", "b.py": f"def run(c):\n  c{ASK}"},
    "something else": {"a.py": f"{SDK}from magic import Agent\nAgent(client.api_key, model)"},
    "a library that is known": {"a.py": f"{SDK}import instructor\ninstructor.from_anthropic(client)"},
}


@pytest.mark.parametrize("files", LENT.values(), ids=LENT)
def test_a_library_has_the_client(files: dict[str, str]) -> None:
    _, found = asking(files)
    assert [(one.module.path, one.package.partition("/")[0]) for one in found.lent] == [(next(iter(files)), "magic")]


@pytest.mark.parametrize("files", KEPT.values(), ids=KEPT)
def test_no_library_asks_with_it(files: dict[str, str]) -> None:
    _, found = asking(files)
    assert found.lent == ()


@pytest.mark.parametrize("check", ["TG301", "TG501", "TG902", "TG1101"])
def test_nothing_passes_then(check: str, tmp_path: Path) -> None:
    """Also where another request was read, and is as it should be."""
    source = f"{SDK}from magic import Agent\nagent = Agent(client)\nr = client{ASK}"
    (found,) = verdicts(tmp_path, check, {"a.py": source})
    assert (found.state, found.text) == (
        State.UNKNOWN,
        "a.py:4 hands a client to Agent of magic, and what that asks is not read",
    )
