"""Limiters of libraries that are known: whom they count, and where they keep their counts."""

import re
from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct

from tidegate.checks.facts.configured import configured
from tidegate.checks.facts.django import EVERY_VIEW, SMART, named_middleware, option
from tidegate.checks.facts.jobs import Pace, find_paces
from tidegate.checks.program.fold import Known, Variable, fold
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Assign, Call, Const, Map, Member, Name, Node
from tidegate.checks.tree.walk import walk

Whom = Literal["user", "address", "everybody", "unknown"]
Where = Literal["shared", "process", "unknown"]

_ADDRESS = re.compile(r"remote_?addr|get_?ip|\bip\b|ip_?addr|client\.host|x-?forwarded|host\b", re.IGNORECASE)
_USER = re.compile(
    r"user|account|tenant|session|token|api_?key|subject|\bsub\b|auth|member|customer|org|identity|uid|email",
    re.IGNORECASE,
)


class Limiter(Struct, frozen=True, eq=False):
    """A limiter where it is made or asked."""

    module: Module
    node: Node
    name: str
    whom: Whom
    where: Where
    paces: bool = False
    """Whether it holds a queue back as a whole, and can count nobody by himself."""


def find_limiters(program: Program) -> tuple[Limiter, ...]:
    """Every limiter of a library that the program makes or uses."""
    found = [limiter for module, node in program.every(Call) for limiter in _limiter(program, module, node)]
    found.extend(_of_settings(program))
    found.extend(_of_queue(pace) for pace in find_paces(program))
    return tuple(found)


def _of_settings(program: Program) -> Iterator[Limiter]:
    """Middleware of Django that settings name by a text."""
    for module in program.modules.values():
        for one in named_middleware(module):
            if one.value == SMART:
                key = option(module, "KEY_FUNCTION")
                whom: Whom = "address" if key is None else _whom(module, key)
                yield Limiter(module, one, "django-smart-ratelimit", whom, "unknown")
            elif one.value in EVERY_VIEW:
                yield Limiter(module, one, str(one.value).partition(".")[0], "user", "unknown")


def _of_queue(pace: Pace) -> Limiter:
    """The limiter of a queue: it is kept in Redis, and counts the whole queue, or groups of jobs."""
    whom: Whom = "everybody" if pace.by is None else _whom(pace.module, pace.by)
    return Limiter(pace.module, pace.node, pace.name, whom, "shared", paces=pace.by is None)


def _limiter(program: Program, module: Module, call: Call) -> Iterator[Limiter]:
    plugin = isinstance(call.of, Member) and call.of.name == "register" and bool(call.args)
    origin = program.origin(module, call.args[0] if plugin else call.of)  # app.register(rateLimit, { max: 20 })
    for pattern, name, judge in _LIBRARIES:
        if pattern.fullmatch(origin):
            whom, where = judge(program, module, call)
            yield Limiter(module, call, name, whom, where)
            return
    if isinstance(call.of, Member) and call.of.name in {"consume", "limit"} and call.args:
        found = program.find(module, call.of.of)
        made = found.node.value if found is not None and isinstance(found.node, Assign) else None
        made_by = program.origin(found.module, made.of) if found is not None and isinstance(made, Call) else ""
        if made_by.startswith(("rate-limiter-flexible", "@upstash/ratelimit", "upstash_ratelimit")):
            memory = "Memory" in made_by
            yield Limiter(
                module, call, made_by.partition(".")[0], _whom(module, call.args[0]), "process" if memory else "shared"
            )


def _named(program: Program, call: Call, *names: str) -> Node | None:
    for argument in call.args:
        if isinstance(argument, Map):
            for key, value in argument.entries:
                if isinstance(key, Const) and key.value in names:
                    return value
    del program
    return next((value for name, value in call.named if name in names), None)


