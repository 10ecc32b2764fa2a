"""Retries around requests: what they repeat, how long they wait, whether they end."""

import pytest

from tidegate.checks.facts.layers import Layer, find_layers
from tidegate.checks.facts.reach import find_reach
from unit.checks.programs import asking

ASK = (
    "import anthropic\nc = anthropic.Anthropic()\ndef ask(q):\n"
    "  return c.messages.create(model='m', max_tokens=1, messages=[])\n"
)


def layers(source: str, path: str = "a.py") -> tuple[Layer, ...]:
    ask = {"llm.py": ASK, "llm.ts": SCRIPT}
    made, found = asking({**ask, path: source})
    return find_layers(made, find_reach(made, found.requests), found.requests)


SCRIPT = """import A from '@anthropic-ai/sdk'; const c = new A();
export async function ask(q) { return c.messages.create({ model: 'm', max_tokens: 1, messages: [] }) }"""

FROM = "from llm import ask\n"
TENACITY = f"{FROM}from tenacity import *\nimport tenacity\n"

PYTHON = {
    "tenacity, bare": (f"{FROM}from tenacity import retry\n@retry\ndef f(): ask(1)", ("all", "none", "endless")),
    "tenacity, right": (
        (
            f"{FROM}import anthropic, tenacity\n"
            f"@tenacity.retry(retry=tenacity.retry_if_exception_type(anthropic.RateLimitError),"
            " wait=tenacity.wait_exponential(), stop=tenacity.stop_after_attempt(5))\ndef f(): ask(1)"
        ),
        ("right", "grow", "ends"),
    ),
    "tenacity, a tuple": (
        (
            f"{FROM}import anthropic, tenacity\n"
            f"@tenacity.retry(retry=tenacity.retry_if_exception_type((anthropic.RateLimitError,"
            " anthropic.APIError)), wait=tenacity.wait_fixed(1), stop=tenacity.stop_never)\ndef f(): ask(1)"
        ),
        ("all", "same", "endless"),
    ),
    "tenacity, a function": (
        (
            f"{FROM}import tenacity\n@tenacity.retry(retry=tenacity.retry_if_exception(mine), wait=mine(), "
            "stop=tenacity.stop_after_delay(9))\ndef f(): ask(1)"
        ),
        ("unknown", "unknown", "ends"),
    ),
    "tenacity, a loop": (
        (
            f"{FROM}import tenacity\nfor attempt in tenacity.Retrying(wait=tenacity.wait_random_exponential()):\n"
            "  with attempt:\n    ask(1)"
        ),
        ("all", "grow", "endless"),
    ),
    "tenacity, called": (
        f"{FROM}import tenacity\ntenacity.Retrying(stop=tenacity.stop_after_attempt(2))(ask, 1)",
        ("all", "none", "ends"),
    ),
    "backoff": (
        (
            f"{FROM}import anthropic, backoff\n"
            f"@backoff.on_exception(backoff.expo, anthropic.RateLimitError, max_tries=5)\ndef f(): ask(1)"
        ),
        ("right", "grow", "ends"),
    ),
    "backoff, broad": (
        f"{FROM}import backoff\n@backoff.on_exception(backoff.constant, Exception)\ndef f(): ask(1)",
        ("all", "same", "endless"),
    ),
    "stamina": (
        f"{FROM}import stamina, anthropic\n@stamina.retry(on=anthropic.RateLimitError)\ndef f(): ask(1)",
        ("right", "grow", "ends"),
    ),
    "retry": (f"{FROM}from retry import retry\n@retry(tries=3, delay=1)\ndef f(): ask(1)", ("all", "same", "ends")),
    "retrying": (
        (
            f"{FROM}from retrying import retry\n"
            f"@retry(stop_max_attempt_number=3, wait_exponential_multiplier=1000)\ndef f(): ask(1)"
        ),
        ("all", "grow", "ends"),
    ),
    "an own loop": (
        (
            f"{FROM}import time, anthropic\ndef f():\n  for i in range(5):\n    try:\n      return ask(1)\n"
            "    except anthropic.RateLimitError:\n      time.sleep(2 ** i)"
        ),
        ("right", "grow", "ends"),
    ),
    "an own loop, linear": (
        (
            f"{FROM}import time, anthropic\ndef f():\n  d = 1\n  while True:\n    try:\n      return ask(1)\n"
            "    except anthropic.RateLimitError:\n      time.sleep(d)\n      d *= 2"
        ),
        ("right", "grow", "endless"),
    ),
    "an own loop, counted": (
        (
            f"{FROM}import time\ndef f():\n  n = 0\n  while True:\n    try:\n      return ask(1)\n"
            "    except Exception:\n      n += 1\n      if n > 3:\n        raise\n      time.sleep(1)"
        ),
        ("all", "same", "ends"),
    ),
    "an own loop, by status": (
        (
            f"{FROM}import time, anthropic\ndef f():\n  for i in range(5):\n    try:\n      return ask(1)\n"
            "    except anthropic.APIStatusError as e:\n      if e.status_code not in (429, 529):\n"
            "        raise\n      time.sleep(i)"
        ),
        ("right", "grow", "ends"),
    ),
    "an own loop, by a wrong status": (
        (
            f"{FROM}import anthropic\ndef f():\n  for i in range(5):\n    try:\n      return ask(1)\n"
            "    except anthropic.APIStatusError as e:\n      if e.status_code in (400, 429):\n"
            "        continue\n      raise"
        ),
        ("all", "none", "ends"),
    ),
    "an own loop, by a function": (
        (
            f"{FROM}import time\ndef f():\n  for i in range(5):\n    try:\n      return ask(1)\n"
            f"    except Exception as e:\n"
            "      note(is_transient(e))\n      time.sleep(pause())"
        ),
        ("unknown", "unknown", "ends"),
    ),
}


