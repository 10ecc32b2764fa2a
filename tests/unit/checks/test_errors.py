"""Texts of errors on their way to users."""

import pytest

from tidegate.checks.facts.doors import find_doors
from tidegate.checks.facts.errors import Leak, find_handlers, find_leaks, uncaught
from tidegate.checks.facts.reach import find_reach
from unit.checks.programs import asking, program

ASK = (
    "import anthropic\nc = anthropic.Anthropic()\ndef ask(q):\n"
    "  return c.messages.create(model='m', max_tokens=1, messages=[])\n"
)
APP = (
    "import anthropic, traceback, logging\nfrom fastapi import FastAPI, HTTPException\n"
    "from llm import ask\napp = FastAPI()\n"
)
DOOR = f"{APP}@app.post('/x')\ndef f(q):\n  try:\n    return ask(q)\n"


def leaks(files: dict[str, str]) -> list[Leak]:
    made, found = asking(files)
    reach = find_reach(made, found.requests)
    doors = tuple(door for door in find_doors(made) if reach.asks(door.function))
    return list(find_leaks(made, reach, doors, find_handlers(made), found.requests))


LEAKED = {
    "raised": "  except Exception as e:\n    raise HTTPException(500, detail=str(e))",
    "in an f-string": "  except Exception as e:\n    raise HTTPException(500, detail=f'failed: {e}')",
    "the message": "  except anthropic.APIError as e:\n    raise HTTPException(e.status_code, e.message)",
    "the body": "  except anthropic.APIError as e:\n    return {'error': e.body}",
    "the answer's text": "  except anthropic.APIError as e:\n    return {'error': e.response.text}",
    "under a name": "  except Exception as e:\n    words = repr(e)\n    return {'error': words}",
    "a trace": "  except Exception:\n    return {'error': traceback.format_exc()}",
    "either": "  except Exception as e:\n    return {'error': str(e) or 'unknown'}",
    "yielded": "  except Exception as e:\n    yield f'data: {e}'",
    "put into a result": "  except Exception as e:\n    result['error'] = str(e)\n  return result",
    "kept for a page": "  except Exception as e:\n    error = str(e)\n  return render_template('x', error=error)",
    "flashed": "  except Exception as e:\n    flash(f'{e}')\n    return redirect('/')",
    "in an error of its own": (
        "  except Exception as e:\n    raise Busy(f'{e}')\nclass Busy(Exception): ...\n"
        "@app.exception_handler(Busy)\ndef h(request, exc):\n  return {'detail': str(exc)}"
    ),
    "joined": "  except Exception as e:\n    return 'failed: ' + str(e)",
}

KEPT = {
    "put right again": "  except Exception as e:\n    w = str(e)\n    log(w)\n    w = 'Sorry.'\n  return {'error': w}",
    "another part": "  except Exception as e:\n    r['error'] = str(e)\n  return r['text']",
    "own words": "  except Exception:\n    raise HTTPException(503, detail='Please try again.')",
    "logged": "  except Exception as e:\n    logging.error('failed %s', e)\n    return {'error': 'Please try again.'}",
    "a cause": "  except Exception as e:\n    raise HTTPException(503, detail='Please try again.') from e",
    "raised again": "  except Exception as e:\n    raise Busy(str(e)) from e",
    "its status": (
        "  except anthropic.APIStatusError as e:\n"
        "    return {'error': 'busy', 'status': e.status_code, 'id': e.request_id}"
    ),
    "its kind": (
        "  except anthropic.APIError as e:\n    return {'error': type(e).__name__, 'overloaded': e.type == 'x'}"
    ),
    "friendly": "  except anthropic.APIError as e:\n    return {'error': tidegate.friendly(e).text}",
}


@pytest.mark.parametrize("body", LEAKED.values(), ids=LEAKED)
def test_leaked(body: str) -> None:
    (leak,) = leaks({"llm.py": ASK, "a.py": DOOR + body})
    assert leak.sure


@pytest.mark.parametrize("body", KEPT.values(), ids=KEPT)
def test_kept(body: str) -> None:
    assert leaks({"llm.py": ASK, "a.py": DOOR + body}) == []


def test_errors_of_the_projects_own_may_speak() -> None:
    body = "  except Busy as e:\n    return {'error': str(e)}\nclass Busy(Exception): ..."
    assert leaks({"llm.py": ASK, "a.py": DOOR + body}) == []


