"""Whether some code limits users: something that limits is used there, or too many requests are answered so.

Rules
1. A word such as `rate_limit` counts where it is called, decorates, is handed to `Depends` or to what registers, or
   stands in a list of throttles.  That it is mentioned says nothing.
2. What takes a limit off, reads or logs it is no limit; a function of the project is judged by what it does.
3. Its own answer 429 is a limit, unless it passes on what it was answered.
4. What cannot be told is unknown.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal

from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import (
    Assign,
    Block,
    Call,
    Catch,
    Class,
    Const,
    Exit,
    Function,
    If,
    Items,
    Map,
    Member,
    Name,
    Node,
    Operation,
)
from tidegate.checks.tree.walk import last_name, walk

Limits = Literal["yes", "unknown", "no"]

TOO_MANY: Final = 429
_ERROR: Final = 400
_WORD: Final = re.compile(
    r"rate_?limit|ratelimit|throttl|limiter|slowapi|check_?quota|enforce_?quota|user_?quota|consume_?quota",
    re.IGNORECASE,
)
_NEVER: Final = re.compile(
    r"exempt|skip|disable|enabled|(?:^|_)log|header|remaining|metric|print|error|exception|handler|parse|format|init_app"
    r"|warn|debug|info\b|record_stat|reset",
    re.IGNORECASE,
)
"""What takes a limit off, or only reads, logs or answers for one."""

_EXEMPT: Final = re.compile(r"exempt|skip_?throttle|disable_?rate", re.IGNORECASE)
_GLOBAL: Final = (
    "aiolimiter",
    "ratelimit.limits",
    "ratelimit.sleep_and_retry",
    "bottleneck",
    "p-limit",
    "p-throttle",
    "asyncio_throttle",
    "asyncio.Semaphore",
    "asyncio.BoundedSemaphore",
    "threading.Semaphore",
    "threading.BoundedSemaphore",
    "anyio.CapacityLimiter",
    "anyio.Semaphore",
    "trio.CapacityLimiter",
    "async-sema",
    "async-mutex",
    "p-queue",
)
"""Limiters that slow the whole program down, to stay within the API's limits: no user is limited by them."""

_HANDED: Final = {
    "Depends", "Security", "Use", "UseGuards", "use", "add_middleware", "addHook", "register", "method_decorator",
    "throttle_classes", "applyDecorators", "preHandler", "onRequest", "compose",
}  # fmt: skip
_HELD: Final = {"acquire", "wait", "schedule", "wrap", "add", "submit"}
"""What a limiter is asked without saying for whom."""

_PASSED: Final = re.compile(r"log|retry|retries|frozenset|\bset\b|includes|\bhas\b|range|Number", re.IGNORECASE)
_MANY: Final = re.compile(r"too_?many_?requests", re.IGNORECASE)
_STATUS: Final = {"status", "status_code", "statusCode", "status_int", "code"}
_DEPTH: Final = 3


def limits_in(program: Program, module: Module, *roots: Node, depth: int = _DEPTH) -> Limits:
    """What some nodes do to users, with the functions of the project that they call for it."""
    said = {_of_node(program, module, node, depth) for root in roots for node in walk(root)}
    return best(said)


def best(said: Iterable[Limits]) -> Limits:
    """One limit is enough; what may be one is not known to be none."""
    known = set(said)
    order: tuple[Limits, ...] = ("yes", "unknown")
    return next((one for one in order if one in known), "no")


def limits_handed(program: Program, module: Module, node: Node) -> Limits:
    """What something does to users that is handed to what runs it: `app.use(limiter)`, `app.post("/x", limiter, f)`."""
    if not isinstance(node, Name | Member) or not is_limiting(program, module, node) or _NEVER.search(last_name(node)):
        return "no"
    return _meant(program, module, node, _DEPTH, tested=False)


def given_to(call: Call) -> tuple[Node, ...]:
    """Every argument of a call."""
    return (*call.args, *(value for _, value in call.named))


def is_limiting(program: Program, module: Module, node: Node) -> bool:
    """Whether a name means something that limits users: by its own name, by where it comes from or by what made it."""
    if not isinstance(node, Name | Member) or last_name(node).isupper():
        return False
    if program.origin(module, node).startswith(_GLOBAL) or _is_global(program, module, node):
        return False
    found = program.find(module, node)
    made = found.node.value if found is not None and isinstance(found.node, Assign) else None
    return _says(program, module, node) or (
        found is not None and isinstance(made, Call) and _says(program, found.module, made.of)
    )


