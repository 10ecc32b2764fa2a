"""Time-outs: what waits how long without one, and the parameter that each client knows."""

from pathlib import Path

import pytest

from tidegate.checks.verdict import State
from unit.checks.programs import verdicts

ASK = "messages.create(model='claude-haiku-4-5', max_tokens=5, messages=[])"
URL = "https://api.anthropic.com/v1/messages"
SENT = "json={'model': 'claude-haiku-4-5', 'max_tokens': 5, 'messages': []}"
PLAIN = "{ model: 'claude-haiku-4-5', max_tokens: 5, messages: [] }"
BODY = f"body: JSON.stringify({PLAIN})"
AI = "import { anthropic } from '@ai-sdk/anthropic'; import { generateText } from 'ai';\n"
GENERATE = "generateText({ model: anthropic('claude-haiku-4-5'), maxOutputTokens: 5, prompt"
AXIOS = "import axios from 'axios';\n"
LANGCHAIN = "import { ChatAnthropic } from '@langchain/anthropic';\n"

WITHOUT = {
    "the SDK": ("a.py", f"import anthropic\nanthropic.Anthropic().{ASK}", "anthropic.Anthropic(timeout=60.0)."),
    "the SDK, otherwise": (
        "a.py",
        f"from anthropic import AsyncAnthropicBedrock as Claude\nClaude().{ASK}",
        "Claude(timeout=60.0).",
    ),
    "the SDK in TypeScript": (
        "a.ts",
        f"import Claude from '@anthropic-ai/sdk';\nnew Claude().messages.create({PLAIN})",
        "new Claude({ timeout: 60_000 }).",
    ),
    "LangChain": (
        "a.py",
        "from langchain_anthropic import ChatAnthropic\nChatAnthropic(model='claude-haiku-4-5', max_tokens=5)",
        "ChatAnthropic(timeout=60.0).",
    ),
    "LangChain in TypeScript": (
        "a.ts",
        f"{LANGCHAIN}new ChatAnthropic({{ model: 'claude-haiku-4-5', maxTokens: 5 }})",
        "new ChatAnthropic({ clientOptions: { timeout: 60_000 } }).",
    ),
    "litellm": (
        "a.py",
        "import litellm\nlitellm.completion(model='anthropic/claude-haiku-4-5', max_tokens=5, messages=[])",
        "Add timeout=60.",
    ),
    "the AI SDK": ("a.ts", f"{AI}{GENERATE}: 'x' }})", "Add abortSignal: AbortSignal.timeout(60_000)."),
    "requests": ("a.py", f"import requests\nrequests.post('{URL}', {SENT})", "Add timeout=60."),
    "httpx": ("a.py", f"import httpx\nhttpx.post('{URL}', {SENT})", "Add timeout=60."),
    "a session of aiohttp": (
        "a.py",
        f"import aiohttp\nasync def f():\n  async with aiohttp.ClientSession() as s:\n   s.post('{URL}', {SENT})",
        "Add timeout=aiohttp.ClientTimeout(total=60).",
    ),
    "fetch": ("a.ts", f"fetch('{URL}', {{ method: 'POST', {BODY} }})", "Add signal: AbortSignal.timeout(60_000)."),
    "axios": (
        "a.ts",
        f"{AXIOS}axios.post('{URL}', {PLAIN})",
        "Add { timeout: 60_000 } to what axios is given.",
    ),
}

WITH = {
    "LangChain": (
        "a.py",
        "from langchain_anthropic import ChatAnthropic\nChatAnthropic(model='claude-haiku-4-5', timeout=60.0)",
    ),
    "LangChain by the field": (
        "a.py",
        "from langchain_anthropic import ChatAnthropic\nChatAnthropic(model='m', default_request_timeout=60.0)",
    ),
    "LangChain in TypeScript": (
        "a.ts",
        f"{LANGCHAIN}const options = {{ timeout: 60_000 }};\nnew ChatAnthropic({{ clientOptions: options }})",
    ),
    "a session of httpx": (
        "a.py",
        f"import httpx\ndef f():\n  with httpx.Client(timeout=60) as c:\n    c.post('{URL}', {SENT})",
    ),
    "a session of aiohttp": (
        "a.py",
        f"import aiohttp\ns = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))\ns.post('{URL}', {SENT})",
    ),
    "a session of axios": (
        "a.ts",
        f"{AXIOS}const api = axios.create({{ timeout: 60_000 }});\napi.post('{URL}', {PLAIN})",
    ),
    "axios": (
        "a.ts",
        f"{AXIOS}axios.post('{URL}', {PLAIN}, {{ timeout: 60_000 }})",
    ),
    "by what is read": (
        "a.py",
        f"import anthropic, httpx\nanthropic.Anthropic(timeout=httpx.Timeout(5, read=9)).{ASK}",
    ),
}


@pytest.mark.parametrize(("path", "source", "fix"), WITHOUT.values(), ids=WITHOUT)
def test_what_to_write(path: str, source: str, fix: str, tmp_path: Path) -> None:
    (found,) = verdicts(tmp_path, "TG902", {path: source})
    assert (found.state, found.fix) == (State.WARN, fix)


@pytest.mark.parametrize(("path", "source"), WITH.values(), ids=WITH)
def test_a_time_out_is_seen(path: str, source: str, tmp_path: Path) -> None:
    found = verdicts(tmp_path, "TG902", {path: source})
    assert [one.text for one in found] in ([], [f"{path} uses LangChain"])


def test_without_a_time_out_langchain_waits_for_ever(tmp_path: Path) -> None:
    """It hands the SDK `timeout=None`, which switches its ten minutes off."""
    path, source, _ = WITHOUT["LangChain"]
    (found,) = verdicts(tmp_path, "TG902", {path: source})
    assert found.text.endswith("may wait for ever.")


def test_milliseconds_in_typescript_whoever_sends(tmp_path: Path) -> None:
    path, source = WITH["axios"]
    (found,) = verdicts(tmp_path, "TG902", {path: source.replace("60_000", "60")})
    assert (found.state, found.text) == (
        State.FAIL,
        "The time-out is 60 milliseconds: TypeScript counts in milliseconds.",
    )
