"""Point 11: logs say who, when and how much, never what."""

import re
from collections.abc import Iterator

from tidegate.checks.check import Check
from tidegate.checks.facts.content import logged_bodies, logged_content
from tidegate.checks.files.settings import EXAMPLE
from tidegate.checks.program.fold import Known
from tidegate.checks.program.module import Module
from tidegate.checks.project import Project
from tidegate.checks.topics.usual import count, no_request
from tidegate.checks.tree.nodes import Assign, Call, Const, Item, Map, Member, Node
from tidegate.checks.verdict import Edit, Place, Verdict, failed, passed, unknown, warned

_LOGS = "The SDK logs requests and answers."
_MADE = "what is logged is made of message content, or of the bodies of requests; whether it shows any cannot be seen"
_FIX = "Log user, route, model, tokens and duration; of a text at most its length."
_QUIETER = frozenset({"INFO", "WARNING", "WARN", "ERROR", "CRITICAL"})
_DEBUG = re.compile(r"^[^#\n]*\bANTHROPIC_LOG\b[\"']?\s*[:= ]\s*[\"']?debug\b.*$", re.MULTILINE | re.IGNORECASE)


def silent(project: Project) -> Iterator[Verdict]:
    """Logs are read by more people than a database, are kept longer, and are sent to other companies.  What a user
    writes to an assistant is often the most private thing that a program gets to see.
    """
    yield from no_request(project)
    fine = True
    doors = {door.module.path for door in (*project.doors, *project.queueing)}
    found = list(logged_content(project.program, project.reach, project.requests))
    known = {one.node for one in found}
    if doors:
        found.extend(one for one in logged_bodies(project.program) if one.node not in known)
    for one in found:
        if one.printed and not doors:
            continue
        fine = False
        place = project.place(one.module, one.node)
        if one.node in known and one.sure:
            yield failed(place, "Message content is logged.", fix=_FIX)
        elif one.module.path in doors and one.node not in known:
            yield failed(place, "The body of every request is logged, and users' messages with it.", fix=_FIX)
        else:
            yield unknown(_MADE, supply="a log without what is made of messages", place=place)
    if project.requests and fine:
        yield passed(f"no log call on the way to {count(len(project.requests), 'request')} is given content")


def quiet(project: Project) -> Iterator[Verdict]:
    """At the level debug the SDK itself logs requests and answers, with all that users write and are told."""
    found = list(_in_code(project))
    for text in project.texts:
        if EXAMPLE.fullmatch(text.name):
            continue
        for said in _DEBUG.finditer(text.text):
            line = text.text.count("\n", 0, said.start()) + 1
            place = Place(text.path, line)
            production = "production" in text.name or text.name.lower().endswith(
                ("dockerfile", ".toml", ".yml", ".yaml")
            )
            state = failed if production else warned
            edits = (Edit(Place(text.path, line, 0, line + 1, 0), ""),) if text.name.startswith(".env") else ()
            found.append(
                state(
                    place,
                    _LOGS,
                    fix="Leave ANTHROPIC_LOG out, or set info.",
                    edits=edits,
                )
            )
    yield from found
    if not found:
        yield passed("the SDK is not told to log requests")


def _in_code(project: Project) -> Iterator[Verdict]:
    yield from _loggers(project)
    for module, assign in project.program.every(Assign):
        if _sets_debug(assign):
            yield failed(project.place(module, assign), _LOGS, fix="Leave ANTHROPIC_LOG out.")
    for client in project.clients:
        value = project.value(client, "log_level")
        found = client.arguments.given.get("log_level")
        if found is None or value is None:
            continue
        place = project.place(found.module, found.node)
        if not isinstance(value, Known):
            yield unknown("what the SDK logs cannot be told", supply="logLevel in sight", place=place)
        elif value.value == "debug":
            yield failed(place, _LOGS, fix="Leave logLevel out.")