def is_exempting(module: Module, node: Node) -> bool:
    """Whether a decorator takes limits off: `@limiter.exempt`, `@throttle_classes([])`, `@SkipThrottle()`."""
    del module
    of = node.of if isinstance(node, Call) else node
    word = last_name(of)
    if word == "throttle_classes":
        return isinstance(node, Call) and bool(node.args) and _is_empty(node.args[0])
    whole = f"{last_name(of.of)}.{word}" if isinstance(of, Member) else word
    return bool(_EXEMPT.search(whole) and _WORD.search(whole)) or word == "SkipThrottle"


def empties(node: Node) -> bool:
    """`throttle_classes = []`: what would be limited by default is not."""
    return isinstance(node, Assign) and last_name(node.target) == "throttle_classes" and _is_empty(node.value)


def speaks_of_limits(name: str) -> bool:
    """Whether a name speaks of limits, and not of taking them off or reading them."""
    return bool(_WORD.search(name)) and not _NEVER.search(name)


def said_by_type(kind: str) -> Limits:
    """What the annotation of a parameter says: `Annotated[None, Depends(rate_limit)]`."""
    if not speaks_of_limits(kind):
        return "no"
    return "yes" if "Depends" in kind else "unknown"


def _is_empty(node: Node) -> bool:
    return isinstance(node, Items) and not node.parts


def _of_node(program: Program, module: Module, node: Node, depth: int) -> Limits:
    """What one node says."""
    if isinstance(node, Function):
        return best(said_by_type(param.kind) for param in node.params)
    if _is_too_many(node):
        return "yes" if _answers(module, node) else "no"
    if isinstance(node, Assign) and last_name(node.target) in {"throttle_classes", "throttle_scope"}:
        return "no" if _is_empty(node.value) else "yes" if isinstance(node.value, Items) else "unknown"
    if isinstance(node, Name | Member) and is_limiting(program, module, node) and not _is_caught(module, node):
        return _used(program, module, node, depth)
    return "no"


def _used(program: Program, module: Module, node: Name | Member, depth: int) -> Limits:
    """What is done with something that limits, by where its name stands."""
    whole: Node = node
    up = module.up.get(whole)
    while isinstance(up, Member):
        whole, up = up, module.up.get(up)
    if _NEVER.search(last_name(whole)) or _NEVER.search(last_name(node)):
        return "no"
    if isinstance(up, Call):
        if up.of is whole:
            return _called(program, module, up, depth)
        if last_name(up.of) not in _HANDED:
            return "no" if _PASSED.search(last_name(up.of)) else "unknown"
    elif isinstance(up, Items):
        return _listed(module, up)
    elif not (isinstance(up, Function | Class) and whole in up.decorators):
        return "unknown" if isinstance(up, Block) and up is not module.root else "no"  # with limiter:
    return _meant(program, module, whole, depth, tested=False)


def _listed(module: Module, items: Items) -> Limits:
    """`{ preHandler: [limiter] }`, `throttle_classes = [UserRateThrottle]`."""
    up = module.up.get(items)
    if isinstance(up, Assign):
        return "yes" if _WORD.search(last_name(up.target)) or last_name(up.target) == "throttle_classes" else "unknown"
    return "yes" if isinstance(up, Call | Map) else "unknown"


def _called(program: Program, module: Module, call: Call, depth: int) -> Limits:
    """What the call of something that limits does."""
    word, up = last_name(call.of), module.up.get(call)
    if isinstance(up, Assign) and word[:1].isupper():
        return "no"  # it is made there, and used elsewhere
    if word == "throttle_classes" and (not call.args or _is_empty(call.args[0])):
        return "no"
    if word in _HELD and not call.args:
        return "unknown"
    return _meant(program, module, call.of, depth, tested=_is_tested(module, call))


