"""What limits more than one door: middleware, routers, default limits, throttles in settings.

Middleware that asks for the path may limit some doors only; which of them is not told from its code.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from tidegate.checks.facts import slowapi
from tidegate.checks.facts.configured import configured
from tidegate.checks.facts.django import limits_of_library, named_middleware, own_middleware
from tidegate.checks.facts.doors import Door
from tidegate.checks.facts.limiting import (
    Limits,
    best,
    given_to,
    is_limiting,
    limits_handed,
    limits_in,
    named_functions,
)
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Assign, Call, Class, Const, Function, Items, Map, Member, Node
from tidegate.checks.tree.walk import last_name, walk

_ALL: Final = {"use", "add_middleware", "init_app", "addHook", "FastAPI", "Hono", "Limiter", "plugin"}
_SCRIPTS: Final = {"register", "route"}
"""In Python these say nothing: a class is registered, a route is one."""
_BEFORE: Final = {"middleware", "before_request"}
"""Decorators of what runs before every route."""
_PATHS: Final = {"path", "url", "pathname", "originalUrl", "endpoint", "nextUrl", "raw_path", "path_info"}
_OF_FLASK: Final = ("RATELIMIT_DEFAULT", "RATELIMIT_APPLICATION")
"""Settings of Flask-Limiter 4.1.1 that limit every route."""
_ROUTERS: Final = {"APIRouter", "Router", "Blueprint"}
_MIDDLEWARE: Final = re.compile(r"(?:^|.*/)(?:middleware|proxy|hooks\.server)\.[jt]s")


class Wide(Struct, frozen=True, eq=False):
    """A limit that may stand before many doors."""

    module: Module
    call: Call | None
    """`app.use(limiter)` and its like; None: it stands before all doors of its application."""
    limits: Limits = "yes"
    """`unknown`: it may be no limit, or not one for all."""


def find_wide(program: Program) -> tuple[Wide, ...]:
    """Every such limit of a program."""
    return tuple(one for module in program.modules.values() for one in _of_module(program, module))


def limits_around(program: Program, wide: Iterable[Wide], folder: str, door: Door) -> Limits:
    """Whether something in an application limits this door among others."""
    near = (one for one in wide if folder == "." or one.module.path.startswith(f"{folder}/"))
    return best(_both(one.limits, _covers(program, one, door)) for one in near)


def _both(limits: Limits, covers: Limits) -> Limits:
    """What a limit that may be one is to a door that it may cover."""
    return covers if limits == "yes" else "no" if "no" in {limits, covers} else "unknown"


def _of_module(program: Program, module: Module) -> Iterator[Wide]:
    words = _ALL | _ROUTERS | {"include_router"} | (_SCRIPTS if module.language != "python" else set())
    for call in module.every(Call):
        if last_name(call.of) in words and (limits := _limits(program, module, call)) != "no":
            yield Wide(module, call, limits)
    for function in module.every(Function):
        for decorator in function.decorators:
            before = _before_all(decorator)
            if before is not None and (limits := _of_middleware(program, module, function)) != "no":
                yield Wide(module, before, limits)
    if any(_guards_all(program, module, table) for table in module.every(Map)):
        yield Wide(module, None)
    settings = (_of_defaults(module), _of_flask(program, module), _of_django(program, module))
    limits = best((*settings, _of_file(program, module)))
    if limits != "no":
        yield Wide(module, None, limits)


def _before_all(decorator: Node) -> Call | None:
    """`@app.middleware("http")`, `@app.before_request`, as the call that registers it."""
    of = decorator.of if isinstance(decorator, Call) else decorator
    if not isinstance(of, Member) or of.name not in _BEFORE:
        return None
    return Call(decorator.at, of, ())


def _of_middleware(program: Program, module: Module, function: Function | Class) -> Limits:
    """What a middleware does to users; one that asks for the path may do it to some of them."""
    limits = limits_in(program, module, function)
    chooses = any(isinstance(one, Member) and one.name in _PATHS for one in walk(function))
    return "unknown" if limits == "yes" and chooses else limits


def _of_defaults(module: Module) -> Limits:
    """`"DEFAULT_THROTTLE_CLASSES": ["…UserRateThrottle"]` of Django's REST framework."""
    values = [value for table in module.every(Map) for key, value in table.entries if _is_default(key)]
    named = [one for one in module.every(Const) if _is_default(one)]
    if not named:
        return "no"
    if not values:
        return "unknown"
    return best("yes" if not isinstance(one, Items) or one.parts else "no" for one in values)


