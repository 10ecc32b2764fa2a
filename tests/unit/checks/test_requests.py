"""Which calls ask Claude, with which client and arguments; and what others call so is left alone."""

import pytest

from tidegate.checks.facts.addresses import unasked
from tidegate.checks.program.fold import Known
from unit.checks.programs import asking

ARGS = "model='claude-haiku-4-5', max_tokens=5, messages=[]"

ASKS = {
    "the SDK": f"import anthropic\nc = anthropic.Anthropic()\nc.messages.create({ARGS})",
    "asynchronously": (
        f"from anthropic import AsyncAnthropic\nc = AsyncAnthropic()\nasync def f():\n  await c.messages.create({ARGS})"
    ),
    "a stream": f"import anthropic\nwith anthropic.Anthropic().messages.stream({ARGS}) as s: ...",
    "beta": f"import anthropic\nanthropic.Anthropic().beta.messages.create({ARGS})",
    "a raw response": f"import anthropic\nanthropic.Anthropic().messages.with_raw_response.create({ARGS})",
    "parsed": f"import anthropic\nanthropic.Anthropic().messages.parse({ARGS})",
    "a part with a name": f"import anthropic\nm = anthropic.Anthropic().messages\nm.create({ARGS})",
    "options": f"import anthropic\nanthropic.Anthropic().with_options(timeout=5).messages.create({ARGS})",
    "a handed client": f"def ask(client):\n  return client.messages.create({ARGS})",
    "a field": f"import anthropic\nclass A:\n  def __init__(self):\n    self.c = anthropic.Anthropic()\n"
    f"  def f(self):\n    self.c.messages.create({ARGS})",
    "a function": f"import anthropic\ndef make():\n  return anthropic.Anthropic()\nmake().messages.create({ARGS})",
    "a spread": "import anthropic\nc = anthropic.Anthropic()\nc.messages.create(**params())",
    "plain HTTP": "import requests\nrequests.post('https://api.anthropic.com/v1/messages', json={'model': 'claude-x'})",
    "a session": (
        "import httpx\nBASE = 'https://api.anthropic.com'\nasync def f(s):\n"
        "  await s.post(f'{BASE}/v1/messages', json={})"
    ),
    "in a thread": f"import anthropic as a, asyncio\nc = a.Anthropic()\nasyncio.to_thread(c.messages.create, {ARGS})",
    "a method with a name": f"import anthropic\nmake = anthropic.Anthropic().messages.create\nmake({ARGS})",
    "a part of the arguments": (
        "import anthropic\nfrom functools import partial\n"
        "f = partial(anthropic.Anthropic().messages.create, model='m', max_tokens=5)\nf(messages=[])"
    ),
    "LangChain": "from langchain_anthropic import ChatAnthropic\nllm = ChatAnthropic(model='claude-haiku-4-5')",
    "litellm": "import litellm\nlitellm.completion(model='claude-haiku-4-5', messages=[])",
}

SCRIPTS = {
    "the SDK": (
        "import A from '@anthropic-ai/sdk'; new A().messages.create({ model: 'm', max_tokens: 1, messages: [] })"
    ),
    "required": "const A = require('@anthropic-ai/sdk'); const c = new A(); c.messages.stream({ model: 'm' })",
    "under a name": (
        "import A from '@anthropic-ai/sdk'; const all = {}; all.c = new A(); all.c.messages.create({ model: 'm' })"
    ),
    "either": "import A from '@anthropic-ai/sdk'; const c = ok ? new A() : null; c.messages.create({ model: 'm' })",
    "fetch": "await fetch('https://api.anthropic.com/v1/messages', { body: JSON.stringify({ model: 'm' }) })",
    "the AI SDK": "import { generateText } from 'ai'; import { anthropic } from '@ai-sdk/anthropic';\n"
    "await generateText({ model: anthropic('claude-haiku-4-5'), prompt })",
}


@pytest.mark.parametrize("source", ASKS.values(), ids=ASKS)
def test_python_that_asks(source: str) -> None:
    _, found = asking({"a.py": f"# claude\n{source}"})
    assert len(found.requests) == 1
    assert found.unread == ()


@pytest.mark.parametrize("source", SCRIPTS.values(), ids=SCRIPTS)
def test_scripts_that_ask(source: str) -> None:
    _, found = asking({"a.ts": f"// claude\n{source}"})
    assert len(found.requests) == 1
    assert found.unread == ()


OTHERS = {
    "Twilio": "from twilio.rest import Client\nClient(a, b).messages.create(body='claude', from_=a, to=b)",
    "OpenAI's threads": "client.beta.threads.messages.create(thread_id=t, role='user', content='claude')",
    "OpenAI": "from openai import OpenAI\nOpenAI().chat.completions.create(model='gpt', messages=[], max_tokens=5)",
    "OpenAI's raw answers": (
        "# claude\nclient.chat.completions.with_raw_response.create(model='claude', messages=[], max_tokens=5)"
    ),
    "a batch": "import anthropic\nanthropic.Anthropic().messages.batches.create(requests=[])",
    "counting": f"import anthropic\nanthropic.Anthropic().messages.count_tokens({ARGS})",
    "another model": "import litellm\nlitellm.completion(model='gpt-5', messages=[])",
    "another address": "import requests\nrequests.post('https://example.com', json={'model': 'claude'})",
    "counting over HTTP": (
        "import requests\nrequests.post('https://api.anthropic.com/v1/messages/count_tokens', json={})"
    ),
}


