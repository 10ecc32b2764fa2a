"""The way of message content through functions: from a request up to whoever calls with it, and gets the answer.

Rules
1. A function that hands one of its parameters on as content is given content by its callers.
2. A call of a function that gives content back is an answer; so is what only runs a request, as `retry(() => ask())`.
"""

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from tidegate.checks.facts.alternatives import argument_of, names
from tidegate.checks.facts.held import RAW, Held, path_of, paths_in
from tidegate.checks.facts.reach import Reach, Site
from tidegate.checks.facts.requests import Request
from tidegate.checks.program.module import Module
from tidegate.checks.tree.nodes import Call, Const, Exit, Function, Map, Node, Param
from tidegate.checks.tree.walk import last_name

_RUNS = re.compile(r"retry|attempt|backoff|wait|shield|race|timeout|run|limit|schedule|submit", re.IGNORECASE)
"""Names of what runs something that it is given, and gives back what that gave."""
_MOST = 5
"""How often a function is looked at: each time with more that its own calls give it."""


class Carrier(Struct, frozen=True, eq=False):
    """A function through which content goes, or a module outside of its functions."""

    module: Module
    around: Node
    held: Held


def carriers(reach: Reach, requests: Sequence[Request]) -> Iterator[Carrier]:
    """Everything that content goes through on its way to requests and back, as far as it can be followed."""
    found: dict[Node, Carrier] = {}
    waiting: list[Node] = []
    for request in requests:
        carrier = _at(found, request.module, request.call)
        for role in ("messages", "system"):
            given = request.arguments.given.get(role)
            if given is not None and given.module is request.module:
                carrier.held.names.update(paths_in(request.module, given.node))
        answer = carrier.held.calls.setdefault(run_of(request.module, request.call), set())
        answer.update(RAW if request.raw else {""})
        waiting.append(carrier.around)
    visits: dict[Node, int] = {}
    while waiting:
        around = waiting.pop()
        visits[around] = visits.get(around, 0) + 1
        carrier = found[around]
        carrier.held.grow(around)
        if isinstance(around, Function) and visits[around] <= _MOST:
            waiting.extend(_passed_up(reach, found, carrier, around))
    yield from found.values()


def _at(found: dict[Node, Carrier], module: Module, node: Node) -> Carrier:
    """The carrier around a place; a function that does nothing but run what stands there counts for its own place."""
    around: Node = module.root
    for one in module.above(run_of(module, node)):
        if isinstance(one, Function):
            around = one
            break
    return found.setdefault(around, Carrier(module, around, Held(set(), {})))


def run_of(module: Module, node: Node) -> Node:
    """The call that a call is run by: `retry(() => ask())`, `wait_for(ask(), 5)`; else itself."""
    up = module.up.get(node)
    if isinstance(up, Exit):
        up = module.up.get(up)
        if not isinstance(up, Function) or up.name or len(up.body) != 1:
            return node
        up = module.up.get(up)
    is_run = isinstance(up, Call) and up.of is not node and _RUNS.search(last_name(up.of)) is not None
    return run_of(module, up) if is_run and up is not None else node


def _passed_up(reach: Reach, found: dict[Node, Carrier], carrier: Carrier, function: Function) -> Iterator[Node]:
    """Tell the callers of a function what of theirs is content; gives those who learned something."""
    back = carrier.held.given_back(function)
    sites = {site.node: site for _, site in reach.callers(function)}
    sites |= {site.node: site for site in reach.top if site.to is function}
    for site in sites.values():
        if not isinstance(site.node, Call):
            continue
        caller = _at(found, site.module, site.node)
        answer = caller.held.calls.setdefault(run_of(site.module, site.node), set())
        before = len(caller.held.names), len(answer)
        answer |= back
        for param in function.params:
            caller.held.names.update(_given(carrier.held, site, site.node, function, param))
        if (len(caller.held.names), len(answer)) != before:
            yield caller.around


def _given(held: Held, site: Site, call: Call, function: Function, param: Param) -> Iterator[str]:
    """The paths of a caller that it gives for a parameter which holds content."""
    parts = {path[len(param.name) :] for path in held.names if path.partition(".")[0] == param.name}
    if not parts:
        return
    handed = next((number for number, one in enumerate(call.args) if names(one, function)), None)
    method = bool(function.params) and function.params[0].name in {"self", "cls"}
    value = argument_of(call, param, shift=int(method) if handed is None else -handed - 1)
    if isinstance(value, Map) and site.module.language != "python":  # `ask({ prompt })` for `function ask({ prompt })`
        entries = (part for key, part in value.entries if isinstance(key, Const) and key.value == param.name)
        value = next(entries, value)
    if value is None:
        return
    path = path_of(value)
    if path:
        known = paths_in(site.module, value)
        yield from (f"{one}{part}" for one in known for part in parts)
    else:
        yield from paths_in(site.module, value)