def _of_flask(program: Program, module: Module) -> Limits:
    """`app.config["RATELIMIT_DEFAULT"] = "20/minute"` of Flask-Limiter: default limits of its limiter."""
    used = any("flask_limiter" in one.imported for one in program.modules.values())
    values = (value for name in _OF_FLASK for value in configured(module, name)) if used else ()
    return best("no" if isinstance(value, Const) and not value.value else "yes" for value in values)


def _of_django(program: Program, module: Module) -> Limits:
    """`MIDDLEWARE = ["shop.limits.PerUser"]` of Django, where the text names a class."""
    return best(_of_text(program, module, str(one.value)) for one in named_middleware(module))


def _of_text(program: Program, module: Module, name: str) -> Limits:
    own = own_middleware(program, module, name)
    if own is None:
        return limits_of_library(module, name)
    assert isinstance(own.node, Function | Class)
    return _of_middleware(program, own.module, own.node)


def _is_default(node: Node | None) -> bool:
    return isinstance(node, Const) and node.value == "DEFAULT_THROTTLE_CLASSES"


def _of_file(program: Program, module: Module) -> Limits:
    """What Next.js runs before every route, or before those that a matcher chooses."""
    if not _MIDDLEWARE.fullmatch(module.path):
        return "no"
    limits = limits_in(program, module, module.root)
    chooses = any(
        isinstance(key, Const) and key.value == "matcher" for one in module.every(Map) for key, _ in one.entries
    )
    return "unknown" if limits == "yes" and chooses else limits


def _guards_all(program: Program, module: Module, table: Map) -> bool:
    """`{ provide: APP_GUARD, useClass: ThrottlerGuard }` of NestJS."""
    given = {key.value: value for key, value in table.entries if isinstance(key, Const)}
    guard = given.get("useClass") or given.get("useExisting")
    return last_name(given.get("provide")) == "APP_GUARD" and guard is not None and is_limiting(program, module, guard)


def _covers(program: Program, wide: Wide, door: Door) -> Limits:
    module, call = wide.module, wide.call
    if call is None:
        return "yes"
    word = last_name(call.of)
    if word in _ROUTERS:
        return _said(module is door.module)
    if word == "include_router":
        router = program.find(module, call.args[0]) if call.args else None
        return _said(router is not None and router.module is door.module)
    if word in {"use", "route"} and call.args and isinstance(call.args[0], Const):
        return _of_path(module, str(call.args[0].value), door)
    if isinstance(call.of, Member) and _is_router(program, module, call.of):
        return _said(module is door.module)
    return "yes"


def _said(covers: bool) -> Limits:
    return "yes" if covers else "no"


def _limits(program: Program, module: Module, call: Call) -> Limits:
    """What a registration does to users, by what it is given."""
    if slowapi.is_limiter(program, module, call):
        return "no"  # its middleware, or decorators, do what it says
    if slowapi.names_middleware(program, module, *given_to(call)):
        return slowapi.limits_of_all(program, module)
    if last_name(call.of) == "Limiter":
        defaults = [value for name, value in call.named if name in {"default_limits", "application_limits"}]
        return best("yes" if not isinstance(one, Items) or one.parts else "no" for one in defaults)
    parts = given_to(call)
    said = [limits_handed(program, module, part) for part in parts]
    said.append(limits_in(program, module, *(part for part in parts if not isinstance(part, Function))))
    if last_name(call.of) not in {*_SCRIPTS, "plugin"}:  # what these are given may be the routes themselves
        said.extend(_of_middleware(program, module, part) for part in parts if isinstance(part, Function))
        said.extend(_of_middleware(program, where, one) for where, one in named_functions(program, module, *parts))
    return best(said)


def _of_path(module: Module, path: str, door: Door) -> Limits:
    """`app.use("/api", limiter)`; the routes of other files may be mounted anywhere."""
    prefix = path.rstrip("/*")
    route = door.name.rpartition(" ")[2]
    if route == prefix or route.startswith(f"{prefix}/"):
        return "yes"
    return "no" if module is door.module else "unknown"


def _is_router(program: Program, module: Module, of: Member) -> bool:
    """Whether `x` in `x.use` is a router, which has some of the routes."""
    found = program.find(module, of.of)
    made = found.node.value if found is not None and isinstance(found.node, Assign) else None
    return isinstance(made, Call) and last_name(made.of) in _ROUTERS