@pytest.mark.parametrize(("source", "expected"), PYTHON.values(), ids=PYTHON)
def test_python(source: str, expected: tuple[str, str, str]) -> None:
    (layer,) = layers(source)
    assert (layer.repeats, layer.waits, layer.ends) == expected
    assert len(layer.requests) == 1


SCRIPTS = {
    "p-retry": ("import pRetry from 'p-retry'; pRetry(() => ask(1))", ("all", "grow", "ends")),
    "p-retry, chosen": (
        "import pRetry from 'p-retry'; pRetry(() => ask(1), { shouldRetry: ok })",
        ("unknown", "grow", "ends"),
    ),
    "p-retry, for ever": (
        "import pRetry from 'p-retry'; pRetry(() => ask(1), { forever: true, factor: 1 })",
        ("all", "same", "endless"),
    ),
    "async-retry": (
        "import retry from 'async-retry'; retry(async (bail) => { if (no) bail(no); return ask(1) })",
        ("unknown", "grow", "ends"),
    ),
    "an own loop": (
        (
            "async function f() { for (let i = 0; i < 5; i++) { try { return await ask(1) } catch (e) { "
            "if (e.status !== 429) throw e;"
            " await sleep(2 ** i) } } }"
        ),
        ("right", "grow", "ends"),
    ),
    "an own loop, for ever": (
        (
            "async function f() { while (true) { try { return await ask(1) } catch { await new "
            "Promise((r) => setTimeout(r, 1000)) } } }"
        ),
        ("all", "same", "endless"),
    ),
}


@pytest.mark.parametrize(("source", "expected"), SCRIPTS.values(), ids=SCRIPTS)
def test_scripts(source: str, expected: tuple[str, str, str]) -> None:
    (layer,) = layers(f"import {{ ask }} from './llm';\n{source}", "a.ts")
    assert (layer.repeats, layer.waits, layer.ends) == expected


OWN = (
    "import time\ndef again(func):\n  def inner(*args):\n    for i in range(5):\n      try:\n"
    "        return func(*args)\n      except Exception as e:\n        settle(e, i)\n  return inner\n"
    "def settle(e, i):\n  if not is_transient(e):\n    raise e\n  time.sleep(2 ** i)\n"
)
WITH_RETRY = (
    "async function withRetry(f) { for (let i = 0; i < 3; i++) { try { return await f() } catch (e) {"
    " await sleep(1000) } } }\n"
)


def test_a_decorator_of_the_project() -> None:
    (layer,) = layers(f"{FROM}{OWN}@again\ndef g(): return ask(1)")
    assert (layer.repeats, layer.waits, layer.ends) == ("unknown", "grow", "ends")


def test_a_decorator_of_another_file_with_arguments() -> None:
    made, found = asking(
        {
            "llm.py": ASK,
            "own.py": "def again(n):\n  def deco(func):\n    def inner():\n      for i in range(n):\n        try:\n"
            "          return func()\n        except Exception:\n          continue\n    return inner\n  return deco",
            "a.py": f"{FROM}from own import again\n@again(3)\ndef g(): return ask(1)",
        }
    )
    (layer,) = find_layers(made, find_reach(made, found.requests), found.requests)
    assert (layer.module.path, layer.repeats, layer.waits, layer.ends) == ("own.py", "all", "none", "ends")


