"""Functions that call themselves: after an error, which is a retry, or after an answer, which is a loop.

Rules
1. A call of the function around it counts, by whatever name it was given; one behind two functions does not.
2. It ends by a count when what it hands itself changes and is compared, or when a limit is.
3. What may end it and cannot be told is unknown; what nothing ends but errors and answers is endless.
"""

from collections.abc import Callable, Iterator
from typing import Final, Literal

from msgspec import Struct

from tidegate.checks.facts.attempts import comes_after, is_given
from tidegate.checks.facts.bounds import ends_by_leaving, is_limited
from tidegate.checks.facts.reach import catches
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import (
    Assign,
    Call,
    Catch,
    Const,
    Exit,
    Function,
    If,
    Items,
    Loop,
    Name,
    Node,
    Operation,
    Try,
)
from tidegate.checks.tree.walk import walk, walk_here

Ends = Literal["ends", "endless", "unknown"]

_COMPARES: Final = {"<", "<=", ">", ">=", "==", "===", "!=", "!=="}
_CHOICES: Final = {"?:", "&&", "and", "||", "or"}
_ANSWERED: Final = {"stop_reason", "stopReason", "finish_reason", "finishReason", "tool_use", "tool_calls", "toolCalls"}


class Again(Struct, frozen=True, eq=False):
    """A `try` in a function that calls itself when it fails."""

    module: Module
    function: Function
    call: Call
    catch: Catch
    body: tuple[Node, ...]
    """What is tried again."""


def self_calls(program: Program, module: Module, function: Function) -> Iterator[Call]:
    """The calls by which a function calls itself."""
    for node in walk_here(*function.body):
        if isinstance(node, Call):
            found = program.find(module, node.of)
            target = found.node.value if found is not None and isinstance(found.node, Assign) else found and found.node
            if target is function:
                yield node


def find_again(
    program: Program, module: Module, function: Function, is_tried: Callable[[Node], bool]
) -> Iterator[Again]:
    """Where a function tries again by calling itself, of what is told by `is_tried`."""
    calls = list(self_calls(program, module, function))
    for attempt in walk_here(*function.body) if calls else ():
        if not isinstance(attempt, Try) or not any(is_tried(one) for one in walk(*attempt.body)):
            continue
        for catch in attempt.catches:
            for call in calls if catches(catch) else ():
                if any(one is catch for one in module.above(call)) or _follows(module, attempt, catch, call):
                    yield Again(module, function, call, catch, attempt.body)


def find_repeating_calls(program: Program, module: Module, function: Function) -> Iterator[Again]:
    """Where a function tries again, by calling itself, what it was given: `withRetry(() => …)`."""
    for node in walk(function):
        if isinstance(node, Function):
            yield from find_again(program, module, node, lambda one: is_given(program, module, one))


def _follows(module: Module, attempt: Try, catch: Catch, call: Call) -> bool:
    """Whether a call is reached after an error alone: behind a `try` that ends with a return."""
    if not ends_by_leaving(attempt.body) or ends_by_leaving(catch.body) or call.at[:2] < attempt.at[2:]:
        return False
    return comes_after(module, call, attempt)


def looks_at_error(again: Again) -> bool:
    """Whether what catches the error does more with it than to raise it again."""
    return bool(again.catch.types) or any(
        isinstance(one, Name) and one.id == again.catch.name and not isinstance(again.module.up.get(one), Exit)
        for one in walk(*again.catch.body)
    )


def as_loop(again: Again, *, whole: bool = False) -> Loop:
    """The rounds of a retry as a loop, whose target is what changes from call to call."""
    names = tuple(Name(again.call.at, name) for name in sorted(changed(again.function, again.call)))
    return Loop(again.call.at, again.function.body if whole else again.catch.body, target=Items(again.call.at, names))


def changed(function: Function, call: Call) -> set[str]:
    """The parameters that a function does not hand itself as they are."""
    params = [one for one in function.params if one.name not in {"self", "cls"}]
    by_name = {one.name: one for one in params}
    given = {one.name: value for one in params for value in call.args[one.number : one.number + 1]}
    if any(one.name in {"self", "cls"} for one in function.params):  # the call does not count it
        given = {one.name: value for one, value in zip(params, call.args, strict=False)}
    given |= {name: value for name, value in call.named if name in by_name}
    return {name for name, value in given.items() if not (isinstance(value, Name) and value.id == name)}


def ends_of(function: Function, call: Call) -> Ends:
    """Whether something ends the calls of a function to itself."""
    counted, params = changed(function, call), {one.name for one in function.params}
    said: set[Ends] = set()
    for test in _tests(function):
        names = {one.id for one in walk(test) if isinstance(one, Name)}
        compares = isinstance(test, Name) or any(
            isinstance(one, Operation) and one.sign in {*_COMPARES, "not", "!"} for one in walk(test)
        )
        if (compares and names & counted & _numbers(call)) or is_limited(test):
            said.add("ends")
        elif compares and names & params and not _is_of_answer(test):
            said.add("unknown")
    order: tuple[Ends, ...] = ("ends", "unknown")
    return next((one for one in order if one in said), "endless")


def _tests(function: Function) -> Iterator[Node]:
    """What a function decides by."""
    for node in walk_here(*function.body):
        if isinstance(node, If):
            yield node.test
        elif isinstance(node, Operation) and node.sign in _CHOICES:
            yield node.parts[0]


def _numbers(call: Call) -> set[str]:
    """The names that a call counts up or down: `attempt + 1`, `left - 1`."""
    found: set[str] = set()
    for part in (*call.args, *(value for _, value in call.named)):
        number = any(
            isinstance(one, Const) and isinstance(one.value, int | float) and not isinstance(one.value, bool)
            for one in walk(part)
        )
        if isinstance(part, Operation | Assign) and (number or isinstance(part, Assign)):
            found |= {one.id for one in walk(part) if isinstance(one, Name)}
    return found


def asks_for_more(function: Function) -> bool:
    """Whether a function decides by Claude's answer, such as its `stop_reason`."""
    return any(_is_of_answer(test) for test in _tests(function))


def _is_of_answer(test: Node) -> bool:
    words = {getattr(one, "name", "") or getattr(one, "id", "") or getattr(one, "value", "") for one in walk(test)}
    return any(isinstance(one, str) and one in _ANSWERED for one in words)


def is_caught(module: Module, call: Call) -> bool:
    """Whether a call stands where an error is answered for."""
    return any(isinstance(one, Catch) for one in module.above(call))
