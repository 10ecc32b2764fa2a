"""Point 1, in front ends: what browsers load is public."""

import re
from collections.abc import Iterator

from tidegate.checks.check import Check
from tidegate.checks.files.kinds import name_of
from tidegate.checks.files.secrets import KEY_VARIABLE
from tidegate.checks.program.fold import Computed, Known
from tidegate.checks.program.module import Module
from tidegate.checks.project import Project
from tidegate.checks.topics.usual import count
from tidegate.checks.tree.nodes import Const, Item, Map, Member
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
    found = [*_variables(project), *_texts(project), *_components(project), *_exposed(project)]
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
        if module.language == "python":
            continue
        name = (
            node.name
            if isinstance(node, Member)
            else node.key.value
            if isinstance(node, Item) and isinstance(node.key, Const)
            else None
        )
        if isinstance(name, str) and _is_public_key(name):
            yield failed(
                project.place(module, node), f"{name} is public: build tools write it into the page.", fix=_FIX
            )


def _texts(project: Project) -> Iterator[Verdict]:
    """`VITE_ANTHROPIC_API_KEY=…` in a file that gives variables."""
    for text in project.texts:
        for found in _WRITTEN.finditer(text.text):
            if _is_public_key(found[1]):
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
