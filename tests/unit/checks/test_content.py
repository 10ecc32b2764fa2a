"""Message content on its way into logs."""

import pytest

from tidegate.checks.facts.content import logged_content
from unit.checks.programs import asking

HEAD = "import logging, anthropic\nlog = logging.getLogger(__name__)\nc = anthropic.Anthropic()\n"
ASK = "r = c.messages.create(model='m', max_tokens=1, messages=[{'role': 'user', 'content': prompt}])"
ASK2 = "r = c.messages.create(model=body.model, messages=[{'role': 'user', 'content': body.question}])"
ASK3 = "r = c.messages.create(model=body['model'], messages=[{'role': 'user', 'content': body['text']}])"
ASK4 = "r = c.messages.create(model='m', system=prompts.SHORT, messages=[{'role': 'user', 'content': q}])"

LOGGED = {
    "the prompt before": f"def f(prompt):\n  log.info('asked %s', prompt)\n  {ASK}",
    "in an f-string": f"def f(prompt):\n  {ASK}\n  log.debug(f'asked {{prompt}}')",
    "shortened": f"def f(prompt):\n  {ASK}\n  log.info(prompt[:50])",
    "made of it": f"def f(prompt):\n  short = prompt.strip()\n  {ASK}\n  log.info(short)",
    "the answer": f"def f(prompt):\n  {ASK}\n  log.info(r)",
    "its text": f"def f(prompt):\n  {ASK}\n  text = r.content[0].text\n  log.info('answer', extra={{'text': text}})",
    "its blocks": f"def f(prompt):\n  {ASK}\n  for block in r.content:\n    log.info(block.text)",
    "by the root logger": f"def f(prompt):\n  {ASK}\n  logging.info(prompt)",
    "by a bound logger": f"def f(prompt):\n  {ASK}\n  log.bind(a=1).info(prompt)",
    "by the application's": f"def f(prompt):\n  {ASK}\n  app.logger.warning('x %s', prompt)",
    "what the prompt is a part of": f"def f(body):\n  prompt = body.question\n  {ASK2}\n  log.info(body)",
    "a part of it": f"def f(body):\n  {ASK2}\n  log.info(body.question[:9])",
    "an entry": f"def f(q):\n  body = {{'model': 'm', 'text': q}}\n  {ASK3}\n  log.info(body['text'])",
    "put there": f"def f(q, body):\n  body['text'] = q\n  {ASK3}\n  log.info(body.get('text'))",
    "printed": f"def f(prompt):\n  {ASK}\n  print(prompt)",
}

SILENT = {
    "usage": f"def f(prompt):\n  {ASK}\n  log.info('%s %s %s', r.usage, r.model, r.id)",
    "a length": f"def f(prompt):\n  {ASK}\n  log.info(len(prompt))",
    "a hash": f"def f(prompt):\n  {ASK}\n  log.info(sha256(prompt), redact(prompt))",
    "a comparison": f"def f(prompt):\n  {ASK}\n  log.info(prompt == '', 'x' in prompt)",
    "something else": f"def f(prompt, user):\n  {ASK}\n  log.info('done %s', user)",
    "no log": f"def f(prompt):\n  {ASK}\n  save(prompt)\n  catalog.info(prompt)",
    "a constant": f"prompt = 'Say hello'\ndef f():\n  {ASK}\n  log.info(prompt)",
    "another part of a request": f"def f(body):\n  {ASK2}\n  log.info('%s %s', body.model, body.user_id)",
    "another entry": f"def f(q):\n  body = {{'model': 'm', 'text': q}}\n  {ASK3}\n  log.info(body['model'])",
    "below usage": f"def f(prompt):\n  {ASK}\n  log.info(r.usage.cache_creation.ephemeral_5m_input_tokens)",
    "a constant of another file": f"def f(q):\n  {ASK4}\n  log.info(prompts.SHORT)",
    "another function": f"def f(prompt):\n  {ASK}\ndef g(prompt):\n  log.info(prompt)",
}


@pytest.mark.parametrize("source", LOGGED.values(), ids=LOGGED)
def test_logged(source: str) -> None:
    made, found = asking({"a.py": HEAD + source})
    assert len(list(logged_content(made, found.requests[0]))) == 1


@pytest.mark.parametrize("source", SILENT.values(), ids=SILENT)
def test_not_logged(source: str) -> None:
    made, found = asking({"a.py": HEAD + source})
    assert list(logged_content(made, found.requests[0])) == []


def test_what_is_printed_is_marked() -> None:
    made, found = asking({"a.py": HEAD + LOGGED["printed"]})
    assert [one.printed for one in logged_content(made, found.requests[0])] == [True]


@pytest.mark.parametrize(
    ("line", "logged"),
    [("console.log(prompt)", 1), ("logger.info({ text: m.content })", 1), ("console.log(m.usage)", 0)],
)
def test_scripts(line: str, logged: int) -> None:
    source = (
        "import A from '@anthropic-ai/sdk'; const c = new A();\nasync function f(prompt) {\n"
        "const m = await c.messages.create({ model: 'm', max_tokens: 1, messages: [{ role: 'user', "
        "content: prompt }] });\n"
        f"{line} }}"
    )
    made, found = asking({"a.ts": source})
    assert len(list(logged_content(made, found.requests[0]))) == logged