def _loggers(project: Project) -> Iterator[Verdict]:
    """Levels of Python's loggers."""
    held_back = any(_level_of(node) in _QUIETER for _, node in project.program.every(Call))
    for module, node in project.program.every(Call):
        if _level_of(node) == "DEBUG":
            yield failed(project.place(module, node), _LOGS, fix="Leave its logger at INFO.")
        elif not held_back and project.requests and _root_level(project, module, node) == "DEBUG":
            fix = 'Set INFO, or logging.getLogger("anthropic").setLevel(logging.INFO) beside it.'
            yield failed(project.place(module, node), "At DEBUG the SDK logs requests and answers.", fix=fix)
    for module, table in project.program.every(Map):
        if _configures_debug(table):
            yield failed(project.place(module, table), _LOGS, fix="Leave its logger at INFO.")


def _sets_debug(assign: Assign) -> bool:
    """`os.environ["ANTHROPIC_LOG"] = "debug"`."""
    key = assign.target.key if isinstance(assign.target, Item) else None
    value = assign.value.value if isinstance(assign.value, Const) else None
    return isinstance(key, Const) and key.value == "ANTHROPIC_LOG" and value == "debug"


def _configures_debug(table: Map) -> bool:
    """`"loggers": {"anthropic": {"level": "DEBUG"}}` of `logging.config.dictConfig`, and of Django's LOGGING."""
    loggers = (value for key, value in table.entries if _is_sdk(key) and isinstance(value, Map))
    entries = (entry for logger in loggers for entry in logger.entries)
    return any(isinstance(key, Const) and key.value == "level" and _level(value) == "DEBUG" for key, value in entries)


def _is_sdk(name: Node | None) -> bool:
    return isinstance(name, Const) and str(name.value).partition(".")[0] in {"anthropic", "httpx", "httpx2"}


def _level_of(call: Call) -> str:
    """The DEBUG of `logging.getLogger("anthropic").setLevel(logging.DEBUG)`; "" for all other calls."""
    if not isinstance(call.of, Member) or call.of.name != "setLevel" or not isinstance(call.of.of, Call):
        return ""
    named = call.of.of.args[0] if call.of.of.args else None
    return _level(call.args[0]) if _is_sdk(named) and call.args else ""


def _root_level(project: Project, module: Module, call: Call) -> str:
    """The DEBUG of `logging.basicConfig(level=logging.DEBUG)` and of `logging.getLogger().setLevel(logging.DEBUG)`."""
    if project.program.origin(module, call.of) == "logging.basicConfig":
        return next((_level(value) for name, value in call.named if name == "level"), "")
    if not isinstance(call.of, Member) or call.of.name != "setLevel" or not isinstance(call.of.of, Call):
        return ""
    root = not call.of.of.args and project.program.origin(module, call.of.of.of) == "logging.getLogger"
    return _level(call.args[0]) if root and call.args else ""


def _level(node: Node) -> str:
    """`DEBUG` of `logging.DEBUG`, `"DEBUG"` and 10; "" for what is computed."""
    if isinstance(node, Member):
        return node.name
    value = node.value if isinstance(node, Const) else None
    return "DEBUG" if value == 10 else value.upper() if isinstance(value, str) else ""


CHECKS = (
    Check(
        id="TG1101",
        title="No message content is logged",
        severity="high",
        confidence="medium",
        evidence="static",
        scope="requests",
        look=silent,
        bad='log.info("asked", prompt=prompt, answer=response.content)',
        good='log.info("claude_call_success", user=user, tokens=response.usage.output_tokens)',
    ),
    Check(
        id="TG1102",
        title="The SDK does not log requests",
        severity="high",
        confidence="high",
        evidence="static",
        scope="sources",
        look=quiet,
        bad="ANTHROPIC_LOG=debug",
        good="# ANTHROPIC_LOG is not set",
        fixes=True,
    ),
)
