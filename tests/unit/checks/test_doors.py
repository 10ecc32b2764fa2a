"""Where users come in, in every framework that is known, and which doors lead to Claude."""

import pytest

from tidegate.checks.facts.doors import find_doors, frameworks_without_routes
from tidegate.checks.facts.reach import find_reach, leaking
from unit.checks.programs import asking, program

DOORS = {
    "FastAPI": ("a.py", "from fastapi import FastAPI\napp = FastAPI()\n@app.post('/x')\ndef f(): ...", "POST /x"),
    "a router of another file": ("a.py", "from b import router\n@router.get('/x')\ndef f(): ...", "GET /x"),
    "the root of a router": ("a.py", "from b import router\n@router.post('')\ndef f(): ...", "POST f"),
    "Flask": ("a.py", "from flask import Flask\napp = Flask(__name__)\n@app.route('/x')\ndef f(): ...", "/x"),
    "a blueprint": (
        "a.py",
        "from flask import Blueprint\nbp = Blueprint('b', __name__)\n@bp.post('/x')\ndef f(): ...",
        "POST /x",
    ),
    "Starlette": ("a.py", "from starlette.routing import Route\ndef f(r): ...\nroutes = [Route('/x', f)]", "/x"),
    "aiohttp": ("a.py", "from aiohttp import web\nasync def f(r): ...\napp.router.add_post('/x', f)", "POST /x"),
    "Django": ("a.py", "from django.http import HttpResponse\ndef f(request): ...", "f"),
    "a view": (
        "a.py",
        "from rest_framework.views import APIView\nclass V(APIView):\n  def post(self, request): ...",
        "V.post",
    ),
    "Lambda": ("a.py", "def lambda_handler(event, context): ...", "lambda_handler"),
    "Discord": (
        "a.py",
        "from discord.ext import commands\nbot = commands.Bot()\n@bot.command()\nasync def f(ctx): ...",
        "f",
    ),
    "Slack": ("a.py", "from slack_bolt import App\napp = App()\n@app.event('message')\ndef f(body): ...", "f"),
    "Gradio": ("a.py", "import gradio as gr\ndef f(m, h): ...\ngr.ChatInterface(f)", "f"),
    "Express": (
        "a.ts",
        "import express from 'express'; const app = express(); app.post('/x', async (q, r) => {})",
        "POST /x",
    ),
    "wrapped": (
        "a.ts",
        "import express from 'express'; const app = express(); app.post('/x', wrap(async (q, r) => {}))",
        "POST /x",
    ),
    "Hono": (
        "a.ts",
        "import { Hono } from 'hono'; const app = new Hono(); app.get('/x', (c) => c.text('a'))",
        "GET /x",
    ),
    "a server": ("a.mjs", "import http from 'node:http'; http.createServer((q, r) => {})", "createServer"),
    "a worker": ("a.ts", "export default { async fetch(request) {} }", "fetch"),
    "a route of Next.js": (
        "app/api/chat/route.ts",
        "export async function POST(r: Request) {}",
        "POST app/api/chat/route.ts",
    ),
    "an arrow": ("src/app/x/route.ts", "export const GET = async () => {}", "GET src/app/x/route.ts"),
    "pages": ("pages/api/chat.ts", "export default async function handler(q, r) {}", "handler"),
    "a server action": ("lib/actions.ts", "'use server'; export async function ask(q) {}", "ask"),
    "NestJS": (
        "a.ts",
        "import { Post } from '@nestjs/common';\n@Controller('x') export class C { @Post('ask') f() {} g() {} }",
        "POST /ask",
    ),
    "SvelteKit": (
        "src/routes/x/+server.ts",
        "export async function POST({ request }) {}",
        "POST src/routes/x/+server.ts",
    ),
}


@pytest.mark.parametrize(("path", "source", "name"), DOORS.values(), ids=DOORS)
def test_doors(path: str, source: str, name: str) -> None:
    made = program({path: source, "b.py": "from fastapi import APIRouter\nrouter = APIRouter()"})
    assert [door.name for door in find_doors(made)] == [name]


NONE = {
    "a cache": ("a.py", "from fastapi import FastAPI\ncache.get('x')\ncache.get('x', f)"),
    "a patch": ("a.py", "from unittest import mock\n@mock.patch('x')\ndef f(): ..."),
    "a map": ("a.ts", "const m = new Map(); m.get('/x', () => 1)"),
    "a function": ("a.py", "def handler(config): ..."),
    "a decorator of others": ("a.ts", "import { Post } from './orm'; class C { @Post('ask') f() {} }"),
    "a component": ("app/chat/page.tsx", "export default function Page() { return null }"),
}


@pytest.mark.parametrize(("path", "source"), NONE.values(), ids=NONE)
def test_no_doors(path: str, source: str) -> None:
    assert find_doors(program({path: source})) == ()


