"""Point 1, in front ends: what browsers load is public."""

import re
from collections.abc import Iterator

from tidegate.checks.check import Check
from tidegate.checks.facts.requests import Client, Request
from tidegate.checks.files.kinds import name_of
from tidegate.checks.files.secrets import KEY_VARIABLE, holds_key
from tidegate.checks.program.fold import Computed, Known
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Found
from tidegate.checks.project import Project
from tidegate.checks.topics.usual import count
from tidegate.checks.tree.nodes import Assign, Call, Const, Item, Map, Member, Name, Node, Operation, Text
from tidegate.checks.verdict import Place, Verdict, failed, passed, skipped, unknown

PUBLIC = ("NEXT_PUBLIC_", "VITE_", "REACT_APP_", "PUBLIC_", "NUXT_PUBLIC_", "EXPO_PUBLIC_", "GATSBY_", "VUE_APP_")
"""Prefixes of variables that build tools write into what browsers load."""

_WRITTEN = re.compile(
    rf"^\s*(?:export\s+|ENV\s+|ARG\s+|-\s*)?[\"']?((?:{'|'.join(PUBLIC)})\w+)[\"']?\s*[:=]", re.MULTILINE
)
_BUILDERS = re.compile(r"(?:next|vite|nuxt|astro|svelte|rsbuild|webpack[\w.]*)\.config\.\w+")
_FIX = "Keep the key on the server: let the browser call a route of yours, and let that route call Claude."


def public(project: Project) -> Iterator[Verdict]:
    """Everything that a front end is built with can be read by everybody who opens the page.  A key in a variable with
    a public prefix, in a component of the browser or in a bundle is a published key, and others will spend on it.
    """
    if not _has_front_end(project):
        yield skipped("no front end was seen")
        return
    found = [
        *_variables(project),
        *_given(project),
        *_texts(project),
        *_components(project),
        *_exposed(project),
    ]
    bundles = project.bundles.get()
    fix = f"Delete the key in the Claude Console. {_FIX}"
    found += [failed(Place(path), "A built file holds a key.", fix=fix, secret=True) for path in bundles.with_keys]
    yield from found
    if bundles.unread:
        yield unknown(f"built files were not looked through: {bundles.unread[0]}", supply="a smaller or readable build")
    elif not found:
        yield passed(f"no public variable and none of {count(bundles.looked_at, 'built file')} holds a key")


def _has_front_end(project: Project) -> bool:
    names = {name_of(path) for path in project.listing.paths}
    return "package.json" in names or any(
        path.endswith((".tsx", ".jsx", ".ts", ".js", ".vue", ".svelte")) for path in project.listing.paths
    )


def _is_public_key(name: str) -> bool:
    return name.startswith(PUBLIC) and bool(KEY_VARIABLE.fullmatch(name))


def _variables(project: Project) -> Iterator[Verdict]:
    """`process.env.NEXT_PUBLIC_ANTHROPIC_API_KEY`."""
    for module, node in (*project.program.every(Member), *project.program.every(Item)):
        name = _named(node)
        if module.language != "python" and _is_public_key(name):
            yield _published(project, module, node, name)


def _published(project: Project, module: Module, node: Node, name: str) -> Verdict:
    return failed(project.place(module, node), f"{name} is public: build tools write it into the page.", fix=_FIX)


def _named(node: Node) -> str:
    """The name of what may be a variable: `env.X`, `env["X"]`, and X after `const { X } = env`."""
    if isinstance(node, Name):
        return node.id
    if isinstance(node, Member):
        return node.name
    key = node.key.value if isinstance(node, Item) and isinstance(node.key, Const) else ""
    return key if isinstance(key, str) else ""


def _given(project: Project) -> Iterator[Verdict]:
    """`"x-api-key": import.meta.env.VITE_AI_KEY`: given as a key, it is one, whatever its name."""
    seen: set[Node] = set()
    for found in _keys(project):
        if found.module.language == "python":
            continue
        for module, node in _behind(project, found):
            name = _named(node)
            if node not in seen and name.startswith(PUBLIC) and not _is_public_key(name):
                seen.add(node)
                yield _published(project, module, node, name)


def _keys(project: Project) -> Iterator[Found]:
    """What is given as a key to a client or a request, and what is put into the header for it."""
    senders: list[Client | Request] = [*project.clients, *project.requests]
    for one in senders:
        yield from (one.arguments.given[role] for role in ("api_key", "auth_token") if role in one.arguments.given)
    for module, table in project.program.every(Map):
        yield from (Found(module, value) for key, value in table.entries if module.mentions and _is_header(key))
    for module, call in project.program.every(Call):  # headers.set("x-api-key", …)
        if module.mentions and len(call.args) == 2 and _is_header(call.args[0]):
            yield Found(module, call.args[1])
    for module, assign in project.program.every(Assign):  # headers["x-api-key"] = …
        if module.mentions and isinstance(assign.target, Item) and _is_header(assign.target.key):
            yield Found(module, assign.value)


