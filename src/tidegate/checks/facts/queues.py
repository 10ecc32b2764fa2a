"""Task queues that try a task again when it fails: Celery, Dramatiq, Huey.

Sources: https://docs.celeryq.dev/en/stable/userguide/tasks.html (max_retries 3, default_retry_delay 180 s),
https://dramatiq.io/guide.html (on every exception, growing waits, up to 20 times),
https://huey.readthedocs.io/en/latest/api.html (retries 0, retry_delay 0).
"""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from tidegate.checks.facts.statuses import Judged, judge_catch, judge_types
from tidegate.checks.facts.waits import Waits
from tidegate.checks.program.fold import Known, fold
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Call, Catch, Function, Items, Member, Node, Operation
from tidegate.checks.tree.walk import last_name, walk, walk_here

TASKS: Final = {"task", "shared_task", "periodic_task", "actor", "db_task", "db_periodic_task"}
"""Decorators that make a task of a function."""
_POWERS: Final = {"**", "<<"}


class Queued(Struct, frozen=True, eq=False):
    """A task that its queue tries again."""

    node: Node
    name: str
    repeats: Judged
    waits: Waits
    endless: bool


def find_queued(program: Program, module: Module, function: Function) -> Iterator[Queued]:
    """How the queue of a task tries it again; nothing where it does not."""
    for decorator in function.decorators:
        call = decorator if isinstance(decorator, Call) else Call(decorator.at, decorator, ())
        if last_name(call.of) not in TASKS:
            continue
        named = {name: value for name, value in call.named if name}
        if last_name(call.of) == "actor" and "dramatiq" in module.imported:
            yield from _dramatiq(program, module, decorator, named)
        elif "huey" in module.imported:
            yield from _huey(program, module, decorator, named)
        else:
            yield from _celery(program, module, function, decorator, named)


def _celery(
    program: Program, module: Module, function: Function, decorator: Node, named: dict[str, Node]
) -> Iterator[Queued]:
    endless = "max_retries" in named and _worth(program, module, named["max_retries"]) is None
    if "autoretry_for" in named:
        types = named["autoretry_for"]
        judged = judge_types(types.parts if isinstance(types, Items) else (types,))
        backoff = named.get("retry_backoff")
        waits: Waits = "same"
        if backoff is not None:
            worth = _worth(program, module, backoff)
            waits = "unknown" if worth is ... else "grow" if worth else "same"
        yield Queued(decorator, "Celery", judged, waits, endless)
        return
    for call in walk_here(*function.body):
        if isinstance(call, Call) and _is_retry(function, call):
            catch = next((one for one in module.above(call) if isinstance(one, Catch)), None)
            repeats: Judged = "unknown" if catch is None else judge_catch(program, module, catch)
            yield Queued(call, "Celery", repeats, _countdown(program, module, call), endless)


def _is_retry(function: Function, call: Call) -> bool:
    """`self.retry(…)` and `task_name.retry(…)`."""
    of = call.of
    return isinstance(of, Member) and of.name == "retry" and last_name(of.of) in {"self", "task", function.name}


def _countdown(program: Program, module: Module, call: Call) -> Waits:
    given = dict(call.named).get("countdown")
    if given is None:
        return "unknown" if "eta" in dict(call.named) else "same"
    if any(isinstance(one, Operation) and one.sign in _POWERS for one in walk(given)):
        return "grow"
    return "unknown" if _worth(program, module, given) is ... else "same"


def _dramatiq(program: Program, module: Module, decorator: Node, named: dict[str, Node]) -> Iterator[Queued]:
    most = named.get("max_retries")
    if most is not None and _worth(program, module, most) == 0:
        return
    repeats: Judged = "unknown" if {"throws", "retry_when"} & set(named) else "all"
    endless = most is not None and _worth(program, module, most) is None
    yield Queued(decorator, "Dramatiq", repeats, "grow", endless)


def _huey(program: Program, module: Module, decorator: Node, named: dict[str, Node]) -> Iterator[Queued]:
    if "retries" in named and _worth(program, module, named["retries"]) != 0:
        yield Queued(decorator, "Huey", "all", "same" if "retry_delay" in named else "none", endless=False)


def _worth(program: Program, module: Module, node: Node) -> object:
    """What an argument is; `...`: that cannot be told."""
    value = fold(program, module, node)
    return value.value if isinstance(value, Known) else ...