def _by_key_function(program: Program, module: Module, call: Call) -> tuple[Whom, Where]:
    """Slowapi and Flask-Limiter."""
    key = _named(program, call, "key_func") or next((one for one in call.args if not isinstance(one, Const)), None)
    storage = _named(program, call, "storage_uri") or _named_in_settings(program, call, module)
    return "everybody" if key is None else _whom_of_function(program, module, key), _where(program, module, storage)


def _named_in_settings(program: Program, call: Call, module: Module) -> Node | None:
    """`app.config["RATELIMIT_STORAGE_URI"] = …` of Flask-Limiter, when it is written in one place."""
    if not program.origin(module, call.of).startswith("flask_limiter."):
        return None
    given = [value for one in program.modules.values() for value in configured(one, "RATELIMIT_STORAGE_URI")]
    return given[0] if len(given) == 1 else None


def _where(program: Program, module: Module, storage: Node | None) -> Where:
    if storage is None:
        return "process"
    value = fold(program, module, storage)
    if isinstance(value, Known):
        return "process" if str(value.value).startswith("memory") else "shared"
    return "shared" if isinstance(value, Variable) else "unknown"


def _express(program: Program, module: Module, call: Call) -> tuple[Whom, Where]:
    key = _named(program, call, "keyGenerator")
    whom: Whom = "address" if key is None else _whom_of_function(program, module, key)
    return whom, "process" if _named(program, call, "store") is None else "shared"


def _django(program: Program, module: Module, call: Call) -> tuple[Whom, Where]:
    key = _named(program, call, "key")
    text = key.value if isinstance(key, Const) and isinstance(key.value, str) else ""
    if text:
        return "user" if "user" in text else "address" if text == "ip" else "unknown", "unknown"
    return "unknown" if key is None else _whom_of_function(program, module, key), "unknown"


def _fastapi(program: Program, module: Module, call: Call) -> tuple[Whom, Where]:
    key = _named(program, call, "identifier")
    return "address" if key is None else _whom_of_function(program, module, key), "shared"


def _fastify(program: Program, module: Module, call: Call) -> tuple[Whom, Where]:
    key = _named(program, call, "keyGenerator")
    whom: Whom = "address" if key is None else _whom_of_function(program, module, key)
    return whom, "process" if _named(program, call, "redis", "store") is None else "shared"


_LIBRARIES: Final = (
    (re.compile(r"slowapi\.(?:extension\.)?Limiter"), "slowapi", _by_key_function),
    (re.compile(r"flask_limiter\.(?:extension\.)?Limiter"), "Flask-Limiter", _by_key_function),
    (re.compile(r"(?:django_)?ratelimit\.decorators\.ratelimit"), "django-ratelimit", _django),
    (re.compile(r"fastapi_limiter\.depends\.(?:WebSocket)?RateLimiter"), "fastapi-limiter", _fastapi),
    (re.compile(r"express-rate-limit(?:\.(?:default|rateLimit))?"), "express-rate-limit", _express),
    (re.compile(r"hono-rate-limiter\.rateLimiter"), "hono-rate-limiter", _express),
    (re.compile(r"@fastify/rate-limit(?:\.default)?"), "@fastify/rate-limit", _fastify),
)


def _whom_of_function(program: Program, module: Module, node: Node) -> Whom:
    """Whom a key function tells apart, by the words in it."""
    origin = program.origin(module, node)
    if origin.endswith(("get_remote_address", "get_ipaddr")):
        return "address"
    found = program.find(module, node)
    target = found.node.value if found is not None and isinstance(found.node, Assign) else found.node if found else node
    return _whom(found.module if found else module, target)


def _whom(module: Module, node: Node) -> Whom:
    del module
    words = " ".join(_words(node))
    if _USER.search(words):
        return "user"
    return "address" if _ADDRESS.search(words) else "unknown"


def _words(node: Node) -> Iterator[str]:
    for one in walk(node):
        if isinstance(one, Name):
            yield one.id
        elif isinstance(one, Member):
            yield one.name
        elif isinstance(one, Const) and isinstance(one.value, str):
            yield one.value
