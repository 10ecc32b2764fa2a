"""Message content on its way into logs."""

import pytest

from tidegate.checks.facts.content import Logged, logged_bodies, logged_content
from tidegate.checks.facts.reach import find_reach
from unit.checks.programs import asking, program

HEAD = "import logging, anthropic\nlog = logging.getLogger(__name__)\nc = anthropic.Anthropic()\n"
ASK = "r = c.messages.create(model='m', max_tokens=1, messages=[{'role': 'user', 'content': prompt}])"
ASK2 = "r = c.messages.create(model=body.model, messages=[{'role': 'user', 'content': body.question}])"
ASK3 = "r = c.messages.create(model=body['model'], messages=[{'role': 'user', 'content': body['text']}])"
ASK4 = "r = c.messages.create(model='m', system=prompts.SHORT, messages=[{'role': 'user', 'content': q}])"

RAW = ASK.replace("r = c.messages.", "r = c.messages.with_raw_response.")

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
    "one of several": f"def f(prompt):\n  {ASK}\n  first, *rest = r.content\n  log.info(rest)",
    "with a number": f"def f(prompt):\n  {ASK}\n  for n, block in enumerate(r.content):\n    log.info(block.text)",
    "side by side": f"def f(prompt):\n  {ASK}\n  text, tokens = r.content[0].text, r.usage\n  log.info(text)",
    "printed": f"def f(prompt):\n  {ASK}\n  print(prompt)",
    "a raw reply parsed": f"def f(prompt):\n  {RAW}\n  log.info(r.parse())",
    "parsed first": f"def f(prompt):\n  {RAW}\n  m = r.parse()\n  log.info(m.content)",
    "parsed at once": f"def f(prompt):\n  {RAW}.parse()\n  log.info(r.content)",
    "the text of a raw reply": f"def f(prompt):\n  {RAW}\n  log.info(r.text)",
    "its text, called": f"def f(prompt):\n  {RAW}\n  log.info(r.text())",
    "its bytes": f"def f(prompt):\n  {RAW}\n  log.info(r.content)",
    "the text of its reply": f"def f(prompt):\n  {RAW}\n  log.info(r.http_response.text)",
    "the text of its reply, at once": f"def f(prompt):\n  {RAW}.http_response.text\n  log.info(r)",
    "its request": f"def f(prompt):\n  {RAW}\n  log.info(r.http_request.content)",
    "its lines": f"def f(prompt):\n  {RAW}\n  for line in r.iter_lines():\n    log.info(line)",
    "the address of an image": f"def f(prompt):\n  {ASK}\n  log.info(r.content[0].source.url)",
}

SILENT = {
    "usage": f"def f(prompt):\n  {ASK}\n  log.info('%s %s %s', r.usage, r.model, r.id)",
    "beside it": f"def f(prompt):\n  {ASK}\n  text, tokens = r.content[0].text, r.usage\n  log.info(tokens)",
    "a number": f"def f(prompt):\n  {ASK}\n  for n, block in enumerate(r.content):\n    log.info(n)",
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
    "the error of a reply": f"def f(prompt):\n  {RAW}\n  d = r.json()\n  log.info(d.get('error', {{}}).get('message'))",
    "usage by get": f"def f(prompt):\n  {RAW}\n  d = r.json()\n  log.info(d.get('usage', {{}}).get('output_tokens'))",
    "a header": f"def f(prompt):\n  {RAW}\n  log.info('left %s', r.headers.get('x'))",
    "a header by its name": f"def f(prompt):\n  {RAW}\n  log.info(r.headers['x'], dict(r.headers))",
    "how a raw reply came": f"def f(prompt):\n  {RAW}\n  log.info(r.status_code, r.url, r.http_version, r.method)",
    "how long it took": f"def f(prompt):\n  {RAW}\n  log.info(r.elapsed.total_seconds(), r.retries_taken)",
    "below the reply": f"def f(prompt):\n  {RAW}\n  log.info(r.http_response.url, r.http_response.headers['x'])",
    "usage of what is parsed": f"def f(prompt):\n  {RAW}\n  log.info(r.parse().usage, r.parse().id)",
    "a header at once": f"def f(prompt):\n  {RAW}.headers\n  log.info(r)",
    "a header of another function": f"def g(prompt):\n  {RAW}\n  return r\ndef f(q):\n  log.info(g(q).headers['x'])",
}