@pytest.mark.parametrize("source", OTHERS.values(), ids=OTHERS)
def test_what_others_call_so(source: str) -> None:
    _, found = asking({"a.py": f"# claude\n{source}"})
    assert found.requests == ()


CLIENT = f"import anthropic\nfrom functools import partial\nc = anthropic.Anthropic()\nc.messages.create({ARGS})\n"
NOT_READ = {
    "a batch": "c.messages.batches.create(requests=[])",
    "a batch of beta": "c.beta.messages.batches.create(requests=[])",
    "batches with a name": "b = c.messages.batches\nb.create(requests=[])",
    "a method handed on": "pool.submit(c.messages.create, model='m')",
    "a method kept": "ways = {'ask': c.messages.create}",
    "a method with a name that nobody calls": "make = c.messages.create",
    "a method with a name that is handed on, too": f"make = c.messages.create\nmake({ARGS})\npool.submit(make)",
    "a part of the arguments handed on": f"f = partial(c.messages.create, max_tokens=5)\nf({ARGS})\nretry(f)",
    "a part by name": "getattr(c, 'messages').create(model='m')",
    "a request of the client's own": "c.post('/v1/messages', body={})",
    "a method by name": "getattr(c.messages, 'create')(model='m')",
    "Claude by the way of OpenAI": "other.chat.completions.create(model='claude-opus-5-5', messages=[])",
}
READ = {
    "the results of a batch": "c.messages.batches.results(id)",
    "another's messages": "twilio.messages.create(body='x', to=me)",
    "OpenAI": "other.chat.completions.create(model='gpt', messages=[])",
    "a method with a name": f"make = c.messages.create\nmake({ARGS})\nmake({ARGS})",
    "a stream by name": f"with c.messages.stream({ARGS}) as make:\n  print(make)",
}


@pytest.mark.parametrize("source", NOT_READ.values(), ids=NOT_READ)
def test_what_is_not_read_is_said_beside_requests_that_are(source: str) -> None:
    _, found = asking({"a.py": CLIENT + source})
    assert found.requests
    assert len(found.unread) == 1


@pytest.mark.parametrize(
    "source", ["const { messages } = c; messages.create(x)", "c['messages'].create(x)", "c.messages['create'](x)"]
)
def test_what_is_not_read_of_scripts(source: str) -> None:
    _, found = asking({"a.ts": f"import A from '@anthropic-ai/sdk'; const c = new A();\n{source}"})
    assert found.unread


@pytest.mark.parametrize("source", READ.values(), ids=READ)
def test_what_is_read_is_not_said_to_be_unread(source: str) -> None:
    _, found = asking({"a.py": CLIENT + source})
    assert found.unread == ()


URL = "https://api.anthropic.com"
NAMED = {
    "a client of HTTP": f"import httpx\nBASE = '{URL}'\ns = httpx.Client(base_url=BASE)\ns.post('/v1/messages')",
    "a client of OpenAI": f"from openai import OpenAI\nOpenAI(base_url='{URL}/v1/')",
    "a client of OpenAI, beside requests": (
        f"BASE = '{URL}'\nimport anthropic, openai\nc = anthropic.Anthropic(base_url=BASE)\nc.messages.create({ARGS})\n"
        "openai.OpenAI(base_url=BASE)"
    ),
    "something of the project": f"send('{URL}/v1/messages', {{}})",
    "put together": f"send(f'{URL}/v1/{{path}}')",
    "a batch": f"import requests\nrequests.put('{URL}/v1/messages/batches')",
}
ASKED = {
    "a request": f"import requests\nURL = '{URL}/v1/messages'\nrequests.post(URL, json={{}})",
    "a part of an address": f"import requests\nBASE = '{URL}'\nrequests.post(BASE + '/v1/messages', json={{}})",
    "a client": f"import anthropic\nBASE = '{URL}'\nanthropic.Anthropic(base_url=BASE)",
    "counting": f"send('{URL}/v1/messages/count_tokens')",
    "models": f"send('{URL}/v1/models')",
    "a part of models": f"send('{URL}' + '/v1/models')",
    "prose": f"print('Requests go to {URL}')",
    "a docstring": f"def f():\n  '{URL}'",
    "a comparison": f"if url == '{URL}' or url.startswith('{URL}'): ...",
    "another address": "send('https://example.com')",
}


@pytest.mark.parametrize("source", NAMED.values(), ids=NAMED)
def test_addresses_that_are_named_and_not_read(source: str) -> None:
    made, found = asking({"a.py": source})
    assert len(list(unasked(made, found))) == 1


