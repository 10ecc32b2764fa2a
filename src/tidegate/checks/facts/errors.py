"""Texts of errors on their way to users: from `except … as error` into what a route answers.

Rules
1. A text of an error is the error itself, `str(error)`, an f-string with it, `.message`, `.body`, `.args`, `.stack`,
   and names that were given such a text.  Its status, type and request id are no text.
2. An answer is what a route returns, yields or sends, and what it raises to be sent (HTTPException).
3. Only what can hold an error of Claude counts: the `try` asks Claude, the handler is registered for its errors, or the
   reply of a plain HTTP request was seen to be an error.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from tidegate.checks.facts.answers import ErrorTexts, is_answer, sends
from tidegate.checks.facts.doors import Door
from tidegate.checks.facts.reach import Reach
from tidegate.checks.facts.refused import find_refused
from tidegate.checks.facts.requests import Request
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Call, Catch, Class, Const, Exit, Function, Member, Node, Try
from tidegate.checks.tree.walk import walk, walk_here

_DECORATORS: Final = {"exception_handler", "errorhandler", "error_handler", "app_errorhandler", "exception"}
_REGISTERED: Final = {"use", "onError", "setErrorHandler", "add_exception_handler", "register_error_handler"}
_EXPRESS = 4
"""Parameters of an error handler of Express: error, request, response, next."""
_UNCAUGHT: Final = 500
"""Flask's name for errors that nobody caught."""
_NAMES: Final = {"exc", "e", "err", "error", "exception", "ex"}


class Leak(Struct, frozen=True, eq=False):
    """A place where users get the text of an error."""

    module: Module
    node: Node
    sure: bool
    """False: it is returned by a function that a route calls, and may be sent."""


def find_leaks(
    program: Program,
    reach: Reach,
    doors: tuple[Door, ...],
    handlers: frozenset[Function],
    requests: Iterable[Request] = (),
) -> Iterator[Leak]:
    """Every such place."""
    looking = _Looking(program, reach, doors)
    for one in find_refused(requests):
        around = looking.around(one.module, one.test)
        if around is not None:
            yield from looking.in_handler(one.module, one.body, one.name, sure=around)
    for module, attempt in program.every(Try):
        yield from looking.at_try(module, attempt)
    for module, call in program.every(Call):
        yield from looking.at_promise(module, call)
    for module, function in program.every(Function):
        if function in handlers:
            yield from looking.in_handler(module, function.body, _error_param(function), sure=True)


class _Looking:
    """Knows which functions users reach, and which of them lead to Claude."""

    def __init__(self, program: Program, reach: Reach, doors: tuple[Door, ...]) -> None:
        self.program = program
        self.open = {door.function for door in doors}
        self.between = _between(reach, doors)
        self.sites = reach.nodes

    def at_try(self, module: Module, attempt: Try) -> Iterator[Leak]:
        around = self.around(module, attempt)
        if around is not None and self.asks(*attempt.body):
            for catch in attempt.catches:
                if not _is_own(self.program, module, catch):
                    yield from self.in_handler(module, catch.body, catch.name, sure=around)

    def at_promise(self, module: Module, call: Call) -> Iterator[Leak]:
        """`ask().catch((error) => …)`."""
        if not isinstance(call.of, Member) or call.of.name != "catch" or not call.args:
            return
        handler = call.args[0]
        around = self.around(module, call)
        if around is not None and isinstance(handler, Function) and self.asks(call.of):
            name = handler.params[0].name if handler.params else ""
            yield from self.in_handler(module, handler.body, name, sure=around)

    def around(self, module: Module, node: Node) -> bool | None:
        """Whether a node stands in a door; None: not even in a function between a door and Claude."""
        functions = [one for one in module.above(node) if isinstance(one, Function)]
        if any(one in self.open for one in functions):
            return True
        return False if any(one in self.between for one in functions) else None

    def asks(self, *nodes: Node) -> bool:
        """Whether Claude is asked below some nodes."""
        return any(one in self.sites for one in walk(*nodes))

    def in_handler(self, module: Module, body: tuple[Node, ...], name: str, *, sure: bool) -> Iterator[Leak]:
        """What leaves a handler; `name` is the error's."""
        texts = ErrorTexts(self.program, module, body, name)
        for node in walk_here(*body):
            if isinstance(node, Exit) and _leaves(node, texts):
                yield Leak(module, node, sure or node.kind == "raise")
            elif isinstance(node, Call) and sends(node) and texts.in_arguments(node) and not _is_left(module, node):
                yield Leak(module, node, sure=True)