def _is_header(node: Node | None) -> bool:
    return isinstance(node, Const) and isinstance(node.value, str) and node.value.lower() == "x-api-key"


def _behind(project: Project, found: Found) -> Iterator[tuple[Module, Node]]:
    """The names whose value an expression may be, and those behind the names in it."""
    for node in _worth(found.node):
        yield found.module, node
        source = project.program.find(found.module, node) if isinstance(node, Name) else None
        if source is not None and isinstance(source.node, Assign):
            yield from ((source.module, one) for one in _worth(source.node.value))


def _worth(node: Node) -> Iterator[Node]:
    """The names in `a ?? b`, `t ? a : b`, `${a}`, `String(a)`, `a.trim()`; not those that a value only hangs on."""
    if isinstance(node, Operation | Text):
        tested = isinstance(node, Operation) and node.sign == "?:"
        compared = isinstance(node, Operation) and node.sign not in {"?:", "??", "or", "and", "+"}
        for part in () if compared else node.parts[1:] if tested else node.parts:
            yield from _worth(part)
    elif isinstance(node, Call):
        cast = isinstance(node.of, Name) and node.of.id == "String"
        inner = node.args if cast else (node.of.of,) if isinstance(node.of, Member) else ()
        for part in inner:
            yield from _worth(part)
    elif isinstance(node, Name | Member | Item):
        yield node


def _texts(project: Project) -> Iterator[Verdict]:
    """`VITE_ANTHROPIC_API_KEY=…` in a file that gives variables."""
    for text in project.texts:
        for found in _WRITTEN.finditer(text.text):
            end = text.text.find("\n", found.end())
            value = text.text[found.end() : end if end >= 0 else None]
            if _is_public_key(found[1]) or holds_key(value.encode(errors="replace")):
                line = text.text.count("\n", 0, found.start(1)) + 1
                place = Place(text.path, line)
                yield failed(place, f"{found[1]} is public: build tools write it into the page.", fix=_FIX, secret=True)


def _components(project: Project) -> Iterator[Verdict]:
    """A client in a file that says `use client`."""
    for client in project.clients:
        if _is_for_browsers(client.module):
            yield failed(project.at(client), "A client is made in a component that runs in the browser.", fix=_FIX)


def _is_for_browsers(module: Module) -> bool:
    return any(isinstance(one, Const) and one.value == "use client" for one in module.root.parts[:3])


def _exposed(project: Project) -> Iterator[Verdict]:
    """`env: { ANTHROPIC_API_KEY: … }` in the configuration of a build tool."""
    for module, node in project.program.every(Map):
        if _BUILDERS.fullmatch(name_of(module.path)):
            for key, _ in node.entries:
                if isinstance(key, Const) and isinstance(key.value, str) and _names_key(key.value):
                    yield failed(project.place(module, key), f"The build writes {key.value} into the page.", fix=_FIX)


def _names_key(text: str) -> bool:
    return bool(KEY_VARIABLE.fullmatch(text.rpartition(".")[2]))


def allowed(project: Project) -> Iterator[Verdict]:
    """`dangerouslyAllowBrowser` switches off the SDK's refusal to run where everybody can read its key."""
    clients = [client for client in project.clients if client.module.language != "python"]
    if not clients:
        yield skipped("no client in TypeScript or JavaScript was seen")
        return
    fine = True
    for client in clients:
        found = client.arguments.given.get("browser")
        value = project.value(client, "browser")
        if found is None or value is None or (isinstance(value, Known) and not value.value):
            continue
        fine = False
        if isinstance(value, Known):
            yield failed(
                project.place(found.module, found.node),
                "The client may run in browsers, with its key.",
                fix=f"Leave it out. {_FIX}",
            )
        else:
            said = value.text if isinstance(value, Computed) else value.name
            yield unknown(
                f"whether browsers are allowed depends on {said}",
                supply="false, or leave it out",
                place=project.at(client),
            )
    if fine:
        yield passed(
            f"{count(len(clients), 'client')} refuse to run in browsers"
            if len(clients) > 1
            else "the client refuses to run in browsers"
        )


CHECKS = (
    Check(
        id="TG103",
        title="No key reaches browsers",
        severity="high",
        confidence="high",
        evidence="static",
        scope="sources",
        look=public,
        bad="const key = process.env.NEXT_PUBLIC_ANTHROPIC_API_KEY",
        good="// app/api/chat/route.ts, on the server\nconst client = new Anthropic()",
    ),
    Check(
        id="TG104",
        title="The client refuses to run in browsers",
        severity="high",
        confidence="high",
        evidence="static",
        scope="sources",
        look=allowed,
        bad="new Anthropic({ dangerouslyAllowBrowser: true })",
        good="new Anthropic()",
    ),
)
