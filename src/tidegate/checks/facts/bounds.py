"""Whether a loop ends by itself: what its test says, and what leaves it."""

from collections.abc import Iterator

from tidegate.checks.tree.nodes import (
    Assign,
    Call,
    Const,
    Exit,
    If,
    Loop,
    Member,
    Name,
    Node,
    Operation,
)
from tidegate.checks.tree.walk import last_name, walk, walk_here

_COMPARES = {"<", "<=", ">", ">=", "=="}
_LIMITING = (
    "max", "limit", "budget", "deadline", "remaining", "attempt", "turn", "step", "iteration", "retries",
    "tries", "count", "timeout", "elapsed", "depth", "rounds",
)  # fmt: skip

_WAITS = {
    "input", "prompt", "question", "receive", "receive_text", "receive_json", "recv", "readline", "read_line",
    "brpop", "blpop", "bzpopmin", "xread", "xreadgroup", "accept", "get_message", "poll", "get_nowait",
    "listen", "subscribe", "receive_message", "receive_messages", "wait_for_message", "prompt_async",
    "getMessage", "text_input", "chat_input", "multiline_input",
}  # fmt: skip
_SIGNS = {"is_set", "isSet"}
_STOPS = {
    "stop", "stopped", "stopping", "stop_event", "should_stop", "running", "is_running", "shutdown", "shutting_down",
    "closed", "closing", "is_closed", "alive", "is_alive", "aborted", "cancelled",
}  # fmt: skip
_TAKES = {"get", "pop", "popleft", "take", "lpop", "rpop"}
_QUEUES = ("queue", "jobs", "tasks", "inbox", "channel", "mailbox", "messages_in", "work")


def is_endless(loop: Loop) -> bool:
    """Whether nothing but the answers of Claude ends a loop."""
    if loop.over is not None:
        return _is_endless_iterator(loop.over)
    if loop.test is not None and _limits(loop.test):
        return False
    return not any(_leaves_by_count(node) for node in walk_here(*loop.body)) and not waits_for_work(loop)


def _is_endless_iterator(over: Node) -> bool:
    """`itertools.count()` and `iter(f, None)`."""
    of = over.of if isinstance(over, Call) else None
    name = last_name(of)
    return name == "count" and isinstance(over, Call) and len(over.args) <= 1


def _limits(test: Node) -> bool:
    """Whether a condition compares something with a number, or with what is called a limit."""
    for node in walk_here(test):
        if isinstance(node, Operation) and node.sign in _COMPARES and any(_is_limit(part) for part in node.parts):
            return True
        if isinstance(node, Name | Member) and _is_limit(node) and not isinstance(test, Operation):
            return True
    return any(_is_counting_down(node) for node in walk_here(test))


def is_limited(test: Node) -> bool:
    """Whether a condition holds something against what is called a limit: `this.turns < MAX_TURNS`."""
    return any(
        isinstance(node, Operation)
        and node.sign in _COMPARES - {"=="}
        and any(isinstance(part, Name | Member) and _is_limit(part) for part in node.parts)
        for node in walk_here(test)
    )


def _is_counting_down(node: Node) -> bool:
    """`while (attempts--)`."""
    return isinstance(node, Assign) and node.sign != "="


def _is_limit(node: Node) -> bool:
    if isinstance(node, Const):
        return isinstance(node.value, int | float) and not isinstance(node.value, bool)
    if isinstance(node, Operation | Call):
        return any(_is_limit(part) for part in (node.parts if isinstance(node, Operation) else node.args))
    name = last_name(node)
    return any(word in name.lower() for word in _LIMITING)


def _leaves_by_count(node: Node) -> bool:
    """`if turns >= 10: break`."""
    return isinstance(node, If) and _limits(node.test) and any(leaves(branch) for branch in (node.then, node.other))


def leaves(statements: tuple[Node, ...]) -> bool:
    """Whether some statements leave the loop or the function around them."""
    return any(isinstance(node, Exit) and node.kind in {"return", "raise", "break"} for node in walk_here(*statements))


def continues(statements: tuple[Node, ...]) -> bool:
    """Whether some statements go on with the next round."""
    return any(isinstance(node, Exit) and node.kind == "continue" for node in walk_here(*statements))


def ends_by_leaving(statements: tuple[Node, ...]) -> bool:
    """Whether the last statement leaves."""
    last = statements[-1] if statements else None
    return isinstance(last, Exit) and last.kind in {"return", "raise", "break"}


def waits_for_work(loop: Loop) -> bool:
    """Whether each round waits for a person or for a queue, or others stop it: so that somebody else bounds it."""
    if loop.test is not None and _is_stopped_from_outside(loop, loop.test):
        return True
    for node in walk_here(*loop.body, *((loop.test,) if loop.test else ())):
        if not isinstance(node, Call):
            continue
        name = last_name(node.of)
        if name in _WAITS or (
            name == "ask" and isinstance(node.of, Member) and "prompt" in last_name(node.of.of).lower()
        ):
            return True
        if name in _TAKES and isinstance(node.of, Member) and _is_queue(node.of.of):
            return True
    return False


def _is_stopped_from_outside(loop: Loop, test: Node) -> bool:
    """`while not stopping.is_set()`, `while self.running` where no round of its own changes that."""
    own = {last_name(node.target) for node in walk_here(*loop.body) if isinstance(node, Assign)}
    for node in walk_here(test):
        if isinstance(node, Call) and last_name(node.of) in _SIGNS:
            return True
        if isinstance(node, Member) and node.name not in own and node.name.lower().strip("_") in _STOPS:
            return True
    return False


def _is_queue(node: Node) -> bool:
    return any(word in last_name(node).lower() for word in _QUEUES)


def names_in(*nodes: Node) -> Iterator[str]:
    """Every name and member below some nodes."""
    for node in walk(*nodes):
        if isinstance(node, Name):
            yield node.id
        elif isinstance(node, Member):
            yield node.name
