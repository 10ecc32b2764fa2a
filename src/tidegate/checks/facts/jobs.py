"""Jobs of BullMQ, Bull and Celery: who queues them for a worker that asks Claude, and what holds the worker back.

A worker's `limiter` counts the jobs of a whole queue, and `rate_limit` of a task those of one worker: whoever queues
more than others delays the others and is refused nothing.

Sources: https://docs.celeryq.dev/en/stable/userguide/tasks.html ("a per worker instance rate limit"),
https://docs.bullmq.io/guide/rate-limiting ("the rate limiter is global"), bullmq 6.7.0 (`RateLimiterOptions` has `max`
and `duration`), bull 4.16.5 (`groupKey` besides), https://docs.bullmq.io/bullmq-pro/groups/rate-limiting
(`group: { limit }`, by the group that each job names).
"""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from tidegate.checks.facts.doors import Door
from tidegate.checks.facts.limiting import named_functions
from tidegate.checks.facts.queues import TASKS
from tidegate.checks.facts.reach import Reach
from tidegate.checks.program.fold import Known, fold, table_of
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Found, Program
from tidegate.checks.tree.nodes import Assign, Call, Class, Const, Function, Map, Member, Node
from tidegate.checks.tree.walk import last_name, walk

_WORKERS: Final = frozenset({"bullmq.Worker", "@taskforcesh/bullmq-pro.WorkerPro"})
_QUEUES: Final = frozenset({"bullmq.Queue", "@taskforcesh/bullmq-pro.QueuePro"})
_ADDS: Final = {"add", "addBulk"}
_LATER: Final = {"delay", "apply_async", "send", "send_with_options", "kiq", "schedule"}
"""Methods of a task that have it run by a worker: Celery, Dramatiq, taskiq, Huey."""
_LEVELS = 4
"""The door itself, and how far below it a job may be queued."""


class Pace(Struct, frozen=True, eq=False):
    """What holds a queue back."""

    module: Module
    node: Node
    name: str
    by: Node | None
    """What it counts by, where it counts more than the queue as a whole."""


def find_paces(program: Program) -> Iterator[Pace]:
    """`new Worker("ask", work, { limiter: { max: 10, duration: 1000 } })`, `@app.task(rate_limit="10/m")`."""
    yield from _of_workers(program)
    for module, function in program.every(Function):
        for decorator in function.decorators:
            named = dict(decorator.named) if isinstance(decorator, Call) and _is_task(decorator) else {}
            if "rate_limit" in named:
                yield Pace(module, named["rate_limit"], "Celery's rate_limit", None)


def _of_workers(program: Program) -> Iterator[Pace]:
    """The limiters of workers and queues."""
    for module, call in program.every(Call):
        origin = program.origin(module, call.of)
        if origin in _WORKERS:
            options = call.args[2] if len(call.args) > 2 else None
            yield from _pace(program, "BullMQ's limiter", _entry(program, module, options, "limiter"))
            grouped = _entry(program, module, options, "group")
            limit = None if grouped is None else _entry(program, grouped.module, grouped.node, "limit")
            if limit is not None:
                yield Pace(limit.module, limit.node, "BullMQ's group limit", limit.node)
        elif origin in {"bull", "bull.default"}:
            yield from _pace(program, "Bull's limiter", next(_limiters(program, module, call), None))


def queueing(program: Program, reach: Reach, doors: Iterable[Door]) -> tuple[Door, ...]:
    """Those of some doors that put jobs into a queue whose worker asks Claude."""
    names = set(_asking_queues(program, reach))
    tasks = {one for one in reach.sites if any(_is_task(decorator) for decorator in one.decorators)}
    if not names and not tasks:
        return ()
    return tuple(one for one in doors if _adds(program, names, tasks, one))


def _is_task(decorator: Node) -> bool:
    """`@shared_task(…)`, `@app.task`."""
    return last_name(decorator.of if isinstance(decorator, Call) else decorator) in TASKS


def _limiters(program: Program, module: Module, call: Call) -> Iterator[Found]:
    """`new Queue("ask", { limiter: … })` of Bull."""
    for one in call.args[1:]:
        found = _entry(program, module, one, "limiter")
        if found is not None:
            yield found


def _pace(program: Program, name: str, limiter: Found | None) -> Iterator[Pace]:
    if limiter is not None:
        key = _entry(program, limiter.module, limiter.node, "groupKey")
        yield Pace(limiter.module, limiter.node, name, None if key is None else key.node)


def _entry(program: Program, module: Module, node: Node | None, name: str) -> Found | None:
    """An entry of an object, with its place."""
    table = None if node is None else table_of(program, module, node)
    entries = table.node.entries if table is not None and isinstance(table.node, Map) else ()
    found = (value for key, value in entries if isinstance(key, Const) and key.value == name)
    return next((Found(table.module, value) for value in found if table is not None), None)


def _asking_queues(program: Program, reach: Reach) -> Iterator[str]:
    """The names of queues whose worker asks Claude."""
    for module, call in program.every(Call):
        if program.origin(module, call.of) not in _WORKERS or len(call.args) < 2:
            continue
        inside = (one for one in walk(call.args[1]) if isinstance(one, Function))
        named = (one for _, one in named_functions(program, module, call.args[1]) if isinstance(one, Function))
        name = fold(program, module, call.args[0])
        if isinstance(name, Known) and any(reach.asks(one) for one in (*inside, *named)):
            yield str(name.value)


def _adds(program: Program, names: set[str], tasks: set[Function], door: Door) -> bool:
    """Whether a door, or a function near it, calls `add` of one of these queues, or `delay` of one of these tasks."""
    seen: set[Node] = set()
    newest: list[tuple[Module, Function | Class]] = [(door.module, door.function)]
    for _ in range(_LEVELS):
        seen.update(node for _, node in newest)
        for module, node in newest:
            for call in walk(node):
                if isinstance(call, Call) and (
                    _queue_of(program, module, call) in names or _task_of(program, module, call) in tasks
                ):
                    return True
        named = (one for module, node in newest for one in named_functions(program, module, *node.body))
        newest = list({node: (module, node) for module, node in named if node not in seen}.values())
    return False


def _task_of(program: Program, module: Module, call: Call) -> Node | None:
    """The task that a call has run by a worker."""
    later = isinstance(call.of, Member) and call.of.name in _LATER
    found = program.find(module, call.of.of) if later and isinstance(call.of, Member) else None
    return None if found is None else found.node


def _queue_of(program: Program, module: Module, call: Call) -> str | None:
    """The name of the queue that a call puts a job into."""
    if not isinstance(call.of, Member) or call.of.name not in _ADDS:
        return None
    found = program.find(module, call.of.of)
    made = found.node.value if found is not None and isinstance(found.node, Assign) else None
    if found is None or not isinstance(made, Call) or program.origin(found.module, made.of) not in _QUEUES:
        return None
    name = fold(program, found.module, made.args[0]) if made.args else None
    return str(name.value) if isinstance(name, Known) else None
