"""Point 1, in the program: the key comes from the environment."""

import re
from collections.abc import Iterator

from tidegate.checks.check import Check
from tidegate.checks.facts.requests import Client, Request
from tidegate.checks.files.secrets import KEY_VARIABLE, holds_key, may_be_key
from tidegate.checks.program.fold import Known, fold, may_default, spoken
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Found
from tidegate.checks.project import Project
from tidegate.checks.scan.match import credentials
from tidegate.checks.topics.removal import without_argument
from tidegate.checks.topics.usual import count
from tidegate.checks.tree.nodes import (
    Assign,
    Block,
    Call,
    Class,
    Const,
    Function,
    Import,
    Item,
    Member,
    Name,
    Node,
    Operation,
    Text,
)
from tidegate.checks.verdict import Edit, Verdict, failed, passed, warned

_REVOKE = "Delete this key in the Claude Console first: who has seen the code has the key."


def written(project: Project) -> Iterator[Verdict]:
    """A key in the code is in every clone, image, backup and screen share, and it cannot be changed without a release.
    The SDKs read ANTHROPIC_API_KEY by themselves, so the code need not name the key at all.
    """
    wrong = False
    seen: set[Node] = set()
    senders: list[Client | Request] = [*project.clients, *project.requests]
    for one in senders:
        for role in ("api_key", "auth_token"):
            found = one.arguments.given.get(role)
            value = None if found is None else project.fold(found)
            if found is None or not isinstance(value, Known) or value.default_of or value.node in seen:
                continue
            if isinstance(value.value, str) and may_be_key(value.value):
                seen.add(value.node)
                wrong = True
                yield _written(project, one, found, value)
    for module, node in project.program.every(Const):
        if node in seen or not _is_key(node) or _is_default(project, module, node):
            continue
        wrong = True
        yield failed(
            project.place(module, node),
            "A key is written into the code.",
            fix=f"Read it from the environment. {_REVOKE}",
            edits=_from_environment(project, module, node),
            secret=True,
        )
    if not wrong:
        yield passed(f"no key in {count(len(project.program.modules), 'source')} that have to do with Claude")


def _written(project: Project, one: Client | Request, found: Found, value: Known) -> Verdict:
    edits = () if isinstance(one, Request) or value.node is not found.node else without_argument(found)
    return failed(
        project.place(value.module, value.node),
        "A key is written into the code.",
        fix=f"Leave the argument out and set ANTHROPIC_API_KEY. {_REVOKE}",
        edits=edits or _from_environment(project, value.module, value.node),
        secret=True,
    )


def _from_environment(project: Project, module: Module, node: Node) -> tuple[Edit, ...]:
    """The literal replaced by the variable, where nothing but the key goes and no new import is needed."""
    if not (isinstance(node, Const) and _is_whole_key(node) and _may_be_any_expression(module, node)):
        return ()
    if module.language == "python":
        text = 'os.environ["ANTHROPIC_API_KEY"]' if _knows_os(module, node) else ""
    else:
        text = "process.env.ANTHROPIC_API_KEY" if _knows_process(module, node) else ""
    return (Edit(project.place(module, node), text),) if text else ()


def _is_whole_key(node: Const) -> bool:
    """Whether a literal is an API key and nothing else: another credential belongs into another variable."""
    data = node.value.encode(errors="replace") if isinstance(node.value, str) else b""
    if not re.fullmatch(rb"[\w-]+", data):
        return False
    found = list(credentials(data))
    return not found or (len(found) == 1 and found[0].secret == data and found[0].kind == "api-key")


def _may_be_any_expression(module: Module, node: Const) -> bool:
    """Whether a text literal stands as a value that is assigned, or as the argument of a call.

    Not in an f-string, whose quotes it could end; not in an enum, whose members are constants; not where it is put
    into the environment itself.
    """
    line, column, *end = node.at
    up = module.up.get(node)
    written = module.lines[line - 1][column:]
    if not written.lstrip("uUrR").startswith(('"', "'", "`")) or _is_in_text(module, node):
        return False
    if isinstance(up, Assign):
        owner = module.up.get(up)
        enum = isinstance(owner, Class) and re.match(
            r"(?:const\s+)?enum\b", module.lines[owner.at[0] - 1][owner.at[1] :]
        )
        return up.value is node and up.sign == "=" and not enum and not _is_environment(up.target)
    return isinstance(up, Call) and up.of is not node and list(up.at[2:]) != end  # not sql`…`


def _is_in_enum(module: Module, node: Assign) -> bool:
    """Whether an assignment is a member of TypeScript's `enum`, which is a class in the small tree."""
    owner = module.up.get(node)
    if not isinstance(owner, Class) or module.language == "python":
        return False
    return bool(re.match(r"(?:const\s+)?enum\b", module.lines[owner.at[0] - 1][owner.at[1] :]))


def _is_in_text(module: Module, node: Node) -> bool:
    return any(isinstance(one, Text) for one in module.above(node))


def _is_environment(target: Node) -> bool:
    """`os.environ["X"] = …`, `process.env.X = …`."""
    return isinstance(target, Item | Member) and spoken(target.of).endswith((".env", "environ"))


def _knows_os(module: Module, node: Node) -> bool:
    """Whether `os` is the module where the node stands, by an import above it that is made in any case."""
    found = module.lookup("os", node)
    return bool(found) and all(
        isinstance(one, Import)
        and one.module == "os"
        and not one.name
        and one.at < node.at
        and _is_certain(module, one)
        for one in found
    )


def _is_certain(module: Module, node: Import) -> bool:
    """Whether only blocks are around an import, up to its function or module."""
    for one in module.above(node):
        if isinstance(one, Function):
            return True
        if not isinstance(one, Block):
            return False
    return True


