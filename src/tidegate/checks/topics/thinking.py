"""Point 9, in the second turn: history with thinking must not be changed."""

from collections.abc import Iterator
from typing import Final

from tidegate.checks.check import Check
from tidegate.checks.facts.alternatives import origins
from tidegate.checks.facts.models import Model, find_model
from tidegate.checks.facts.requests import Request
from tidegate.checks.program.fold import Known, spoken
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Found
from tidegate.checks.project import Project
from tidegate.checks.topics.usual import no_request
from tidegate.checks.tree.nodes import (
    Assign,
    Call,
    Const,
    Item,
    Items,
    Loop,
    Map,
    Member,
    Name,
    Node,
    Operation,
    Spread,
)
from tidegate.checks.tree.walk import walk
from tidegate.checks.verdict import Verdict, passed, skipped, unknown, warned

_CUTS: Final = {"pop", "popleft", "shift", "splice", "slice", "remove", "clear", "filter", "reverse"}
_CLOCKS: Final = {
    "now",
    "today",
    "utcnow",
    "time",
    "uuid4",
    "random",
    "randomUUID",
    "toISOString",
    "strftime",
    "isoformat",
}
_FIX: Final = (
    "Only append to messages; let the server cut (compaction, context editing), or set max rounds and begin anew."
)


def untouched(project: Project) -> Iterator[Verdict]:
    """A thinking block is signed for the conversation before it: the same system prompt, tools and messages.  Cutting
    old messages, rewriting one or putting the time into the system prompt makes the next turn fail with 400 on
    accounts made since 2026-08-31 (and spoils the prompt cache everywhere).
    """
    yield from no_request(project)
    if not project.requests:
        return
    thinking = [(request, thinks) for request in project.requests if (thinks := _thinks(project, request)) is not False]
    if not thinking:
        yield skipped("no request was seen that thinks and binds its thinking")
        return
    fine = True
    for request, thinks in thinking:
        for verdict in _changed(project, request, sure=bool(thinks)) or _unseen(project, request):
            fine = False
            yield verdict
    if fine:
        yield passed("messages with thinking are only added to")


def _changed(project: Project, request: Request, *, sure: bool) -> list[Verdict]:
    """What changes the conversation in sight."""
    found = []
    for module, node, what in _changes(request):
        place = project.place(module, node)
        if sure:
            found.append(warned(place, f"{what}: the API refuses thinking that came after it.", fix=_FIX))
        else:
            text = f"{what}, and whether the model binds its thinking cannot be told"
            found.append(unknown(text, supply="the model's name, in sight", place=place))
    return found


def _unseen(project: Project, request: Request) -> list[Verdict]:
    """Where something out of sight may change the conversation."""
    supply = "a list that is put together where it is sent"
    return [
        unknown(
            f"the messages come from {source}, and what changes them cannot be told",
            supply=supply,
            place=project.at(request),
        )
        for source in _out_of_sight(project, request)
    ]


def _out_of_sight(project: Project, request: Request) -> Iterator[str]:
    """What messages come from that cannot be looked at, in words; once each."""
    found = request.arguments.given.get("messages")
    if found is None:
        yield from ("elsewhere",) if request.arguments.open else ()
    else:
        yield from dict.fromkeys(_sources(project, found))


def _sources(project: Project, found: Found) -> Iterator[str]:
    for module, node in origins(project.program, project.reach, found):
        parts: tuple[Node, ...] = ()
        if isinstance(node, Items):
            parts = tuple(part.of for part in node.parts if isinstance(part, Spread))
        elif isinstance(node, Operation) and node.sign == "+":
            parts = node.parts
        elif not (isinstance(node, Member) and isinstance(node.of, Name) and node.of.id in {"self", "this"}):
            yield spoken(node)
        for part in parts:
            yield from _sources(project, Found(module, part))


def _thinks(project: Project, request: Request) -> bool | None:
    """Whether thinking comes back bound; None: it may."""
    asked = _asked(project, request)
    if asked is False:
        return False
    value = project.value(request, "model")
    model: Model | None = find_model(value.value) if isinstance(value, Known) and isinstance(value.value, str) else None
    if model is None:
        return None if asked else False
    if "binds_thinking" not in model.manners:
        return False
    return bool(asked) or "always_thinks" in model.manners


