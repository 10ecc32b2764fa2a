"""What limits more than one door, and which of them."""

import pytest

from tidegate.checks.facts.doors import find_doors
from tidegate.checks.facts.wide import find_wide, limits_around
from unit.checks.programs import program

FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n@app.post('/api/x')\ndef f(): ..."
EXPRESS = "import express from 'express'; const app = express(); app.post('/api/x', (q, r) => {})"
ROUTER = "import express from 'express'; export const routes = express.Router(); routes.post('/x', (q, r) => {})"
API = "from fastapi import APIRouter\nrouter = APIRouter({})\n@router.post('/x')\ndef f(): ..."
LIMIT = "import rateLimit from 'express-rate-limit'; const limit = rateLimit({});"

NEST = "import { Post } from '@nestjs/common';\nexport class C { @Post('ask') f() {} }"
GUARD = "import { ThrottlerGuard } from '@nestjs/throttler'; const p = [{ provide: %s, useClass: ThrottlerGuard }]"
SLOW = "from slowapi.middleware import SlowAPIMiddleware as Slow\na.add_middleware(Slow)\n"
MADE = "from slowapi import Limiter\nlimiter = Limiter(who%s)\n"
VIEW = "import django\ndef f(request): ..."
SMART = "MIDDLEWARE = ['django_smart_ratelimit.middleware.RateLimitMiddleware']"
OWN = (
    "class PerUser:\n  def __call__(self, r):\n    if count(r):\n      return JsonResponse({}, status=429)\n"
    "    return self.go(r)"
)
OWN_BY_PATH = OWN.replace("count(r)", "r.path == '/x' and count(r)")
NO_LIMIT = "class RateLimitLog:\n  def __call__(self, r):\n    return self.go(r)\n"

