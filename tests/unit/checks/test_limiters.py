"""What limits users: libraries, own functions, middleware; and whom and where they count."""

import pytest

from tidegate.checks.facts.doors import find_doors
from tidegate.checks.facts.gates import is_exempt, limits_of
from tidegate.checks.facts.limiters import find_limiters
from tidegate.checks.facts.reach import find_reach
from unit.checks.programs import asking, program

KINDS = {
    "Flask-Limiter, kept where the settings say": (
        "a.py",
        "from flask_limiter import Limiter\napp.config['RATELIMIT_STORAGE_URI'] = 'redis://r'\nLimiter(lambda: g.user)",
        "user",
        "shared",
    ),
    "Fastify's, as a plugin": (
        "a.ts",
        "import rateLimit from '@fastify/rate-limit'; app.register(rateLimit, { redis, keyGenerator: (r) => r.user });",
        "user",
        "shared",
    ),
    "slowapi by address": (
        "a.py",
        (
            "from slowapi import Limiter\nfrom slowapi.util import get_remote_address\n"
            "Limiter(key_func=get_remote_address)"
        ),
        "address",
        "process",
    ),
    "slowapi by user": (
        "a.py",
        "from slowapi import Limiter\nLimiter(key_func=lambda r: r.state.user_id, storage_uri='redis://r')",
        "user",
        "shared",
    ),
    "slowapi by a function": (
        "a.py",
        (
            "from slowapi import Limiter\ndef who(request):\n  return request.headers['Authorization']\n"
            "Limiter(key_func=who, storage_uri='memory://')"
        ),
        "user",
        "process",
    ),
    "Flask-Limiter": (
        "a.py",
        "import os\nfrom flask_limiter import Limiter\nLimiter(lambda: g.ip, storage_uri=os.environ['R'])",
        "address",
        "shared",
    ),
    "Flask-Limiter, unclear": (
        "a.py",
        "from flask_limiter import Limiter\nLimiter(choose(), storage_uri=where())",
        "unknown",
        "unknown",
    ),
    "django-ratelimit": (
        "a.py",
        "from django_ratelimit.decorators import ratelimit\n@ratelimit(key='user', rate='5/m')\ndef f(request): ...",
        "user",
        "unknown",
    ),
    "fastapi-limiter": (
        "a.py",
        "from fastapi_limiter.depends import RateLimiter\nRateLimiter(times=5, seconds=60)",
        "address",
        "shared",
    ),
    "express-rate-limit": (
        "a.ts",
        "import rateLimit from 'express-rate-limit'; rateLimit({ limit: 5 })",
        "address",
        "process",
    ),
    "express-rate-limit, right": (
        "a.ts",
        "import { rateLimit } from 'express-rate-limit'; rateLimit({ keyGenerator: (q) => q.user.id, store: s })",
        "user",
        "shared",
    ),
    "rate-limiter-flexible": (
        "a.ts",
        (
            "import { RateLimiterMemory } from 'rate-limiter-flexible'; const l = new RateLimiterMemory({}); "
            "l.consume(req.ip)"
        ),
        "address",
        "process",
    ),
    "Upstash": (
        "a.ts",
        "import { Ratelimit } from '@upstash/ratelimit'; const l = new Ratelimit({}); l.limit(userId)",
        "user",
        "shared",
    ),
}


@pytest.mark.parametrize(("path", "source", "whom", "where"), KINDS.values(), ids=KINDS)
def test_whom_and_where(path: str, source: str, whom: str, where: str) -> None:
    (limiter,) = find_limiters(program({path: source}))
    assert (limiter.whom, limiter.where) == (whom, where)


ASK = (
    "import anthropic\nc = anthropic.Anthropic()\ndef ask(q):\n"
    "  return c.messages.create(model='m', max_tokens=1, messages=[])\n"
)
APP = "from fastapi import FastAPI, Depends, HTTPException\nfrom llm import ask\napp = FastAPI()\n"