@pytest.mark.parametrize("source", ASKED.values(), ids=ASKED)
def test_addresses_that_are_read_or_ask_nothing(source: str) -> None:
    made, found = asking({"a.py": source})
    assert list(unasked(made, found)) == []


def roles(source: str, path: str = "a.py") -> tuple[dict[str, object], bool]:
    made, found = asking({path: f"{'#' if path.endswith('py') else '//'} claude\n{source}"})
    (request,) = found.requests
    given: dict[str, object] = {}
    for role in request.arguments.given:
        value = request.arguments.value(made, role)
        given[role] = value.value if isinstance(value, Known) else "?"
    return given, request.arguments.open


def test_the_clients_arguments_count_for_the_request() -> None:
    given, is_open = roles(
        f"import anthropic\nc = anthropic.Anthropic(timeout=5, max_retries=3)\nc.messages.create({ARGS})"
    )
    assert given == {
        "timeout": 5,
        "max_retries": 3,
        "model": "claude-haiku-4-5",
        "max_tokens": 5,
        "messages": "?",
    }
    assert not is_open


def test_options_win_over_the_client() -> None:
    given, _ = roles(
        f"import anthropic\nanthropic.Anthropic(timeout=5).with_options(timeout=9).messages.create({ARGS})"
    )
    assert given["timeout"] == 9


@pytest.mark.parametrize(
    ("source", "size", "is_open"),
    [
        ("p = {'max_tokens': 5}\nc.messages.create(model='m', **p)", 5, False),
        ("p = dict(max_tokens=5)\nc.messages.create(model='m', **p)", 5, False),
        ("p = {}\np['max_tokens'] = 5\nc.messages.create(model='m', **p)", 5, False),
        ("p = {}\np.update(max_tokens=5)\nc.messages.create(model='m', **p)", 5, False),
        ("p = {}\np.setdefault('max_tokens', 5)\nc.messages.create(model='m', **p)", 5, False),
        ("def p():\n  return {'max_tokens': 5}\nc.messages.create(model='m', **p())", 5, False),
        ("def p():\n  d = {}\n  d['max_tokens'] = 5\n  return d\nq = p()\nc.messages.create(model='m', **q)", 5, False),
        ("c.messages.create(model='m', **{'max_tokens': 5})", 5, False),
        ("c.messages.create(model='m', **p)", None, True),
        ("def fill(p): ...\np = {}\nfill(p)\nc.messages.create(model='m', **p)", None, True),
    ],
)
def test_dicts_of_arguments(source: str, size: int | None, is_open: bool) -> None:
    given, found = roles(f"import anthropic\nc = anthropic.Anthropic()\n{source}")
    assert (given.get("max_tokens"), found) == (size, is_open)


@pytest.mark.parametrize(
    ("source", "size", "is_open"),
    [
        ("c.messages.create({ model: 'm', max_tokens: 5 })", 5, False),
        ("const o = { max_tokens: 5 }; c.messages.create({ model: 'm', ...o })", 5, False),
        ("const o = { model: 'm', max_tokens: 5 }; c.messages.create(o)", 5, False),
        ("const o = {}; o.max_tokens = 5; c.messages.create({ model: 'm', ...o })", 5, False),
        ("const max_tokens = 5; c.messages.create({ model: 'm', max_tokens })", 5, False),
        ("c.messages.create({ model: 'm', ...rest })", None, True),
    ],
)
def test_objects_of_arguments(source: str, size: int | None, is_open: bool) -> None:
    given, found = roles(f"import A from '@anthropic-ai/sdk'; const c = new A(); {source}", "a.ts")
    assert (given.get("max_tokens"), found) == (size, is_open)


@pytest.mark.parametrize(
    ("source", "streams"),
    [
        ("c.messages.create(model='m')", False),
        ("c.messages.create(model='m', stream=True)", True),
        ("c.messages.create(model='m', stream=False)", False),
        ("c.messages.stream(model='m')", True),
        ("c.messages.create(model='m', stream=x)", None),
        ("c.messages.create(model='m', **p)", None),
    ],
)
def test_streaming(source: str, streams: bool | None) -> None:
    _, found = asking({"a.py": f"import anthropic\nc = anthropic.Anthropic()\n{source}"})
    assert found.requests[0].streams is streams


def test_a_guarded_client() -> None:
    source = "import anthropic, tidegate\nc = tidegate.guard(anthropic.Anthropic())\nc.messages.create(model='m')"
    _, found = asking({"a.py": source})
    client = found.requests[0].client
    assert client is not None
    assert client.guarded
    assert [one.guarded for one in found.clients] == [True]


def test_a_thread_and_a_part_of_the_arguments_are_read_as_one() -> None:
    given, _ = roles(
        "import anthropic\nfrom functools import partial\nc = anthropic.Anthropic(timeout=5)\n"
        "f = partial(c.messages.create, model='m', max_tokens=5)\nf(max_tokens=9, messages=[])"
    )
    assert given == {"timeout": 5, "model": "m", "max_tokens": 9, "messages": "?"}