def logged(files: dict[str, str]) -> list[Logged]:
    made, found = asking(files)
    return list(logged_content(made, find_reach(made, found.requests), found.requests))


@pytest.mark.parametrize("source", LOGGED.values(), ids=LOGGED)
def test_logged(source: str) -> None:
    assert len(logged({"a.py": HEAD + source})) == 1


@pytest.mark.parametrize("source", SILENT.values(), ids=SILENT)
def test_not_logged(source: str) -> None:
    assert logged({"a.py": HEAD + source}) == []


def test_what_is_printed_is_marked() -> None:
    assert [one.printed for one in logged({"a.py": HEAD + LOGGED["printed"]})] == [True]


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("console.log(prompt)", 1),
        ("logger.info({ text: m.content })", 1),
        ("console.log(m.usage)", 0),
        ("const [first] = m.content; console.log(first.text)", 1),
        ("const { content } = m; console.log(content)", 1),
        ("const { content: [first] } = m; console.log(first.text)", 1),
        ("const { usage, ...rest } = m; console.log(rest)", 1),
        ("const { usage } = m; console.log(usage)", 0),
        ("const { id, content } = m; console.log(id)", 0),
        ("m.content.forEach(b => console.log(b.text))", 1),
        ("m.content.forEach(console.log)", 1),
        ("m.content.map((b) => { logger.info(b); })", 1),
        ("users.forEach(b => console.log(b.text))", 0),
        ("const s = c.messages.stream(prompt); s.on('text', t => console.log(t))", 1),
        ("const s = c.messages.stream(prompt); s.on('error', e => console.error(e))", 0),
        (
            "const { data, response } = await c.messages.create(m).withResponse(); log.info(response.headers.get('x'))",
            0,
        ),
        ("const { data, response } = await c.messages.create(m).withResponse(); log.info(data)", 1),
        ("const r = await c.messages.create(m).asResponse(); log.info(r.headers, r.status, r.statusText)", 0),
        ("const r = await c.messages.create(m).asResponse(); log.info(await r.text())", 1),
    ],
)
def test_scripts(line: str, count: int) -> None:
    source = (
        "import A from '@anthropic-ai/sdk'; const c = new A();\nasync function f(prompt) {\n"
        "const m = await c.messages.create({ model: 'm', max_tokens: 1, messages: [{ role: 'user', "
        "content: prompt }] });\n"
        f"{line} }}"
    )
    assert len(logged({"a.ts": source})) == count


TUPLE = f"def ask(prompt):\n  {ASK}\n  return r.content[0].text, r.usage\n"
BACK = {
    "a text of a tuple": ("text, usage = ask(q)\n  log.info(text)", 1),
    "usage of a tuple": ("text, usage = ask(q)\n  log.info(usage)", 0),
    "the tuple as a whole": ("both = ask(q)\n  log.info(both)", 1),
    "the first of it": ("both = ask(q)\n  log.info(both[0])", 1),
    "the second of it": ("both = ask(q)\n  log.info(both[1])", 0),
    "taken apart later": ("both = ask(q)\n  text, usage = both\n  log.info(text)", 1),
    "usage taken apart later": ("both = ask(q)\n  text, usage = both\n  log.info(usage)", 0),
    "the first at once": ("log.info(ask(q)[0])", 1),
    "the second at once": ("log.info(ask(q)[1])", 0),
    "what is left": ("usage, *rest = ask(q)\n  log.info(len(rest))", 0),
}