@pytest.mark.parametrize("line", ["withRetry(() => ask(1))", "withRetry(ask)"])
def test_a_function_that_tries_what_it_is_given(line: str) -> None:
    (layer,) = layers(f"import {{ ask }} from './llm';\n{WITH_RETRY}async function g() {{ return {line} }}", "a.ts")
    assert (layer.repeats, layer.waits, layer.ends) == ("all", "same", "ends")


NONE = {
    "a function that tries something else": (f"{FROM}{OWN}@again\ndef g(): ...\ndef f():\n  g()\n  ask(1)"),
    "left in another branch": (
        f"{FROM}def f(q):\n  while True:\n    try:\n      if q.ready():\n        ask(1)\n      else:\n        break\n"
        "    except Exception:\n      continue"
    ),
    "an inner loop is left": (
        f"{FROM}def f(xs):\n  while True:\n    try:\n      ask(1)\n      for x in xs():\n        break\n"
        "    except Exception:\n      continue"
    ),
    "left by a person": (
        f"{FROM}def f():\n  while True:\n    try:\n      q = input()\n      if ask(q):\n        return\n"
        "    except Exception:\n      continue"
    ),
    "another question each time": (
        f"{FROM}def f(q):\n  for i in range(5):\n    q = shorter(q)\n    try:\n      return ask(q)\n"
        "    except Exception:\n      continue"
    ),
    "other errors": (
        f"{FROM}def f():\n  while True:\n    try:\n      return ask(1)\n    except KeyboardInterrupt:\n      continue"
    ),
    "one after the other": (
        f"{FROM}def f(xs):\n  for x in xs:\n    try:\n      ask(x)\n    except Exception:\n      continue"
    ),
    "the first that works": (
        f"{FROM}def f(xs):\n  for x in xs:\n    try:\n      return ask(x)\n    except Exception:\n      pass"
    ),
    "raised": f"{FROM}def f():\n  while True:\n    try:\n      return ask(1)\n    except Exception:\n      raise",
    "around something else": f"{FROM}from tenacity import retry\n@retry\ndef g(): ...\ndef f():\n  g()\n  ask(1)",
}


@pytest.mark.parametrize("source", NONE.values(), ids=NONE)
def test_no_layer(source: str) -> None:
    assert layers(source) == ()


AGAIN = {
    "for ever": (
        "def f(q, n=0):\n  try:\n    return ask(q)\n  except Exception:\n    sleep(1)\n    return f(q, n + 1)",
        ("all", "same", "endless"),
    ),
    "counted": (
        (
            "def f(q, n=0):\n  try:\n    return ask(q)\n  except RateLimitError:\n    if n > 3:\n      raise\n"
            "    sleep(2**n)\n    return f(q, n + 1)"
        ),
        ("right", "grow", "ends"),
    ),
    "Celery": (
        "from celery import shared_task\n@shared_task(autoretry_for=(Exception,), max_retries=5)\ndef f(q): ask(q)",
        ("all", "same", "ends"),
    ),
    "Celery, by hand": (
        (
            "from celery import shared_task\n@shared_task(bind=True, max_retries=None)\ndef f(self, q):\n  try:\n"
            "    ask(q)\n  except Exception as e:\n    raise self.retry(countdown=2**self.request.retries)"
        ),
        ("unknown", "grow", "endless"),
    ),
}


@pytest.mark.parametrize(("source", "expected"), AGAIN.values(), ids=AGAIN)
def test_functions_that_call_themselves_and_tasks(source: str, expected: tuple[str, str, str]) -> None:
    (layer,) = layers(f"{FROM}{source}")
    assert (layer.repeats, layer.waits, layer.ends) == expected


def test_a_function_that_tries_what_it_is_given_by_calling_itself() -> None:
    source = (
        "async function withRetry(f) { try { return await f() } catch (e) { await sleep(500); return withRetry(f) } }\n"
        "export const g = () => withRetry(() => ask(1))"
    )
    (layer,) = layers(f"import {{ ask }} from './llm';\n{source}", "a.ts")
    assert (layer.repeats, layer.waits, layer.ends) == ("all", "same", "endless")
