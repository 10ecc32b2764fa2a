"""slowapi: its middleware applies the limits that the limiter has for all routes, and those without it do nothing.

Read in slowapi 0.1.10: `SlowAPIMiddleware` asks `app.state.limiter`, whose `default_limits` and `application_limits`
are empty unless given; without the middleware only routes with `@limiter.limit` are counted.
"""

from collections.abc import Iterator

from tidegate.checks.facts.limiting import Limits, best
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Found, Program
from tidegate.checks.tree.nodes import Assign, Call, Items, Member, Name, Node
from tidegate.checks.tree.walk import last_name, walk

_LIMITERS = frozenset({"slowapi.Limiter", "slowapi.extension.Limiter"})
_GIVEN = ("default_limits", "application_limits")
_FILE = "config_filename"


def names_middleware(program: Program, module: Module, *nodes: Node) -> bool:
    """Whether slowapi's middleware is named, as in `app.add_middleware(SlowAPIMiddleware)`."""
    names = (one for one in walk(*nodes) if isinstance(one, Name | Member))
    return any(_is_middleware(program.origin(module, one)) for one in names)


def is_limiter(program: Program, module: Module, call: Call) -> bool:
    """Whether a call makes slowapi's limiter."""
    return program.origin(module, call.of) in _LIMITERS


def limits_of_all(program: Program, module: Module) -> Limits:
    """What the limiter of an application does to routes that name none; `module`: where the middleware is added."""
    said = {_of_limiter(one.node) for one in _limiters(program, module) if isinstance(one.node, Call)}
    return said.pop() if len(said) == 1 else "unknown"


def _limiters(program: Program, module: Module) -> list[Found]:
    """The limiter that the module sets as `app.state.limiter`; else every one of the program."""
    own = [found for one in module.every(Assign) if _is_state(one.target) for found in _made(program, module, one)]
    return own or [Found(where, call) for where, call in program.every(Call) if is_limiter(program, where, call)]


def _is_state(target: Node) -> bool:
    return isinstance(target, Member) and target.name == "limiter" and last_name(target.of) == "state"


def _made(program: Program, module: Module, assign: Assign) -> Iterator[Found]:
    """Where what is assigned is made."""
    found = program.find(module, assign.value)
    value = found.node.value if found is not None and isinstance(found.node, Assign) else assign.value
    where = found.module if found is not None else module
    if isinstance(value, Call) and is_limiter(program, where, value):
        yield Found(where, value)


def _of_limiter(call: Call) -> Limits:
    named = dict(call.named)
    if None in named or _FILE in named:
        return "unknown"
    given = [*call.args[1:3], *(named[name] for name in _GIVEN if name in named)]
    return best("yes" if not isinstance(one, Items) or one.parts else "no" for one in given)


def _is_middleware(origin: str) -> bool:
    return origin.startswith("slowapi.") and origin.endswith(("SlowAPIMiddleware", "SlowAPIASGIMiddleware"))