def test_frameworks_whose_doors_cannot_be_seen() -> None:
    assert frameworks_without_routes(program({"a.py": "import streamlit as st"})) == ("Streamlit",)


ASK = (
    "import anthropic\nc = anthropic.Anthropic()\ndef ask(q):\n"
    "  return c.messages.create(model='m', max_tokens=1, messages=[])\n"
)

LEADS = {
    "a call": "from llm import ask\ndef f():\n  ask(1)",
    "under another name": "from llm import ask as a\ndef f():\n  a(1)",
    "through a module": "import llm\ndef f():\n  llm.ask(1)",
    "handed on": "import asyncio\nfrom llm import ask\nasync def f():\n  await asyncio.to_thread(ask, 1)",
    "named": "from llm import ask\ndef f():\n  run(target=ask)",
    "nested": "from llm import ask\ndef f():\n  def g():\n    ask(1)\n  g()",
    "two steps": "from llm import ask\ndef g():\n  ask(1)\ndef f():\n  g()",
}


@pytest.mark.parametrize("source", LEADS.values(), ids=LEADS)
def test_what_leads_to_claude(source: str) -> None:
    made, found = asking({"llm.py": ASK, "a.py": source})
    reach = find_reach(made, found.requests)
    names = {function.name for function in reach.sites if reach.home[function].path == "a.py"}
    assert "f" in names
    (function,) = [one for one in reach.sites if one.name == "f"]
    assert reach.requests_of(function, found.requests) == list(found.requests)


def test_methods() -> None:
    service = ASK + "class Service:\n  def summarise(self, q):\n    return ask(q)\nservice = Service()"
    made, found = asking({"llm.py": service, "a.py": "from llm import service\ndef f():\n  service.summarise(1)"})
    assert "f" in {function.name for function in find_reach(made, found.requests).sites}


@pytest.mark.parametrize(
    ("files", "asks"),
    [
        ({"a.py": "import llm\n{use}"}, True),
        ({"a.py": "{use}", "main.py": "import a, llm"}, True),
        ({"a.py": "{use}"}, False),
        ({"a.py": "{use}", "main.py": "import a"}, False),
    ],
    ids=["one knows the other", "a third knows both", "nobody knows both", "a third knows one"],
)
def test_a_method_of_something_unknown_may_be_the_only_one_of_its_name(files: dict[str, str], asks: bool) -> None:
    service = f"{ASK}class Service:\n  def summarise(self, q):\n    return ask(q)"
    use = "def f(service):\n  service.summarise(1)"
    made, found = asking({"llm.py": service} | {path: text.format(use=use) for path, text in files.items()})
    assert ("f" in {function.name for function in find_reach(made, found.requests).sites}) == asks


KEPT = {
    "registered": "register_hook('x', ask)",
    "on an event": "events.on('x', ask)",
    "in a list": "hooks.append(ask)",
    "added": "hooks.add_hook(ask)",
}
RUN = {
    "a task": "background.add_task(ask, 1)",
    "later": "set_timeout(ask, 5)",
    "a thread": "Thread(target=ask).start()",
    "something like it": "address(ask)",
}


@pytest.mark.parametrize(
    ("line", "asks"), [*((line, False) for line in KEPT.values()), *((line, True) for line in RUN.values())]
)
def test_what_is_only_kept_is_not_asked_there(line: str, asks: bool) -> None:
    made, found = asking({"llm.py": ASK, "a.py": f"from llm import ask\ndef f():\n  {line}"})
    assert ("f" in {function.name for function in find_reach(made, found.requests).sites}) == asks


def test_what_does_not_lead_to_claude() -> None:
    made, found = asking({"llm.py": ASK, "a.py": "def ask(q): ...\ndef f():\n  ask(1)"})
    assert {function.name for function in find_reach(made, found.requests).sites} == {"ask"}


@pytest.mark.parametrize(
    ("source", "leaks"),
    [
        ("def f():\n  ask(1)", True),
        ("def f():\n  try:\n    ask(1)\n  except Exception:\n    return 'sorry'", False),
        ("def f():\n  try:\n    ask(1)\n  except ValueError:\n    return 'sorry'", True),
        ("def f():\n  try:\n    ask(1)\n  except Exception:\n    raise", True),
        ("def f():\n  try:\n    ask(1)\n  except Exception as e:\n    raise Sorry() from e", False),
        ("def f():\n  try:\n    x()\n  except Exception:\n    ask(1)", True),
        ("def g():\n  ask(1)\ndef f():\n  try:\n    g()\n  except Exception:\n    pass", False),
    ],
)
def test_what_errors_leave(source: str, leaks: bool) -> None:
    made, found = asking({"llm.py": ASK, "a.py": f"from llm import ask\n{source}"})
    names = {function.name for function in leaking(find_reach(made, found.requests))}
    assert ("f" in names) == leaks