def _asked(project: Project, request: Request) -> bool | None:
    """What the request says about thinking; None: nothing."""
    found = request.arguments.given.get("thinking")
    if found is None:
        return None
    if isinstance(found.node, Map):
        for key, value in found.node.entries:
            if isinstance(key, Const) and key.value == "type":
                return not (isinstance(value, Const) and value.value == "disabled")
    worth = project.fold(found)
    return not (isinstance(worth, Known) and worth.value is None)


def _changes(request: Request) -> Iterator[tuple[Module, Node, str]]:
    """Changes to what is sent as messages and system, in the function around the request; or in its file, if an object
    keeps them.
    """
    module = request.module
    messages = request.arguments.given.get("messages")
    kept = messages is not None and isinstance(messages.node, Member)
    root: Node = module.root if kept or request.function is None else request.function
    names = {node.id for node in (walk(messages.node) if messages else ()) if isinstance(node, Name)}
    members = {node.name for node in (walk(messages.node) if messages else ()) if isinstance(node, Member)}
    for node in walk(root):
        if _cuts(node, names, members):
            yield module, node, "Old messages are taken out"
        elif _rewrites(node, names, members):
            yield module, node, "A message is rewritten"
    system = request.arguments.given.get("system")
    if system is not None and _is_in_conversation(request):
        for node in walk(system.node):
            if isinstance(node, Call) and getattr(node.of, "name", getattr(node.of, "id", "")) in _CLOCKS:
                yield system.module, node, "The system prompt is different in every turn"
                return


def _is_history(node: Node, names: set[str], members: set[str]) -> bool:
    if isinstance(node, Name):
        return node.id in names and _says_messages(node.id)
    return isinstance(node, Member) and node.name in members and _says_messages(node.name)


def _says_messages(name: str) -> bool:
    return any(
        word in name.lower() for word in ("message", "history", "conversation", "convo", "turns", "context", "chat")
    )


def _cuts(node: Node, names: set[str], members: set[str]) -> bool:
    if isinstance(node, Call) and isinstance(node.of, Member) and node.of.name in _CUTS:
        return _is_history(node.of.of, names, members) and not _is_last_pop(node)
    if isinstance(node, Item) and isinstance(node.key, Operation) and node.key.sign == ":":
        start = node.key.parts[0]
        whole = isinstance(start, Const) and start.value is None
        return _is_history(node.of, names, members) and not whole
    return False


def _is_last_pop(call: Call) -> bool:
    """`messages.pop()` takes back the last one, which nothing is bound to."""
    assert isinstance(call.of, Member)
    return call.of.name == "pop" and not call.args


def _rewrites(node: Node, names: set[str], members: set[str]) -> bool:
    """`messages[0]["content"] = …`."""
    if not isinstance(node, Assign) or not isinstance(node.target, Item | Member):
        return False
    target: Node = node.target
    depth = 0
    while isinstance(target, Item | Member) and not _is_history(target, names, members):
        depth += isinstance(target, Item)
        target = target.of
    return depth > 0 and _is_history(target, names, members)


def _is_in_conversation(request: Request) -> bool:
    """Whether answers come back: a loop, or messages that are more than one question."""
    if any(isinstance(one, Loop) for one in request.module.above(request.call)):
        return True
    found = request.arguments.given.get("messages")
    if found is None:
        return False
    if isinstance(found.node, Items):
        return any(isinstance(part, Spread) for part in found.node.parts)
    return isinstance(found.node, Name | Member) and _says_messages(
        getattr(found.node, "name", getattr(found.node, "id", ""))
    )


CHECKS = (
    Check(
        id="TG905",
        title="History with thinking is left as it is",
        severity="medium",
        confidence="medium",
        evidence="static",
        scope="requests",
        look=untouched,
        bad="messages = messages[-20:]",
        good="messages.append(…)   # and nothing else",
    ),
)