def _knows_process(module: Module, node: Node) -> bool:
    """Whether `process` is Node's where the node stands: browsers have none, and markup is mostly for them."""
    bound = module.lookup("process", node)
    fine = all(isinstance(one, Import) and one.module in {"process", "node:process"} for one in bound)
    return fine and not module.path.endswith((".tsx", ".jsx"))


def _is_key(node: Const) -> bool:
    return isinstance(node.value, str) and holds_key(node.value.encode(errors="replace"))


def _is_default(project: Project, module: Module, node: Node) -> bool:
    """Whether a literal stands in for a variable that may be missing: that is the next check's."""
    up = module.up.get(node)
    value = fold(project.program, module, up) if isinstance(up, Call | Operation) else None
    return isinstance(value, Known) and value.default_of.startswith("the variable ")


def defaulted(project: Project) -> Iterator[Verdict]:
    """With a default the program starts without its key and fails at the first request, or, worse, runs on a key that
    nobody knows is in use.  A start that fails says at once what is missing.
    """
    wrong = False
    places: list[tuple[Module, Call | Operation]] = [*project.program.every(Call), *project.program.every(Operation)]
    for module, node in places:
        if not may_default(project.program, module, node):
            continue
        value = fold(project.program, module, node)
        if not isinstance(value, Known) or not isinstance(value.value, str) or value.module is not module:
            continue
        name = value.default_of.removeprefix("the variable ")
        if name == value.default_of or not KEY_VARIABLE.fullmatch(name) or not _is_whole(module, node):
            continue
        wrong = True
        fix = f'Use os.environ["{name}"]: it fails at the start, with the name.'
        if module.language != "python":
            fix = f"Throw an error at the start when process.env.{name} is missing."
        place = project.place(module, node)
        if may_be_key(value.value):
            edits = _required(project, module, node, name)
            yield failed(place, f"{name} has a key as its default.", fix=f"{fix} {_REVOKE}", edits=edits, secret=True)
        else:
            yield warned(place, f"{name} has a default, so a missing key is noticed late.", fix=fix, secret=True)
    for module, default, name in _settings(project):
        wrong = True
        yield warned(
            project.place(module, default),
            f"{name} has a default, so a missing key is noticed late.",
            fix=f"Leave the default of {name} out: the settings then fail at the start, with the name.",
            secret=True,
        )
    if not wrong:
        yield passed("no variable that holds a key has a default")


def _settings(project: Project) -> Iterator[tuple[Module, Assign, str]]:
    """`anthropic_api_key: str = ""` in a class that reads its fields from the environment.

    A default that is a key stands in the code: that is the check before this one.
    """
    for module, node in project.program.every(Class):
        if module.language != "python" or not _reads_environment(project, module, node):
            continue
        for one in node.body:
            if isinstance(one, Assign) and isinstance(one.target, Name) and KEY_VARIABLE.fullmatch(one.target.id):
                default = _default_text(project, module, one.value)
                if default is not None and not may_be_key(default):
                    yield module, one, one.target.id


def _reads_environment(project: Project, module: Module, node: Class, hops: int = 4) -> bool:
    """Whether a class is pydantic's `BaseSettings`, or made from a class that is."""
    for base in node.of:
        if spoken(base).rpartition(".")[2] == "BaseSettings" or project.program.origin(module, base).endswith(
            ".BaseSettings"
        ):
            return True
        found = project.program.find(module, base) if hops and isinstance(base, Name | Member) else None
        above = found.node if found is not None else None
        if isinstance(above, Class) and found and _reads_environment(project, found.module, above, hops - 1):
            return True
    return False


def _default_text(project: Project, module: Module, node: Node) -> str | None:
    """The text that a field is given as its default, also by `Field("…")` and `SecretStr("…")`; None for none."""
    if isinstance(node, Call) and spoken(node.of).rpartition(".")[2] in {"SecretStr", "Field"}:
        given = dict(node.named).get("default") or next(iter(node.args), None)
        return None if given is None else _default_text(project, module, given)
    value = fold(project.program, module, node)
    return value.value if isinstance(value, Known) and isinstance(value.value, str) else None


def _is_whole(module: Module, node: Node) -> bool:
    """Whether nothing around the node is the same default: `(a or b)` inside of `(a or b) or c`."""
    up = module.up.get(node)
    return not (isinstance(up, Operation) and up.sign in {"or", "??"} and up.parts[0] is node)


def _required(project: Project, module: Module, node: Node, name: str) -> tuple[Edit, ...]:
    """`os.getenv("X", "…")` as `os.environ["X"]`."""
    if module.language != "python" or not isinstance(node, Call) or _is_in_text(module, node):
        return ()
    base: Node = node.of
    while isinstance(base, Member):
        base = base.of
    if (
        not isinstance(base, Name)
        or project.program.origin(module, base) != "os"
        or len(node.args) + len(node.named) != 2
    ):
        return ()
    return (Edit(project.place(module, node), f'{base.id}.environ["{name}"]'),)


CHECKS = (
    Check(
        id="TG101",
        title="No key is written into the code",
        severity="high",
        confidence="high",
        evidence="static",
        scope="sources",
        look=written,
        bad='client = Anthropic(api_key="sk-ant-api03-…")',
        good="client = Anthropic()   # reads ANTHROPIC_API_KEY",
        fixes=True,
    ),
    Check(
        id="TG102",
        title="No key has a default",
        severity="high",
        confidence="high",
        evidence="static",
        scope="sources",
        look=defaulted,
        bad='key = os.getenv("ANTHROPIC_API_KEY", "sk-ant-api03-…")',
        good='key = os.environ["ANTHROPIC_API_KEY"]',
        fixes=True,
    ),
)
