"""How long a loop waits before it tries again."""

from collections.abc import Iterator
from typing import Literal

from tidegate.checks.program.fold import Known, fold
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Assign, Call, Const, Function, Items, Loop, Member, Name, Node, Operation
from tidegate.checks.tree.walk import last_name, walk, walk_here

Waits = Literal["grow", "same", "none", "unknown"]

_SLEEPS = {"sleep", "delay", "setTimeout", "wait", "pause", "timeout", "sleep_for", "async_sleep"}
_POWERS = {"**", "<<"}
_HOPS = 2


def waits_of(program: Program, module: Module, loop: Loop) -> Waits:
    """What the pauses in a loop do from round to round."""
    delays = [_judge(program, module, loop, delay) for delay in _delays(loop.body)]
    if not delays:
        delays = [_judge_away(program, where, delay) for where, delay in _delays_away(program, module, loop.body)]
    order: tuple[Waits, ...] = ("grow", "unknown", "same")  # the best: an answer's own `retry-after` may be the other
    return next((one for one in order if one in delays), "none")


def _delays(statements: tuple[Node, ...]) -> Iterator[Node]:
    """What is given to a pause in some statements."""
    for node in walk(*statements):
        if not isinstance(node, Call) or not node.args:
            continue
        name = last_name(node.of)
        if name in _SLEEPS or "sleep" in name.lower() or "backoff" in name.lower():
            yield node.args[1] if name == "setTimeout" and len(node.args) > 1 else node.args[0]


def _delays_away(
    program: Program, module: Module, statements: tuple[Node, ...], hops: int = _HOPS
) -> Iterator[tuple[Module, Node]]:
    """The pauses in the functions of the project that some statements call."""
    for node in walk(*statements) if hops > 0 else ():
        found = program.find(module, node.of) if isinstance(node, Call) else None
        if found is not None and isinstance(found.node, Function):
            yield from ((found.module, delay) for delay in _delays(found.node.body))
            yield from _delays_away(program, found.module, found.node.body, hops - 1)


def _judge_away(program: Program, module: Module, delay: Node) -> Waits:
    """A pause in another function, which does not see the loop."""
    around = module.function_of(delay)
    if any(
        isinstance(node, Operation) and node.sign in _POWERS for node in walk(*(around.body if around else (delay,)))
    ):
        return "grow"
    return "same" if isinstance(fold(program, module, delay), Known) else "unknown"


def _judge(program: Program, module: Module, loop: Loop, delay: Node) -> Waits:
    names = {node.id for node in walk(delay) if isinstance(node, Name)}
    changing = _changing(loop)
    if any(isinstance(node, Operation) and node.sign in _POWERS for node in walk(delay)):
        return "grow"
    if any(isinstance(node, Member) and node.name == "pow" for node in walk(delay)) or names & changing:
        return "grow"
    for name in (node for node in walk(delay) if isinstance(node, Name)):
        if any(
            isinstance(one, Assign) and one.value is not delay and _grows(one.value, changing)
            for one in module.lookup(name.id, name)
        ):
            return "grow"
    if isinstance(delay, Const) or isinstance(fold(program, module, delay), Known):
        return "same"
    return "unknown"


def _grows(value: Node, changing: set[str]) -> bool:
    """Whether a pause that is worked out before depends on the round."""
    return any(
        (isinstance(node, Operation) and node.sign in _POWERS) or (isinstance(node, Name) and node.id in changing)
        for node in walk(value)
    )


def _changing(loop: Loop) -> set[str]:
    """The names that are different in each round: what the loop counts, and what is multiplied or added to."""
    found = {node.id for node in walk(loop.target) if isinstance(node, Name)} if loop.target is not None else set()
    for node in walk_here(*loop.body):
        if not isinstance(node, Assign) or not isinstance(node.target, Name):
            continue
        again = {one.id for one in walk(node.value) if isinstance(one, Name)}
        if node.sign != "=" or node.target.id in again:
            found.add(node.target.id)
    if loop.test is not None:  # for (let attempt = 0; attempt < 5; attempt++)
        found |= {node.id for node in walk(loop.test) if isinstance(node, Name) and not isinstance(loop.test, Items)}
    return found
