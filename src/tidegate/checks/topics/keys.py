"""Point 1, in the program: the key comes from the environment."""

from collections.abc import Iterator

from tidegate.checks.check import Check
from tidegate.checks.facts.requests import Client, Request
from tidegate.checks.files.secrets import KEY_VARIABLE, holds_key, may_be_key
from tidegate.checks.program.fold import Known, fold, may_default
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Found
from tidegate.checks.project import Project
from tidegate.checks.topics.removal import without_argument
from tidegate.checks.topics.usual import count
from tidegate.checks.tree.nodes import Call, Const, Import, Member, Name, Node, Operation
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
    """The literal replaced by the variable, where that needs no new import."""
    if module.language != "python":
        return (Edit(project.place(module, node), "process.env.ANTHROPIC_API_KEY"),)
    bound = module.scopes[module.root].get("os", ())
    if any(isinstance(one, Import) and one.module == "os" for one in bound):
        return (Edit(project.place(module, node), 'os.environ["ANTHROPIC_API_KEY"]'),)
    return ()


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
    if not wrong:
        yield passed("no variable that holds a key has a default")


def _is_whole(module: Module, node: Node) -> bool:
    """Whether nothing around the node is the same default: `(a or b)` inside of `(a or b) or c`."""
    up = module.up.get(node)
    return not (isinstance(up, Operation) and up.sign in {"or", "??"} and up.parts[0] is node)


def _required(project: Project, module: Module, node: Node, name: str) -> tuple[Edit, ...]:
    """`os.getenv("X", "…")` as `os.environ["X"]`."""
    if module.language != "python" or not isinstance(node, Call):
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