LIMITED = {
    "a decorator": (
        f"{APP}from slowapi import Limiter\nlimiter = Limiter()\n@app.post('/x')\n"
        f"@limiter.limit('5/minute')\ndef f(): ask(1)"
    ),
    "a dependency": (
        f"{APP}from fastapi_limiter.depends import RateLimiter\n"
        f"@app.post('/x', dependencies=[Depends(RateLimiter(times=5))])\ndef f(): ask(1)"
    ),
    "a parameter": f"{APP}@app.post('/x')\ndef f(_=Depends(rate_limit)): ask(1)",
    "a call": f"{APP}@app.post('/x')\ndef f(user):\n  check_rate_limit(user)\n  ask(1)",
    "an own answer": (
        f"{APP}@app.post('/x')\ndef f(user):\n  if count(user) > 20:\n    raise HTTPException(429)\n  ask(1)"
    ),
    "on the way": f"{APP}def g(user):\n  throttle(user)\n  ask(1)\n@app.post('/x')\ndef f(user): g(user)",
    "a dependency of its own": f"{APP}def allowed(user):\n  if count(user) > 20:\n"
    f"    raise HTTPException(status_code=429)\n"
    "@app.post('/x')\ndef f(user=Depends(allowed)): ask(1)",
}

OPEN = {
    "nothing": f"{APP}@app.post('/x')\ndef f(): ask(1)",
    "an upstream's answer": (
        f"{APP}import anthropic\n@app.post('/x')\ndef f():\n  try:\n    ask(1)\n"
        f"  except anthropic.RateLimitError:\n    raise HTTPException(429)"
    ),
    "a comparison": f"{APP}@app.post('/x')\ndef f():\n  if ask(1).status == 429:\n    log()",
    "slowing down as a whole": (
        f"{APP}from aiolimiter import AsyncLimiter\nlimiter = AsyncLimiter(5)\n@app.post('/x')\n"
        f"async def f():\n  async with limiter:\n    ask(1)"
    ),
}

OPEN |= {
    "taken off": f"{APP}limiter = make_limiter()\n@app.post('/x')\n@limiter.exempt\ndef f(): ask(1)",
    "a constant": f"{APP}RATELIMIT_ON = False\n@app.post('/x')\ndef f():\n  if RATELIMIT_ON:\n    pass\n  ask(1)",
    "a log": (
        f"{APP}def log_rate_limit_headers(h):\n  log(h)\n@app.post('/x')\ndef f():\n  r = ask(1)\n"
        "  log_rate_limit_headers(r)"
    ),
    "a semaphore": (
        f"{APP}import asyncio\nlimiter = asyncio.Semaphore(5)\n@app.post('/x')\nasync def f():\n"
        "  async with limiter:\n    ask(1)"
    ),
    "documentation": f"{APP}@app.post('/x', responses={{429: {{}}}})\ndef f(): ask(1)",
    "an own function that does nothing": (
        f"{APP}def rate_limit(user):\n  count(user)\n@app.post('/x')\ndef f(user):\n  rate_limit(user)\n  ask(1)"
    ),
}
LIMITED |= {
    "an own decorator": (
        f"{APP}def limited(f):\n  def inner():\n    if count() > 20:\n      return reply(), 429\n    return f()\n"
        "  return inner\n@app.post('/x')\n@limited\ndef f(): ask(1)"
    ),
    "an own dependency of the route": (
        f"{APP}def allow(user):\n  if count(user) > 20:\n    raise HTTPException(status_code=429)\n"
        "@app.post('/x', dependencies=[Depends(allow)])\ndef f(): ask(1)"
    ),
}


@pytest.mark.parametrize(
    ("source", "limited"),
    [*((one, True) for one in LIMITED.values()), *((one, False) for one in OPEN.values())],
    ids=[*LIMITED, *OPEN],
)
def test_doors(source: str, limited: bool) -> None:
    made, found = asking({"llm.py": ASK, "a.py": source})
    reach = find_reach(made, found.requests)
    (door,) = [one for one in find_doors(made) if reach.asks(one.function)]
    assert limits_of(made, reach, door) == ("yes" if limited else "no")


@pytest.mark.parametrize("lines", ["@limiter.exempt", "@SkipThrottle()", "@throttle_classes([])"])
def test_a_door_that_is_taken_out(lines: str) -> None:
    made, _ = asking({"llm.py": ASK, "a.py": f"{APP}@app.post('/x')\n{lines}\ndef f(): ask(1)"})
    (door,) = find_doors(made)
    assert is_exempt(made, door)
