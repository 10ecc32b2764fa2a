"""Point 10: what runs in production is what was tested."""

from collections.abc import Iterator

from tidegate.checks.check import Check
from tidegate.checks.program.fold import Computed, Known
from tidegate.checks.project import Project
from tidegate.checks.topics.target import BOOTED
from tidegate.checks.topics.usual import count
from tidegate.checks.tree.nodes import Call, Const, Map, Node
from tidegate.checks.verdict import Verdict, failed, passed, skipped, unknown, warned

_LOCAL = ("localhost", "127.0.0.1", "0.0.0.0", "[::1]", "host.docker.internal")  # noqa: S104 - looked for, not listened on


def addressed(project: Project) -> Iterator[Verdict]:
    """An address of this machine in the code works here and nowhere else; and a plain http address shows the key to
    everybody on the way.
    """
    clients = [client for client in project.clients if "base_url" in client.arguments.given]
    if not project.clients:
        yield skipped("no client of Claude was seen")
        return
    fine = True
    for client in clients:
        found = client.arguments.given["base_url"]
        value = project.fold(found)
        place = project.place(found.module, found.node)
        if isinstance(value, Computed):
            fine = False
            yield unknown(
                f"the address comes from {value.text}",
                supply="a constant or a variable of the environment",
                place=place,
            )
        elif isinstance(value, Known) and isinstance(value.value, str):
            local = any(name in value.value for name in _LOCAL)
            if local and not value.default_of:
                fine = False
                yield failed(
                    place,
                    "The address of the API is one of this machine.",
                    fix="Leave it out and set ANTHROPIC_BASE_URL.",
                )
            elif local:
                fine = False
                yield warned(
                    place,
                    f"Without {value.default_of.removeprefix('the ')} requests go to this machine.",
                    fix="Leave the default out.",
                )
            elif value.value.startswith("http://"):
                fine = False
                yield failed(place, "The key is sent over plain http.", fix="Use an https address.")
    if fine:
        yield passed(f"{count(len(project.clients), 'client')}: no address of this machine in the code")


def overriding(project: Project) -> Iterator[Verdict]:
    """`load_dotenv(override=True)` lets a .env file that came along win over the variables of production."""
    loads = [
        (module, node)
        for module, node in project.program.every(Call)
        if project.program.origin(module, node.of) in {"dotenv.load_dotenv", "dotenv.config", "dotenv.default.config"}
    ]
    if not loads:
        yield skipped("no .env file is loaded")
        return
    fine = True
    for module, node in loads:
        entries: dict[object, Node] = dict(node.named)
        for argument in node.args:
            if isinstance(argument, Map):
                entries |= {key.value: value for key, value in argument.entries if isinstance(key, Const)}
        given = entries.get("override")
        if given is None or (isinstance(given, Const) and not given.value):
            continue
        fine = False
        place = project.place(module, node)
        if isinstance(given, Const):
            yield warned(place, "A .env file wins over the variables of production.", fix="Leave override out.")
        else:
            yield unknown("whether .env wins over the environment cannot be told", supply="override=False", place=place)
    if fine:
        yield passed("the environment wins over .env files")


CHECKS = (
    BOOTED,
    Check(
        id="TG1002",
        title="The address of the API is not this machine's",
        severity="medium",
        confidence="high",
        evidence="static",
        scope="sources",
        look=addressed,
        bad='Anthropic(base_url="http://localhost:8787")',
        good="Anthropic()   # reads ANTHROPIC_BASE_URL",
    ),
    Check(
        id="TG1003",
        title="The environment wins over .env files",
        severity="low",
        confidence="high",
        evidence="static",
        scope="sources",
        look=overriding,
        bad="load_dotenv(override=True)",
        good="load_dotenv()",
    ),
)