def test_a_program_without_doors_may_tell_its_user() -> None:
    source = "from llm import ask\ndef main():\n  try:\n    ask(1)\n  except Exception as e:\n    return str(e)"
    assert leaks({"llm.py": ASK, "a.py": source}) == []


def test_a_try_that_asks_nothing() -> None:
    source = (
        f"{APP}@app.post('/x')\ndef f(q):\n  try:\n    parse(q)\n  except ValueError as e:\n"
        f"    return str(e)\n  return ask(q)"
    )
    assert leaks({"llm.py": ASK, "a.py": source}) == []


def test_what_a_function_behind_a_door_returns_is_not_sure() -> None:
    service = (
        "from llm import ask\ndef answer(q):\n  try:\n    return ask(q)\n  except Exception as e:\n"
        "    return f'Error: {e}'"
    )
    app = f"{APP}from service import answer\n@app.post('/x')\ndef f(q): return answer(q)"
    (leak,) = leaks({"llm.py": ASK, "service.py": service, "a.py": app})
    assert not leak.sure


HANDLERS = {
    "FastAPI": (
        "a.py",
        f"{APP}@app.exception_handler(anthropic.APIError)\ndef h(request, exc):\n  return str(exc)",
        True,
    ),
    "another class": (
        "a.py",
        f"{APP}@app.exception_handler(ValueError)\ndef h(request, exc):\n  return str(exc)",
        False,
    ),
    "Flask": (
        "a.py",
        "from flask import Flask\napp = Flask('x')\n@app.errorhandler(500)\ndef h(error):\n  return str(error)",
        True,
    ),
    "a missing page": (
        "a.py",
        "from flask import Flask\napp = Flask('x')\n@app.errorhandler(404)\ndef h(error):\n  return str(error)",
        False,
    ),
    "registered": (
        "a.py",
        f"{APP}def h(request, exc):\n  return str(exc)\napp.add_exception_handler(Exception, h)",
        True,
    ),
    "Express": ("a.ts", "app.use((err, req, res, next) => { res.status(500).json({ error: err.message }) })", True),
    "middleware": ("a.ts", "app.use((req, res, next) => { res.json(req.message) })", False),
    "Fastify": ("a.ts", "app.setErrorHandler((error, req, reply) => { reply.send({ error: error.message }) })", True),
}


@pytest.mark.parametrize(("path", "source", "handles"), HANDLERS.values(), ids=HANDLERS)
def test_handlers(path: str, source: str, handles: bool) -> None:
    assert bool(find_handlers(program({path: source}))) == handles
    assert bool(leaks({path: source})) == handles


SCRIPT = "import express from 'express'; import A from '@anthropic-ai/sdk'; const c = new A(); const app = express();\n"
CALL = "c.messages.create({ model: 'm', max_tokens: 1, messages: [] })"


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (f"try {{ await {CALL} }} catch (e) {{ res.status(500).json({{ error: e.message }}) }}", 1),
        (f"try {{ await {CALL} }} catch (e) {{ res.send(String(e)) }}", 1),
        (f"try {{ await {CALL} }} catch (e: any) {{ return res.json({{ error: e }}) }}", 1),
        (f"await {CALL}.catch((e) => res.send(`${{e}}`))", 1),
        (f"try {{ await {CALL} }} catch (e) {{ console.error(e); res.status(503).json({{ error: 'busy' }}) }}", 0),
        (f"try {{ await {CALL} }} catch (e) {{ next(e) }}", 0),
        (f"try {{ await {CALL} }} catch (e) {{ res.json({{ id: e.request_id, status: e.status }}) }}", 0),
    ],
)
def test_scripts(body: str, count: int) -> None:
    assert len(leaks({"a.ts": f"{SCRIPT}app.post('/x', async (req, res, next) => {{ {body} }})"})) == count


