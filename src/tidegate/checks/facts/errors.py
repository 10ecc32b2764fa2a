"""Texts of errors on their way to users: from `except … as error` into what a route answers.

Rules
1. A text of an error is the error itself, `str(error)`, an f-string with it, `.message`, `.body`, `.args`, `.stack`,
   and names that were given such a text.  Its status, type and request id are no text.
2. An answer is what a route returns, yields or sends, and what it raises to be sent (HTTPException).
3. A text stays one where it is kept: to the end of the function, in an error of the project's own that is raised with
   it, and in what answers for that error.
4. Only what can hold an error of Claude counts: the `try` asks Claude, the handler is registered for its errors, or the
   reply of a plain HTTP request was seen to be an error.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from tidegate.checks.facts.answers import ErrorTexts, is_answer, sends
from tidegate.checks.facts.attempts import comes_after
from tidegate.checks.facts.bounds import ends_by_leaving
from tidegate.checks.facts.doors import Door
from tidegate.checks.facts.reach import Reach, Site, is_kept
from tidegate.checks.facts.refused import find_refused
from tidegate.checks.facts.requests import Request
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Call, Catch, Class, Const, Exit, Function, If, Map, Member, Node, Operation, Try
from tidegate.checks.tree.walk import last_name, walk, walk_here

_DECORATORS: Final = {"exception_handler", "errorhandler", "error_handler", "app_errorhandler", "exception"}
_REGISTERED: Final = {"use", "onError", "setErrorHandler", "add_exception_handler", "register_error_handler"}
_EXPRESS = 4
"""Parameters of an error handler of Express: error, request, response, next."""
_UNCAUGHT: Final = 500
"""Flask's name for errors that nobody caught."""
_STREAMS: Final = {
    "toUIMessageStreamResponse", "toDataStreamResponse", "toUIMessageStream", "toDataStream",
    "pipeUIMessageStreamToResponse", "pipeDataStreamToResponse", "createUIMessageStream", "createDataStreamResponse",
    "createDataStream", "createUIMessageStreamResponse", "mergeIntoDataStream",
}  # fmt: skip
_OPTIONS: Final = {"onError", "getErrorMessage"}
"""What the streams of the AI SDK ask for the words that users get in the place of an error."""

_CLAUDES: Final = {"APIError", "AnthropicError", "Error", "Exception"}
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
) -> tuple[Leak, ...]:
    """Every such place, once: several handlers may lead to one."""
    leaks: dict[Node, Leak] = {}
    for leak in _find_leaks(program, _Looking(program, reach, doors), handlers, requests):
        known = leaks.get(leak.node)
        if known is None or (leak.sure and not known.sure):
            leaks[leak.node] = leak
    return tuple(leaks.values())


def _find_leaks(
    program: Program, looking: "_Looking", handlers: frozenset[Function], requests: Iterable[Request]
) -> Iterator[Leak]:
    for one in find_refused(requests):
        around = looking.around(one.module, one.test)
        if around is not None:
            yield from looking.in_handler(one.module, one.body, one.name, sure=around)
    for module, attempt in program.every(Try):
        yield from looking.at_try(module, attempt)
    for module, call in program.every(Call):
        yield from looking.at_promise(module, call)
        yield from looking.at_option(module, call)
    answering = handlers | find_handlers(program, looking.speaking)
    for module, function in program.every(Function):
        if function in answering:
            yield from looking.in_handler(module, function.body, _error_param(function), sure=True)


