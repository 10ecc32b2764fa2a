"""What limits more than one door: middleware, routers, default limits, throttles in settings."""

import re
from collections.abc import Iterator
from typing import Final, Literal

from tidegate.checks.facts.doors import Door
from tidegate.checks.facts.limiters import is_limiting
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Assign, Call, Const, Member, Name
from tidegate.checks.tree.walk import last_name, walk

Covers = Literal["yes", "no", "unknown"]

_ALL: Final = {"use", "add_middleware", "init_app", "addHook", "FastAPI", "Hono", "Limiter", "plugin"}
_SCRIPTS: Final = {"register", "route"}
"""In Python these say nothing: a class is registered, a route is one."""
_ROUTERS: Final = {"APIRouter", "Router", "Blueprint"}
_MIDDLEWARE: Final = re.compile(r"(?:^|.*/)(?:middleware|proxy|hooks\.server)\.[jt]s")


def limits_around(program: Program, folder: str, door: Door) -> Covers:
    """Whether something in an application limits this door among others."""
    said = [
        covers
        for module in program.modules.values()
        if folder == "." or module.path.startswith(f"{folder}/")
        for covers in _of_module(program, module, door)
    ]
    order: tuple[Covers, ...] = ("yes", "unknown")
    return next((one for one in order if one in said), "no")


def _of_module(program: Program, module: Module, door: Door) -> Iterator[Covers]:
    for call in module.every(Call):
        yield _of_call(program, module, call, door)
    if any(one.value == "DEFAULT_THROTTLE_CLASSES" for one in module.every(Const)):
        yield "yes"
    names = (*module.every(Name), *module.every(Member)) if _MIDDLEWARE.fullmatch(module.path) else ()
    if any(is_limiting(program, module, name) for name in names):
        yield "yes"


def _of_call(program: Program, module: Module, call: Call, door: Door) -> Covers:
    """What `app.use(limiter)` and its like mean for a door."""
    word = last_name(call.of)
    scripts = module.language != "python" and word in _SCRIPTS
    if not (scripts or word in _ALL or word in _ROUTERS or word == "include_router") or not _limits(
        program, module, call
    ):
        return "no"
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