HTTP = (
    "import requests\nfrom fastapi import FastAPI, HTTPException\napp = FastAPI()\n@app.post('/x')\ndef f(q):\n"
    "  r = requests.post('https://api.anthropic.com/v1/messages', json={'messages': [q]}, headers=H)\n"
)
REFUSED = {
    "not 200": ("  if r.status_code != 200:\n    return {'error': r.text}\n  return r.json()", 1),
    "not ok": ("  if not r.ok:\n    raise HTTPException(502, r.json()['error']['message'])\n  return r.json()", 1),
    "otherwise": ("  if r.status_code == 200:\n    return r.json()\n  else:\n    return r.text", 1),
    "one status": ("  if r.status_code == 429:\n    return r.content\n  return 1", 1),
    "own words": ("  if r.status_code >= 400:\n    return {'error': 'sorry', 'status': r.status_code}", 0),
    "an answer": ("  if r.ok:\n    return r.json()\n  return {'error': 'sorry'}", 0),
    "another test": ("  if r.elapsed != 200:\n    return r.text", 0),
}


@pytest.mark.parametrize(("source", "count"), REFUSED.values(), ids=REFUSED)
def test_replies_of_plain_requests(source: str, count: int) -> None:
    assert len(leaks({"a.py": HTTP + source})) == count


def test_replies_in_scripts() -> None:
    source = (
        "import express from 'express'; const app = express();\napp.post('/x', async (req, res) => {\n"
        "const r = await fetch('https://api.anthropic.com/v1/messages', { method: 'POST', body: q });\n"
        "if (!r.ok) { return res.status(500).send(await r.text()); }\nif (r.status !== 200) throw new Error('x');\n"
        "res.json(await r.json()) })"
    )
    assert [one.node.at[0] for one in leaks({"a.ts": source})] == [4]


@pytest.mark.parametrize(("test", "leaves"), [("e instanceof A.APIError", False), ("e instanceof Other", True)])
def test_what_is_answered_before_the_rest_is_passed_on(test: str, leaves: bool) -> None:
    body = f"try {{ await {CALL} }} catch (e) {{ if ({test}) {{ return res.status(503) }} throw e }}"
    made, found = asking({"a.ts": f"{SCRIPT}app.post('/x', async (req, res) => {{ {body} }})"})
    (door,) = find_doors(made)
    assert uncaught(find_reach(made, found.requests), door.function) == leaves


def test_a_place_that_two_handlers_lead_to_is_told_once() -> None:
    two = (
        "  except anthropic.APIError as e:\n    result['error'] = str(e)\n"
        "  except Exception as e:\n    result['error'] = repr(e)\n  return result"
    )
    assert len(leaks({"llm.py": ASK, "app.py": DOOR + two})) == 1


PARTS = {
    "one class": ("except anthropic.RateLimitError:\n    return 1", True),
    "what has a status": ("except anthropic.APIStatusError:\n    return 1", True),
    "lost connections": ("except (anthropic.APIConnectionError, anthropic.APITimeoutError):\n    return 1", True),
    "all of them in two": (
        "except anthropic.APIStatusError:\n    return 1\n  except anthropic.APIConnectionError:\n    return 2",
        False,
    ),
    "all of them at once": ("except (anthropic.APIStatusError, anthropic.APIConnectionError):\n    return 1", False),
    "some and then all": (
        "except anthropic.RateLimitError:\n    return 1\n  except anthropic.APIError:\n    return 2",
        False,
    ),
    "some, and the rest passed on": (
        "except anthropic.RateLimitError:\n    return 1\n  except anthropic.APIError:\n    raise",
        True,
    ),
    "classes of the project": ("except CLAUDE_ERRORS:\n    return 1", False),
    "everything": ("except:\n    return 1", False),
}


@pytest.mark.parametrize(("catches", "leaves"), PARTS.values(), ids=PARTS)
def test_some_errors_are_not_all(catches: str, leaves: bool) -> None:
    made, found = asking(
        {"a.py": f"{ASK}from flask import Flask\n@app.post('/x')\ndef f(q):\n  try:\n    return ask(q)\n  {catches}"}
    )
    reach = find_reach(made, found.requests)
    (door,) = find_doors(made)
    assert uncaught(reach, door.function) == leaves
    assert not uncaught(reach, door.function, some=True)


def test_what_two_tries_take_together() -> None:
    source = (
        "from flask import Flask\n@app.post('/x')\ndef f(q):\n  try:\n    try:\n      return ask(q)\n"
        "    except anthropic.APIStatusError:\n      return 1\n  except anthropic.APIConnectionError:\n    return 2"
    )
    made, found = asking({"a.py": f"{ASK}{source}"})
    (door,) = find_doors(made)
    assert not uncaught(find_reach(made, found.requests), door.function)
