"""What limits more than one door: middleware, routers, default limits, throttles in settings."""

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal

from msgspec import Struct

from tidegate.checks.facts.doors import Door
from tidegate.checks.facts.limiters import is_limiting
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Assign, Call, Const, Map, Member, Name
from tidegate.checks.tree.walk import last_name, walk

Covers = Literal["yes", "no", "unknown"]

_ALL: Final = {"use", "add_middleware", "init_app", "addHook", "FastAPI", "Hono", "Limiter", "plugin"}
_SCRIPTS: Final = {"register", "route"}
"""In Python these say nothing: a class is registered, a route is one."""
_ROUTERS: Final = {"APIRouter", "Router", "Blueprint"}
_MIDDLEWARE: Final = re.compile(r"(?:^|.*/)(?:middleware|proxy|hooks\.server)\.[jt]s")


class Wide(Struct, frozen=True, eq=False):
    """A limit that may stand before many doors."""

    module: Module
    call: Call | None
    """`app.use(limiter)` and its like; None: it stands before all doors of its application."""


def find_wide(program: Program) -> tuple[Wide, ...]:
    """Every such limit of a program."""
    return tuple(one for module in program.modules.values() for one in _of_module(program, module))


def limits_around(program: Program, wide: Iterable[Wide], folder: str, door: Door) -> Covers:
    """Whether something in an application limits this door among others."""
    said = {_covers(program, one, door) for one in wide if folder == "." or one.module.path.startswith(f"{folder}/")}
    order: tuple[Covers, ...] = ("yes", "unknown")
    return next((one for one in order if one in said), "no")


def _of_module(program: Program, module: Module) -> Iterator[Wide]:
    words = _ALL | _ROUTERS | {"include_router"} | (_SCRIPTS if module.language != "python" else set())
    for call in module.every(Call):
        if last_name(call.of) in words and _limits(program, module, call):
            yield Wide(module, call)
    throttles = any(one.value == "DEFAULT_THROTTLE_CLASSES" for one in module.every(Const))
    names = (*module.every(Name), *module.every(Member)) if _MIDDLEWARE.fullmatch(module.path) else ()
    guards = any(_guards_all(program, module, table) for table in module.every(Map))
    if throttles or guards or any(is_limiting(program, module, name) for name in names):
        yield Wide(module, None)


def _guards_all(program: Program, module: Module, table: Map) -> bool:
    """`{ provide: APP_GUARD, useClass: ThrottlerGuard }` of NestJS."""
    given = {key.value: value for key, value in table.entries if isinstance(key, Const)}
    guard = given.get("useClass") or given.get("useExisting")
    return last_name(given.get("provide")) == "APP_GUARD" and guard is not None and is_limiting(program, module, guard)


def _covers(program: Program, wide: Wide, door: Door) -> Covers:
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


def _said(covers: bool) -> Covers:
    return "yes" if covers else "no"


def _limits(program: Program, module: Module, call: Call) -> bool:
    if last_name(call.of) == "Limiter":
        return any(name in {"default_limits", "application_limits"} for name, _ in call.named)
    parts = (*call.args, *(value for _, value in call.named))
    return any(is_limiting(program, module, node) for part in parts for node in walk(part))


def _of_path(module: Module, path: str, door: Door) -> Covers:
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