def _meant(program: Program, module: Module, of: Node, depth: int, *, tested: bool | None) -> Limits:
    """What a name that limits does; `tested`: whether what it gives is looked at (None: it is kept)."""
    found = program.find(module, of)
    target = found.node.value if found is not None and isinstance(found.node, Assign) else found and found.node
    if found is None or not isinstance(target, Function | Class):
        return "unknown" if tested is None else "yes"
    if depth <= 0:
        return "unknown"
    inner = limits_in(program, found.module, *target.body, depth=depth - 1)
    if inner != "no" or _refuses(found.module, target):
        return "yes" if _refuses(found.module, target) else inner
    gives = any(isinstance(one, Exit) and one.kind == "return" and one.value is not None for one in walk(*target.body))
    if tested and gives:
        return "yes"
    return "unknown" if gives or isinstance(target, Class) else "no"


def _refuses(module: Module, target: Function | Class) -> bool:
    """Whether it raises something of its own."""
    return any(
        isinstance(one, Exit) and one.kind == "raise" and not _is_caught(module, one) for one in walk(*target.body)
    )


def _is_tested(module: Module, call: Call) -> bool | None:
    """Whether what a call gives decides something; None: it goes into something else."""
    below: Node = call
    for one in module.above(call):
        if isinstance(one, If):
            return below is one.test
        if isinstance(one, Assign):
            names = {node.id for node in walk(one.target) if isinstance(node, Name)}
            return True if _is_asked_about(module, one, names) else None
        if not isinstance(one, Operation | Member | Call):
            return False
        below = one
    return False


def _is_asked_about(module: Module, assign: Assign, names: set[str]) -> bool:
    """Whether one of some names stands in a test of the same function."""
    around = module.function_of(assign)
    tests = (one.test for one in walk(*(around.body if around else ())) if isinstance(one, If))
    return any(isinstance(node, Name) and node.id in names for node in walk(*tests))


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


# -- too many requests


def _is_too_many(node: Node) -> bool:
    """`429`, `status.HTTP_429_TOO_MANY_REQUESTS`, `TooManyRequests()`."""
    return (isinstance(node, Const) and node.value == TOO_MANY) or (
        isinstance(node, Name | Member) and bool(_MANY.search(last_name(node)))
    )


def _answers(module: Module, node: Node) -> bool:
    """Whether a status is what the program answers by itself, not what it was answered or passes on."""
    if _is_caught(module, node) or not _is_given(module, node):
        return False
    below = node
    for one in module.above(node):
        if isinstance(one, If) and below is not one.test and _asks_status(one.test):
            return False
        below = one
    return True


def _is_given(module: Module, node: Node) -> bool:
    """Whether it is given to an answer: not compared, not documented, not listed."""
    up = module.up.get(node)
    while isinstance(up, Member):  # HTTPStatus.TOO_MANY_REQUESTS.value
        node, up = up, module.up.get(up)
    if isinstance(up, Call):
        return up.of is node or not _PASSED.search(last_name(up.of))
    if isinstance(up, Map):  # { status: 429 }; not responses={429: …}
        return any(value is node for _, value in up.entries)
    if isinstance(up, Items):
        return isinstance(module.up.get(up), Exit)
    if isinstance(up, Assign):  # ctx.status = 429
        return isinstance(up.target, Member) and up.target.name in _STATUS
    return isinstance(up, Exit)


def _asks_status(test: Node) -> bool:
    """`if reply.status_code == 429`."""
    parts = list(walk(test))
    if any(_is_too_many(one) for one in parts):
        return True
    errors = any(isinstance(one, Const) and isinstance(one.value, int) and one.value >= _ERROR for one in parts)
    return errors and any(isinstance(one, Member) and one.name in _STATUS for one in parts)


def _is_caught(module: Module, node: Node) -> bool:
    """Whether it stands where an error is answered for."""
    return any(_is_for_errors(one) for one in module.above(node))


def _is_for_errors(node: Node) -> bool:
    return isinstance(node, Catch) or (
        isinstance(node, Call) and isinstance(node.of, Member) and node.of.name == "catch"
    )


def named_functions(program: Program, module: Module, *roots: Node) -> Iterator[tuple[Module, Function | Class]]:
    """The functions and classes of the project that are named below some nodes, but for the roots themselves."""
    for node in walk(*roots):
        if isinstance(node, Name | Member):
            found = program.find(module, node)
            target = found.node.value if found is not None and isinstance(found.node, Assign) else found and found.node
            if found is not None and isinstance(target, Function | Class):
                yield found.module, target