@pytest.mark.parametrize(("lines", "count"), BACK.values(), ids=BACK)
def test_tuples_that_a_function_gives_back(lines: str, count: int) -> None:
    assert len(logged({"a.py": f"{HEAD}{TUPLE}def f(q):\n  {lines}"})) == count


def test_an_array_that_a_function_gives_back() -> None:
    source = (
        "import A from '@anthropic-ai/sdk'; const c = new A();\nasync function ask(prompt) {\n"
        "const m = await c.messages.create({ model: 'm', messages: [{ role: 'user', content: prompt }] });\n"
        "return [m.content[0].text, m.usage]; }\n"
        "async function f(q) { const [text, usage] = await ask(q); console.log(%s); }"
    )
    assert len(logged({"a.ts": source % "usage"})) == 0
    assert len(logged({"a.ts": source % "text"})) == 1


HANDED = {
    "a function": "def audit(q, a):\n  log.info('%s %s', q, a)",
    "by name": "def audit(q, *, a):\n  log.info(a)",
    "through another": "def audit(q, a):\n  note(a)\ndef note(text):\n  log.info(text)",
    "a dict": "def audit(q, a):\n  log.info('x', extra={'a': a})",
}
UNHANDED = {
    "a length": "def audit(q, a):\n  log.info(len(a))",
    "nothing of it": "def audit(q, a):\n  log.info('asked')",
    "it is kept": "def audit(q, a):\n  table.add(q, a)",
}
AUDITED = f"\ndef f(prompt):\n  {ASK}\n  audit(prompt, a=r.content[0].text)"


@pytest.mark.parametrize("source", HANDED.values(), ids=HANDED)
def test_logged_by_what_is_handed_it(source: str) -> None:
    assert [one.sure for one in logged({"a.py": HEAD + source + AUDITED})] == [True]


@pytest.mark.parametrize("source", UNHANDED.values(), ids=UNHANDED)
def test_not_logged_by_what_is_handed_it(source: str) -> None:
    assert logged({"a.py": HEAD + source + AUDITED}) == []


def test_what_is_made_of_what_was_handed_is_not_sure() -> None:
    source = "def audit(q, a):\n  filters = q.replace('x', '')\n  log.info(filters)"
    assert [one.sure for one in logged({"a.py": HEAD + source + AUDITED})] == [False]


def test_others_who_hand_something_over_are_not_accused() -> None:
    source = "def audit(q, a):\n  table.add(q)\ndef g(name):\n  log.info(name)\n  audit(name, 1)"
    assert logged({"a.py": HEAD + source + AUDITED}) == []


@pytest.mark.parametrize(
    ("path", "source", "count"),
    [
        ("a.ts", "app.use((req, res, next) => { console.log(req.method, req.body); next() })", 1),
        ("a.ts", "function all(req, res, next) { logger.info(req.body); next() }\napp.use(all)", 1),
        ("a.ts", "app.use(async (ctx, next) => { console.log(ctx.request.body); await next() })", 1),
        ("a.ts", "app.use((req, res, next) => { const { body } = req; console.log(body); next() })", 1),
        ("a.ts", "app.use((req, res, next) => { console.log(req.method, req.path); next() })", 0),
        ("a.ts", "function one(req, res) { console.log(req.body) }", 0),
        ("a.py", "@app.middleware('http')\nasync def f(request, call_next):\n  print(await request.body())", 1),
        ("a.py", "@app.middleware('http')\nasync def f(request, call_next):\n  print(request.url.path)", 0),
        ("a.py", "from flask import request\n@app.before_request\ndef f():\n  print(request.get_json())", 1),
        ("a.py", "class M:\n  def __call__(self, request):\n    print(request.POST)", 1),
    ],
)
def test_bodies_of_all_requests(path: str, source: str, count: int) -> None:
    assert len(list(logged_bodies(program({path: source})))) == count