def _leaves(node: Exit, texts: ErrorTexts) -> bool:
    """Whether a text of the error leaves by a return, a yield or an exception that becomes an answer."""
    if node.value is None:
        return False
    if node.kind == "raise":
        return isinstance(node.value, Call) and is_answer(node.value) and texts.in_arguments(node.value)
    return node.kind in {"return", "yield"} and texts.holds(node.value, whole=False)


def _is_left(module: Module, node: Node) -> bool:
    """`return res.json(…)`: the return is told already."""
    up = module.up.get(node)
    return isinstance(up, Exit) and up.kind in {"return", "yield"}


def _between(reach: Reach, doors: tuple[Door, ...]) -> set[Function]:
    """The functions between a door and Claude."""
    seen: set[Function] = set()
    waiting = [door.function for door in doors]
    while waiting:
        for site in reach.sites.get(waiting.pop(), ()):
            if site.to is not None and site.to not in seen:
                seen.add(site.to)
                waiting.append(site.to)
    return seen


def _is_own(program: Program, module: Module, catch: Catch) -> bool:
    """Whether a catch takes only errors that the project itself defines: their words are its own."""
    found = [program.find(module, one) for one in catch.types]
    return bool(found) and all(one is not None and isinstance(one.node, Class) for one in found)


def find_handlers(program: Program) -> frozenset[Function]:
    """The functions that answer for errors of Claude which nobody caught: by a decorator, or registered so."""
    decorated = {
        function
        for module, function in program.every(Function)
        if any(_is_handling(program, module, decorator) for decorator in function.decorators)
    }
    registered = {function for module, call in program.every(Call) for function in _registered(program, module, call)}
    return frozenset(decorated | registered)


def _is_handling(program: Program, module: Module, decorator: Node) -> bool:
    of = decorator.of if isinstance(decorator, Call) else decorator
    return isinstance(of, Member) and of.name in _DECORATORS and _is_for_all(program, module, _first(decorator))


def _registered(program: Program, module: Module, call: Call) -> Iterator[Function]:
    """`app.add_exception_handler(anthropic.APIError, sorry)`, `app.use((error, req, res, next) => …)`."""
    if not isinstance(call.of, Member) or call.of.name not in _REGISTERED or not call.args:
        return
    found = program.find(module, call.args[-1])
    function = call.args[-1] if found is None else found.node
    if not isinstance(function, Function):
        return
    if call.of.name == "use":
        fits = len(function.params) == _EXPRESS
    else:
        fits = len(call.args) == 1 or _is_for_all(program, module, call.args[0])
    if fits:
        yield function


def _first(decorator: Node) -> Node | None:
    return decorator.args[0] if isinstance(decorator, Call) and decorator.args else None


def _is_for_all(program: Program, module: Module, types: Node | None) -> bool:
    """Whether a handler takes errors of Claude: by class, or all."""
    if types is None:
        return True
    if isinstance(types, Const):
        return types.value == _UNCAUGHT
    origin = program.origin(module, types)
    return origin.startswith("anthropic") or origin in {"Exception", "BaseException"}


def _error_param(function: Function) -> str:
    """Which parameter is the error: by its name, else the last."""
    names = [param.name for param in function.params if param.name not in {"self", "cls"}]
    return next((name for name in names if name.lower() in _NAMES), names[-1] if names else "")