class _Looking:
    """Knows which functions users reach, and which of them lead to Claude."""

    def __init__(self, program: Program, reach: Reach, doors: tuple[Door, ...]) -> None:
        self.program = program
        self.open = {door.function for door in doors}
        self.between = _between(reach, doors)
        self.sites = reach.nodes
        self.speaking = frozenset(self._speaking())
        """Errors of the project's own that are raised with the text of one of Claude's, and the classes above them."""

    def _speaking(self) -> Iterator[Class]:
        for module, attempt in self.program.every(Try):
            if self.asks(*attempt.body):
                for catch in attempt.catches:
                    texts = ErrorTexts(self.program, module, catch.body, catch.name)
                    for node in walk_here(*catch.body):
                        if isinstance(node, Exit) and node.kind == "raise" and _carries(node.value, texts):
                            yield from _classes(self.program, module, node.value)

    def at_try(self, module: Module, attempt: Try) -> Iterator[Leak]:
        around = self.around(module, attempt)
        if around is not None and self.asks(*attempt.body):
            for catch in attempt.catches:
                if not self.is_own(module, catch):
                    yield from self.in_handler(module, catch.body, catch.name, sure=around)
                    yield from self.after(module, attempt, catch.body, catch.name, sure=around)

    def is_own(self, module: Module, catch: Catch) -> bool:
        """Whether a catch takes only errors that the project itself defines, with words of its own."""
        found = [self.program.find(module, one) for one in catch.types]
        return bool(found) and all(
            one is not None and isinstance(one.node, Class) and one.node not in self.speaking for one in found
        )

    def at_option(self, module: Module, call: Call) -> Iterator[Leak]:
        """`toUIMessageStreamResponse({ onError: (error) => error.message })` of the AI SDK."""
        if last_name(call.of) not in _STREAMS or self.around(module, call) is None:
            return
        entries = [entry for one in call.args if isinstance(one, Map) for entry in one.entries]
        for key, value in entries:
            found = self.program.find(module, value)
            function = value if found is None else found.node
            if isinstance(key, Const) and key.value in _OPTIONS and isinstance(function, Function) and function.params:
                where = module if found is None else found.module
                yield from self.in_handler(where, function.body, function.params[0].name, sure=True)

    def at_promise(self, module: Module, call: Call) -> Iterator[Leak]:
        """`ask().catch((error) => …)`."""
        if not isinstance(call.of, Member) or call.of.name != "catch" or not call.args:
            return
        handler = call.args[0]
        around = self.around(module, call)
        if around is not None and isinstance(handler, Function) and self.asks(call.of):
            name = handler.params[0].name if handler.params else ""
            yield from self.in_handler(module, handler.body, name, sure=around)
            yield from self.after(module, call, handler.body, name, sure=around)

    def after(self, module: Module, place: Node, body: tuple[Node, ...], name: str, *, sure: bool) -> Iterator[Leak]:
        """What leaves the function later of what a handler kept."""
        function = module.function_of(place)
        last = body[-1] if body else None
        if function is None or (isinstance(last, Exit) and last.kind in {"return", "raise"}):
            return
        kept = ErrorTexts(self.program, module, body, name).outlives(body)
        end = place.at[2:]
        later = tuple(one for one in walk_here(*function.body) if one.at[:2] >= end and comes_after(module, one, place))
        if not kept or not later:
            return
        texts = ErrorTexts(self.program, module, later, "", kept)
        for node in later:
            if isinstance(node, Exit) and _leaves(node, texts):
                yield Leak(module, node, sure or node.kind == "raise")
            elif isinstance(node, Exit) and node.kind != "raise" and node.value and texts.touches(node.value):
                yield Leak(module, node, sure=False)
            elif isinstance(node, Call) and sends(node) and texts.in_arguments(node) and not _is_left(module, node):
                yield Leak(module, node, sure=True)

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
            if isinstance(node, Exit) and (_leaves(node, texts) or self.answers(module, node, texts)):
                yield Leak(module, node, sure or node.kind == "raise")
            elif isinstance(node, Call) and sends(node) and texts.in_arguments(node) and not _is_left(module, node):
                yield Leak(module, node, sure=True)

    def answers(self, module: Module, node: Exit, texts: ErrorTexts) -> bool:
        """Whether an error of the project's own that is an HTTPException carries a text."""
        return (
            node.kind == "raise"
            and _carries(node.value, texts)
            and any(is_answer_class(one) for one in _classes(self.program, module, node.value))
        )


def is_answer_class(node: Class) -> bool:
    """Whether a class is an exception that frameworks answer with."""
    return any(is_answer(Call(node.at, base, ())) for base in node.of)


