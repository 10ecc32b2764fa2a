"""What limits users before Claude is asked: libraries by name, own functions by theirs, and whom they count.

Seeing a limiter is a hint, not a proof: that it refuses the twenty-first request is for a drill to show.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct

from tidegate.checks.facts.doors import Door
from tidegate.checks.facts.reach import Reach
from tidegate.checks.program.fold import Known, Variable, fold
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Assign, Call, Catch, Class, Const, Exit, Function, Items, Map, Member, Name, Node
from tidegate.checks.tree.walk import last_name, walk

Whom = Literal["user", "address", "everybody", "unknown"]
Where = Literal["shared", "process", "unknown"]

TOO_MANY: Final = 429
_WORD = re.compile(
    r"rate_?limit|ratelimit|throttl|limiter|slowapi|check_?quota|enforce_?quota|user_?quota|consume_?quota",
    re.IGNORECASE,
)
_GLOBAL: Final = (
    "aiolimiter",
    "ratelimit.limits",
    "ratelimit.sleep_and_retry",
    "bottleneck",
    "p-limit",
    "p-throttle",
    "asyncio_throttle",
)
"""Limiters that slow the whole program down, to stay within the API's limits: no user is limited by them."""

_ADDRESS = re.compile(r"remote_?addr|get_?ip|\bip\b|ip_?addr|client\.host|x-?forwarded|host\b", re.IGNORECASE)
_USER = re.compile(
    r"user|account|tenant|session|token|api_?key|subject|\bsub\b|auth|member|customer|org|identity|uid|email",
    re.IGNORECASE,
)


class Limiter(Struct, frozen=True, eq=False):
    """A limiter where it is made, or where an own one is called."""

    module: Module
    node: Call
    name: str
    whom: Whom
    where: Where


def find_limiters(program: Program) -> tuple[Limiter, ...]:
    """Every limiter of a library that the program makes or uses."""
    found = [limiter for module, node in program.every(Call) for limiter in _limiter(program, module, node)]
    return tuple(found)


def _limiter(program: Program, module: Module, call: Call) -> Iterator[Limiter]:
    origin = program.origin(module, call.of)
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
    storage = _named(program, call, "storage_uri")
    return "everybody" if key is None else _whom_of_function(program, module, key), _where(program, module, storage)


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


def is_limiting(program: Program, module: Module, node: Node) -> bool:
    """Whether a name means something that limits users: by its own name, by where it comes from or by what made it."""
    if not isinstance(node, Name | Member):
        return False
    if program.origin(module, node).startswith(_GLOBAL) or _is_global(program, module, node):
        return False
    found = program.find(module, node)
    made = found.node.value if found is not None and isinstance(found.node, Assign) else None
    return _says(program, module, node) or (
        found is not None and isinstance(made, Call) and _says(program, found.module, made.of)
    )


def _says(program: Program, module: Module, node: Node) -> bool:
    """Whether a name or its origin speak of limits."""
    word, origin = last_name(node), program.origin(module, node)
    if word == "RateLimitError" or "RateLimitError" in origin:
        return False
    return bool(_WORD.search(word) or _WORD.search(origin))


def _is_global(program: Program, module: Module, node: Node) -> bool:
    """Whether it is an object of a library that only slows the whole program down."""
    base = node.of if isinstance(node, Member) else node
    for one in (node, base):
        found = program.find(module, one)
        made = found.node.value if found is not None and isinstance(found.node, Assign) else None
        if found is not None and isinstance(made, Call) and program.origin(found.module, made.of).startswith(_GLOBAL):
            return True
    return False


def limits_of(program: Program, reach: Reach, door: Door) -> tuple[Module, Node] | None:
    """What limits users at a door: in its decorators, parameters and registration, or on the way to Claude."""
    for module, root in _places(program, reach, door):
        for node in walk(root):
            if isinstance(node, Name | Member) and is_limiting(program, module, node):
                return module, node
            if isinstance(node, Function) and any(_WORD.search(param.kind) for param in node.params):
                return module, node
            if isinstance(node, Const) and node.value == TOO_MANY and _answers(module, node):
                return module, node
    return None


def _answers(module: Module, node: Const) -> bool:
    """Whether a status is what the program answers by itself, not what it was answered or passes on."""
    if not isinstance(module.up.get(node), Call | Items | Map | Exit):
        return False
    return not any(isinstance(one, Catch) for one in module.above(node))


def _places(program: Program, reach: Reach, door: Door) -> Iterator[tuple[Module, Node]]:
    """Where a limiter of this door may stand: it, the class around it, what registers it, what it calls."""
    yield door.module, door.function
    owner = door.module.class_of(door.function)
    if owner is not None:
        yield from (
            (door.module, one) for one in (*owner.decorators, *(one for one in owner.body if isinstance(one, Assign)))
        )
    if door.registered is not None:  # app.post("/x", limiter, handler)
        where = next((one for one in program.modules.values() if door.registered in one.up), door.module)
        arguments = (*door.registered.args, *(value for _, value in door.registered.named))
        yield from ((where, one) for one in arguments if one is not door.function)
    seen: set[Function] = {door.function}
    waiting = [door.function]
    while waiting:
        for site in reach.sites.get(waiting.pop(), ()):
            if site.to is not None and site.to not in seen:
                seen.add(site.to)
                waiting.append(site.to)
                yield reach.home[site.to], site.to
    yield from _depended(program, door)


def _depended(program: Program, door: Door) -> Iterator[tuple[Module, Node]]:
    """`Depends(current_user)`: the functions that a parameter's default names."""
    for param in door.function.params:
        for node in walk(param):
            if isinstance(node, Call):
                for argument in node.args:
                    found = program.find(door.module, argument)
                    if found is not None and isinstance(found.node, Function | Class):
                        yield found.module, found.node
