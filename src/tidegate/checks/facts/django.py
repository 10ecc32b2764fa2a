"""Middleware that Django's settings name by a text, and what that of libraries does to users.

Read in the packages on 2026-11-22: django-smart-ratelimit 4.12.1 counts every request, by address unless KEY_FUNCTION
says otherwise; that of django-ratelimit 4.1.0 and of django-throttle-requests 0.8.1 only answers for what decorators
refuse.  https://pypi.org/project/django-ratelimit-middleware/: every view, by user or address.
"""

import re
from collections.abc import Iterator
from typing import Final

from tidegate.checks.facts.limiting import Limits, speaks_of_limits
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Found, Program
from tidegate.checks.tree.nodes import Assign, Call, Class, Const, Function, Items, Map, Member, Node
from tidegate.checks.tree.walk import last_name, walk

SMART: Final = "django_smart_ratelimit.middleware.RateLimitMiddleware"
EVERY_VIEW: Final = frozenset({SMART, "django_ratelimit_middleware.middleware.RateLimitMiddleware"})
"""What limits the users of every view by itself."""
_NO_VIEW: Final = frozenset({
    "django_ratelimit.middleware.RatelimitMiddleware", "ratelimit.middleware.RatelimitMiddleware",
    "throttle.middleware.RateLimitMiddleware",
})  # fmt: skip
"""What answers for the limits of decorators, and is none."""

_LISTS: Final = {"MIDDLEWARE", "MIDDLEWARE_CLASSES"}
_GROWING: Final = {"append", "insert", "extend"}
_OPTIONS: Final = "RATELIMIT_MIDDLEWARE"
_ASIDE: Final = re.compile(r"/?(?:static|media|admin|health\w*|metrics|ready\w*|live\w*|ping|favicon.*|robots.*)\b.*")
"""Paths that do not lead to Claude."""


def named_middleware(module: Module) -> Iterator[Const]:
    """Every text in `MIDDLEWARE = […]`, `MIDDLEWARE += […]`, `MIDDLEWARE.insert(0, …)`."""
    if module.language != "python":
        return
    for assign in module.every(Assign):
        if last_name(assign.target) in _LISTS:
            yield from _texts(assign.value)
    for call in module.every(Call):
        if isinstance(call.of, Member) and call.of.name in _GROWING and last_name(call.of.of) in _LISTS:
            yield from _texts(*call.args)


def own_middleware(program: Program, module: Module, name: str) -> Found | None:
    """The class or function of the project that a text names."""
    home, _, last = name.rpartition(".")
    where = program.module_of(module, home) if home else None
    found = program.exported(where, last) if where is not None else None
    return found if found is not None and isinstance(found.node, Class | Function) else None


def limits_of_library(module: Module, name: str) -> Limits:
    """What a middleware that is not the project's does to the users of a view."""
    if name in _NO_VIEW:
        return "no"
    if name in EVERY_VIEW:
        return _of_smart(module) if name == SMART else "yes"
    return "unknown" if speaks_of_limits(name) else "no"


def option(module: Module, name: str) -> Node | None:
    """An entry of `RATELIMIT_MIDDLEWARE = {…}`."""
    tables = (one.value for one in module.every(Assign) if last_name(one.target) == _OPTIONS)
    entries = (entry for table in tables if isinstance(table, Map) for entry in table.entries)
    return next((value for key, value in entries if isinstance(key, Const) and key.value == name), None)


def _of_smart(module: Module) -> Limits:
    """It may only look on, or leave out some paths."""
    block, shadow, skipped = (option(module, name) for name in ("BLOCK", "SHADOW", "SKIP_PATHS"))
    if (isinstance(block, Const) and not block.value) or (isinstance(shadow, Const) and shadow.value):
        return "no"
    plain = skipped is None or (
        isinstance(skipped, Items)
        and all(isinstance(one, Const) and _ASIDE.fullmatch(str(one.value)) for one in skipped.parts)
    )
    return "yes" if plain else "unknown"


def _texts(*nodes: Node) -> Iterator[Const]:
    return (one for one in walk(*nodes) if isinstance(one, Const) and isinstance(one.value, str))