def _carries(value: Node | None, texts: ErrorTexts) -> bool:
    """`SorryError(str(error))`."""
    return isinstance(value, Call) and texts.in_arguments(value)


def _classes(program: Program, module: Module, value: Node | None) -> Iterator[Class]:
    """The class of the project that an error is made of, and those above it."""
    waiting = [(module, value.of)] if isinstance(value, Call) else []
    seen: set[Class] = set()
    while waiting:
        where, of = waiting.pop()
        found = program.find(where, of)
        if found is not None and isinstance(found.node, Class) and found.node not in seen:
            seen.add(found.node)
            yield found.node
            waiting.extend((found.module, base) for base in found.node.of)


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


def uncaught(reach: Reach, function: Function, seen: frozenset[Function] = frozenset(), *, some: bool = False) -> bool:
    """Whether errors of Claude leave a function that nobody answered for, not even before they were passed on; `some`:
    whether none of them is answered for.
    """
    if function in seen:
        return False
    return any(
        not is_kept(function, site, some=some)
        and not _is_sorted(function, site)
        and (site.to is None or uncaught(reach, site.to, seen | {function}, some=some))
        for site in reach.sites.get(function, ())
    )


def _is_sorted(function: Function, site: Site) -> bool:
    """`catch (e) { if (e instanceof Anthropic.APIError) return …; throw e }` around a place."""
    for one in site.module.above(site.node):
        if isinstance(one, Try) and any(_sorts(catch) for catch in one.catches):
            return True
        if one is function:
            return False
    return False


def _sorts(catch: Catch) -> bool:
    """Whether a catch answers for Claude's errors among others."""
    return any(
        isinstance(one, If) and ends_by_leaving(one.then) and _is_of_claude(one.test) for one in walk_here(*catch.body)
    )


def _is_of_claude(test: Node) -> bool:
    """`e instanceof Anthropic.APIError`, `isinstance(e, anthropic.APIError)`."""
    if isinstance(test, Operation) and test.sign == "instanceof":
        return last_name(test.parts[-1]) in _CLAUDES
    if isinstance(test, Call) and last_name(test.of) == "isinstance" and len(test.args) > 1:
        return last_name(test.args[1]) in _CLAUDES
    return False


def find_handlers(program: Program, own: frozenset[Class] = frozenset()) -> frozenset[Function]:
    """The functions that answer for errors of Claude which nobody caught: by a decorator, or registered so; with `own`
    also those for these errors of the project.
    """
    decorated = {
        function
        for module, function in program.every(Function)
        if any(_is_handling(program, module, decorator, own) for decorator in function.decorators)
    }
    registered = {
        function for module, call in program.every(Call) for function in _registered(program, module, call, own)
    }
    return frozenset(decorated | registered)


def _is_handling(program: Program, module: Module, decorator: Node, own: frozenset[Class]) -> bool:
    of = decorator.of if isinstance(decorator, Call) else decorator
    return isinstance(of, Member) and of.name in _DECORATORS and _is_for_all(program, module, _first(decorator), own)


def _registered(program: Program, module: Module, call: Call, own: frozenset[Class]) -> Iterator[Function]:
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
        fits = len(call.args) == 1 or _is_for_all(program, module, call.args[0], own)
    if fits:
        yield function


def _first(decorator: Node) -> Node | None:
    return decorator.args[0] if isinstance(decorator, Call) and decorator.args else None


def _is_for_all(program: Program, module: Module, types: Node | None, own: frozenset[Class]) -> bool:
    """Whether a handler takes errors of Claude: by class, or all."""
    if types is None:
        return True
    if isinstance(types, Const):
        return types.value == _UNCAUGHT
    found = program.find(module, types)
    if found is not None and found.node in own:
        return True
    origin = program.origin(module, types)
    return origin.startswith("anthropic") or origin in {"Exception", "BaseException"}


def _error_param(function: Function) -> str:
    """Which parameter is the error: by its name, else the last."""
    names = [param.name for param in function.params if param.name not in {"self", "cls"}]
    return next((name for name in names if name.lower() in _NAMES), names[-1] if names else "")