CALLEE = f"{HEAD}def ask(prompt, size):\n  {ASK}\n  return r.content[0].text\n"
BOTH = f"{HEAD}def ask(prompt):\n  {ASK}\n  return {{'text': r.content[0].text, 'tokens': r.usage.output_tokens}}\n"
KEPT = f"{HEAD}class Bot:\n  def ask(self, prompt):\n    {ASK}\n    return r\n"
CALLER = "import logging\nfrom a import Bot, ask\nlog = logging.getLogger(__name__)\nbot = Bot()\n"

THROUGH = {
    "what is given": (CALLEE, "def f(body):\n  log.info(body.text)\n  ask(body.text, 5)"),
    "by name": (CALLEE, "def f(body):\n  log.info(body['text'])\n  ask(size=5, prompt=body['text'])"),
    "what comes back": (CALLEE, "def f(q):\n  text = ask(q, 5)\n  log.info('answer %s', text)"),
    "an entry of what comes back": (BOTH, "def f(q):\n  found = ask(q)\n  log.info(found['text'])"),
    "the whole of it": (BOTH, "def f(q):\n  found = ask(q)\n  log.info(found)"),
    "by a method": (KEPT, "def f(q):\n  log.info(q)\n  return bot.ask(q)"),
    "an answer": (KEPT, "def f(q):\n  log.info(bot.ask(q).content)"),
    "in another thread": (CALLEE, "async def f(q):\n  log.info(q)\n  return await to_thread(ask, q, 5)"),
    "two functions away": (CALLEE, "def f(q):\n  return ask(q, 5)\ndef g(body):\n  log.info(body.q)\n  f(body.q)"),
}
BESIDE = {
    "another argument": (CALLEE, "def f(q, size):\n  log.info(size)\n  return ask(q, size)"),
    "another field": (CALLEE, "def f(body):\n  log.info(body.user)\n  return ask(body.text, 5)"),
    "another entry": (CALLEE, "def f(body):\n  log.info(body.get('user'))\n  return ask(body.get('text'), 5)"),
    "another entry of what comes back": (BOTH, "def f(q):\n  found = ask(q)\n  log.info(found['tokens'])"),
    "the usage of an answer": (KEPT, "def f(q):\n  r = bot.ask(q)\n  log.info(r.usage)"),
    "a constant": (CALLEE, "HELLO = 'Say hello'\ndef f():\n  log.info(HELLO)\n  return ask(HELLO, 5)"),
    "the keys of a dict": (CALLEE, "def f(body):\n  log.info(body.keys())\n  return ask(body['text'], 5)"),
    "who does not ask": (CALLEE, "def f(q):\n  log.info(q)"),
}


@pytest.mark.parametrize(("callee", "caller"), THROUGH.values(), ids=THROUGH)
def test_logged_by_who_calls(callee: str, caller: str) -> None:
    assert [one.module.path for one in logged({"a.py": callee, "b.py": CALLER + caller})] == ["b.py"]


@pytest.mark.parametrize(("callee", "caller"), BESIDE.values(), ids=BESIDE)
def test_not_logged_by_who_calls(callee: str, caller: str) -> None:
    assert logged({"a.py": callee, "b.py": CALLER + caller}) == []


def test_a_value_that_grows_in_a_loop_ends() -> None:
    assert logged({"a.py": f"{HEAD}def f(prompt):\n  {ASK}\n  for x in y:\n    prompt = {{'last': prompt}}\n"}) == []


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("const m = await retry(() => ask({ question }));\nconsole.log(JSON.stringify(m))", 1),
        ("const m = await ask({ question });\nconsole.log(m.usage)", 0),
        ("console.log(question); await ask({ question })", 1),
        ("console.log(user); await ask({ question, user })", 0),
    ],
)
def test_scripts_that_call(line: str, count: int) -> None:
    source = (
        "import A from '@anthropic-ai/sdk'; const c = new A();\n"
        "async function ask({ question, user }) {\n"
        "return await c.messages.create({ model: 'm', messages: [{ role: 'user', content: question }] }) }\n"
        f"app.post('/x', async (req, res) => {{ const {{ question, user }} = req.body;\n{line} }})"
    )
    assert len(logged({"a.ts": source})) == count