COVERS = {
    "a guard of NestJS": ({"a.ts": NEST, "b.ts": GUARD % "APP_GUARD"}, "yes"),
    "a guard of NestJS under another name": ({"a.ts": NEST, "b.ts": GUARD % "LIMITS"}, "no"),
    "middleware of a limiter that is not seen": ({"a.py": FASTAPI, "b.py": SLOW}, "unknown"),
    "middleware with default limits": ({"a.py": FASTAPI, "b.py": SLOW + MADE % ", default_limits=['5/minute']"}, "yes"),
    "by their place": ({"a.py": FASTAPI, "b.py": SLOW + MADE % ", ['5/minute']"}, "yes"),
    "with a limit for the application": (
        {"a.py": FASTAPI, "b.py": SLOW + MADE % ", application_limits=['9/hour']"},
        "yes",
    ),
    "middleware without default limits": ({"a.py": FASTAPI, "b.py": SLOW + MADE % ""}, "no"),
    "with none": ({"a.py": FASTAPI, "b.py": SLOW + MADE % ", default_limits=[]"}, "no"),
    "with a file of settings": ({"a.py": FASTAPI, "b.py": SLOW + MADE % ", config_filename='.env'"}, "unknown"),
    "in a list of middleware": (
        {"a.py": FASTAPI, "b.py": f"{SLOW[: SLOW.index('a.add')]}FastAPI(middleware=[Middleware(Slow)])\n{MADE % ''}"},
        "no",
    ),
    "the limiter of the application": (
        {"a.py": FASTAPI, "b.py": SLOW + MADE % ", ['5/minute']" + "app.state.limiter = limiter", "c.py": MADE % ""},
        "yes",
    ),
    "one of several limiters": (
        {"a.py": FASTAPI, "b.py": SLOW + MADE % ", ['5/minute']", "c.py": MADE % ""},
        "unknown",
    ),
    "default limits without middleware": ({"a.py": FASTAPI, "b.py": MADE % ", default_limits=['5/minute']"}, "no"),
    "a text in Django's settings": (
        {"a.py": VIEW, "settings.py": "MIDDLEWARE = ['shop.limits.PerUser']", "shop/limits.py": OWN},
        "yes",
    ),
    "one that asks for the path": (
        {"a.py": VIEW, "settings.py": "MIDDLEWARE = ['shop.limits.PerUser']", "shop/limits.py": OWN_BY_PATH},
        "unknown",
    ),
    "added to Django's settings": (
        {"a.py": VIEW, "settings.py": "MIDDLEWARE.insert(0, 'shop.limits.PerUser')", "shop/limits.py": OWN},
        "yes",
    ),
    "an own one that limits nobody": (
        {"a.py": VIEW, "settings.py": "MIDDLEWARE = ['shop.limits.RateLimitLog']", "shop/limits.py": NO_LIMIT},
        "no",
    ),
    "a library for Django": ({"a.py": VIEW, "settings.py": SMART}, "yes"),
    "a library for Django that only looks on": (
        {"a.py": VIEW, "settings.py": f"{SMART}\nRATELIMIT_MIDDLEWARE = {{'SHADOW': True}}"},
        "no",
    ),
    "a library for Django that skips what is aside": (
        {"a.py": VIEW, "settings.py": f"{SMART}\nRATELIMIT_MIDDLEWARE = {{'SKIP_PATHS': ['/admin/', '/health/']}}"},
        "yes",
    ),
    "a library for Django that skips more": (
        {"a.py": VIEW, "settings.py": f"{SMART}\nRATELIMIT_MIDDLEWARE = {{'SKIP_PATHS': ['/api/chat/']}}"},
        "unknown",
    ),
    "what only answers for decorators": (
        {"a.py": VIEW, "settings.py": "MIDDLEWARE = ['django_ratelimit.middleware.RatelimitMiddleware']"},
        "no",
    ),
    "a library that is not known": (
        {"a.py": VIEW, "settings.py": "MIDDLEWARE = ['acme.middleware.ThrottleMiddleware']"},
        "unknown",
    ),
    "other middleware": (
        {"a.py": VIEW, "settings.py": "MIDDLEWARE = ['django.middleware.csrf.CsrfViewMiddleware']"},
        "no",
    ),
    "own middleware": (
        {
            "a.py": f"{FASTAPI}\n@app.middleware('http')\nasync def m(q, go):\n  if count(q) > 9:\n"
            "    return reply(status_code=429)\n  return await go(q)"
        },
        "yes",
    ),
    "own middleware that asks for the path": (
        {
            "a.py": f"{FASTAPI}\n@app.middleware('http')\nasync def m(q, go):\n  if q.url.path == '/y' and count(q):\n"
            "    return reply(status_code=429)\n  return await go(q)"
        },
        "unknown",
    ),
    "default limits": (
        {"a.py": FASTAPI, "b.py": "from flask_limiter import Limiter\nLimiter(f, default_limits=['5/minute'])"},
        "yes",
    ),
    "a limiter without defaults": ({"a.py": FASTAPI, "b.py": "from flask_limiter import Limiter\nLimiter(f)"}, "no"),
    "default limits in the settings of Flask": (
        {"a.py": FASTAPI, "b.py": "from flask_limiter import Limiter\napp.config['RATELIMIT_DEFAULT'] = '5/minute'"},
        "yes",
    ),
    "in a class of settings": (
        {
            "a.py": FASTAPI,
            "b.py": "import flask_limiter",
            "c.py": "class Config:\n  RATELIMIT_APPLICATION = '5/minute'",
        },
        "yes",
    ),
    "none in them": (
        {"a.py": FASTAPI, "b.py": "import flask_limiter\napp.config.update(RATELIMIT_DEFAULT=None)"},
        "no",
    ),
    "settings of another library": ({"a.py": FASTAPI, "b.py": "RATELIMIT_DEFAULT = '5/minute'"}, "no"),
    "Django REST": (
        {"a.py": FASTAPI, "settings.py": "REST_FRAMEWORK = {'DEFAULT_THROTTLE_CLASSES': ['x.UserRateThrottle']}"},
        "yes",
    ),
    "a model in Django's admin": ({"a.py": FASTAPI, "b.py": "admin.site.register(RateLimitRecord)"}, "no"),
    "its router": ({"a.py": API.format("dependencies=[Depends(rate_limit)]")}, "yes"),
    "another router": ({"a.py": FASTAPI, "b.py": "APIRouter(dependencies=[Depends(rate_limit)])"}, "no"),
    "where it is included": (
        {
            "a.py": API.format(""),
            "b.py": "from a import router\napp.include_router(router, dependencies=[Depends(rate_limit)])",
        },
        "yes",
    ),
    "where another is included": (
        {
            "a.py": FASTAPI,
            "b.py": "from x import router\napp.include_router(router, dependencies=[Depends(rate_limit)])",
        },
        "no",
    ),
    "Express": ({"a.ts": f"{LIMIT}{EXPRESS}; app.use(limit)"}, "yes"),
    "Fastify": ({"a.ts": f"{EXPRESS}; app.register(rateLimit, {{ max: 5 }})"}, "yes"),
    "a path above": ({"a.ts": f"{LIMIT}{EXPRESS}; app.use('/api', limit)"}, "yes"),
    "another path": ({"a.ts": f"{LIMIT}{EXPRESS}; app.use('/login', limit)"}, "no"),
    "a path that only begins so": ({"a.ts": f"{LIMIT}{EXPRESS}; app.use('/ap', limit)"}, "no"),
    "a path elsewhere": ({"a.ts": ROUTER, "b.ts": f"{LIMIT} app.use('/chat', limit, routes)"}, "unknown"),
    "the router itself": ({"a.ts": f"{LIMIT}{ROUTER}; routes.use(limit)"}, "yes"),
    "a router of another file": ({"a.ts": ROUTER, "b.ts": f"{LIMIT} const r = express.Router(); r.use(limit)"}, "no"),
    "Next.js": (
        {
            "a.ts": EXPRESS,
            "middleware.ts": "import { ratelimit } from './x'; export async function middleware(r) "
            "{ await ratelimit.limit(r.ip) }",
        },
        "yes",
    ),
}


@pytest.mark.parametrize(("files", "covers"), COVERS.values(), ids=COVERS)
def test_what_stands_around_a_door(files: dict[str, str], covers: str) -> None:
    made = program(files)
    (door,) = [one for one in find_doors(made) if one.module.path in {"a.py", "a.ts"}]
    assert limits_around(made, find_wide(made), ".", door) == covers


def test_another_application_of_the_repository_counts_for_nothing() -> None:
    made = program({"services/x/a.ts": EXPRESS, "web/b.ts": f"{LIMIT}{EXPRESS}; app.use(limit)"})
    door = next(one for one in find_doors(made) if one.module.path == "services/x/a.ts")
    assert limits_around(made, find_wide(made), "services/x", door) == "no"
    assert limits_around(made, find_wide(made), ".", door) == "yes"
