"""Loops that try one thing again, told from loops that go through many; and functions that do so with what they get."""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from tidegate.checks.facts.bounds import continues, ends_by_leaving, waits_for_work
from tidegate.checks.facts.reach import catches
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Assign, Call, Catch, Exit, Function, If, Loop, Name, Node, Param, Try
from tidegate.checks.tree.walk import walk, walk_here


class Attempt(Struct, frozen=True, eq=False):
    """A `try` in a loop that is tried again when it fails."""

    module: Module
    loop: Loop
    body: tuple[Node, ...]
    goes_on: tuple[Catch, ...]
    """What does not end the loop."""


def find_attempts(module: Module, loop: Loop, is_tried: Callable[[Node], bool]) -> Iterator[Attempt]:
    """The attempts of a loop, of what is told by `is_tried`."""
    for node in walk_here(*loop.body):
        if not isinstance(node, Try) or _loop_of(module, node) is not loop:
            continue
        tried = [one for one in walk(*node.body) if is_tried(one) and not _is_changed(loop, one)]
        goes_on = tuple(one for one in node.catches if catches(one) and _goes_on(one))
        if tried and goes_on and _leaves_on_success(module, loop, node, tried):
            yield Attempt(module, loop, node.body, goes_on)


def find_repeating(program: Program, module: Module, function: Function) -> Iterator[Attempt]:
    """Where a function tries again what it was given: a decorator of one's own, `withRetry(() => …)`."""
    for node in walk(function):
        if isinstance(node, Loop):
            yield from find_attempts(module, node, lambda one: is_given(program, module, one))


def is_given(program: Program, module: Module, node: Node) -> bool:
    """Whether a node calls what the function around it was given."""
    if not isinstance(node, Call) or not isinstance(node.of, Name):
        return False
    return any(isinstance(one, Param) for one in program.bindings(module, node.of))


def _loop_of(module: Module, node: Node) -> Loop | None:
    return next((one for one in module.above(node) if isinstance(one, Loop)), None)


def _is_changed(loop: Loop, call: Node) -> bool:
    """Whether each round asks for something else: what it gives is put together in the loop."""
    if not isinstance(call, Call):
        return False
    made = {one.target.id for one in walk_here(*loop.body) if isinstance(one, Assign) and isinstance(one.target, Name)}
    given = {one.id for one in walk(*call.args, *(value for _, value in call.named)) if isinstance(one, Name)}
    return bool(made & given)


def _goes_on(catch: Catch) -> bool:
    return not ends_by_leaving(catch.body) or continues(catch.body)


def _leaves_on_success(module: Module, loop: Loop, attempt: Try, tried: Iterable[Node]) -> bool:
    """Whether the loop is left when an attempt succeeds, by what stands at what is tried, or after it."""
    if _is_over_items(loop) or waits_for_work(loop):
        return False
    own = {node for one in attempt.catches for node in walk_here(*one.body)}
    exits = [
        node
        for node in walk_here(*loop.body)
        if isinstance(node, Exit) and node not in own and _leaves(module, loop, node)
    ]
    return any(comes_after(module, node, one) for node in exits for one in tried)


def _is_over_items(loop: Loop) -> bool:
    """`for document in documents`: not a retry, whatever leaves it."""
    if loop.over is None:
        return False
    return not (
        isinstance(loop.over, Call) and isinstance(loop.over.of, Name) and loop.over.of.id in {"range", "count"}
    )


def _leaves(module: Module, loop: Loop, node: Exit) -> bool:
    return node.kind == "return" or (node.kind == "break" and _loop_of(module, node) is loop)


def comes_after(module: Module, node: Node, first: Node) -> bool:
    """Whether one node may be reached after another, within a round: it ends later, and in no other branch."""
    if node.at[2:] < first.at[2:]:
        return False
    around = list(module.above(node))
    for one in module.above(first):
        if isinstance(one, If) and one in around:
            branches = [branch for branch in (one.then, one.other) if _holds(module, branch, first)]
            if branches and not _holds(module, branches[0], node):
                return False
    return True


def _holds(module: Module, branch: tuple[Node, ...], node: Node) -> bool:
    return node in branch or any(one in branch for one in module.above(node))
