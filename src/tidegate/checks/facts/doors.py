"""Where users come in: web routes, server actions, bot handlers.  A new framework is a line in a table."""

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import (
    Assign,
    Call,
    Class,
    Const,
    Function,
    Map,
    Member,
    Name,
    Node,
    Spread,
)
from tidegate.checks.tree.walk import last_name

_VERBS = {"get", "post", "put", "patch", "delete", "route", "websocket", "api_route", "head", "options", "all"}

WEB = {
    "fastapi", "flask", "starlette", "quart", "sanic", "litestar", "aiohttp", "bottle", "falcon", "django",
    "ninja", "rest_framework", "flask_restful", "flask_openapi3", "robyn", "tornado", "chalice",
    "functions_framework", "express", "fastify", "hono", "koa", "@koa/router", "koa-router",
    "@hono/node-server", "@nestjs/common", "itty-router", "elysia", "@trpc/server", "next/server", "http",
    "node:http", "restify", "polka", "h3", "firebase-functions",
}  # fmt: skip
"""Packages of web frameworks."""
_BOTS = {
    "discord", "slack_bolt", "telegram", "telebot", "aiogram", "chainlit", "twilio", "gradio", "discord.js",
    "@slack/bolt", "telegraf", "grammy", "botbuilder",
}  # fmt: skip
_BOT_WORDS = {
    "event", "command", "message", "listen", "on_message", "message_handler", "app_mention", "action", "on",
    "hears", "slash_command", "hybrid_command", "callback_query",
}  # fmt: skip

_ROUTING_CALLS = {
    "add_api_route", "add_url_rule", "add_post", "add_get", "add_route", "add_websocket_route", "Route",
    "WebSocketRoute", "path", "re_path", "ChatInterface", "Interface", "MessageHandler", "CommandHandler",
    "createServer", "onRequest", "onCall", "mutation", "query", "serve",
}  # fmt: skip

_MARKS = {"Get", "Post", "Put", "Patch", "Delete", "All", "Sse", "SubscribeMessage", "MessagePattern", "Mutation"}
_MARKING = ("@nestjs/", "routing-controllers.", "tsoa.")
"""Decorators of methods, and whose they are."""

_VIEW_METHODS = {"get", "post", "put", "patch", "delete", "list", "create", "retrieve", "update", "dispatch", "on_post"}
_HTTP: Final = {"GET", "POST", "PUT", "PATCH", "DELETE"}
_ROUTE_FILES: Final = (
    (re.compile(r"(?:^|.*/)app/(?:.*/)?route\.[jt]sx?"), _HTTP),
    (re.compile(r"(?:^|.*/)pages/api/.*\.[jt]sx?"), {"default"}),
    (re.compile(r"(?:^|.*/)\+(?:server|page\.server)\.[jt]s"), _HTTP | {"load", "actions"}),
    (re.compile(r"(?:^|.*/)(?:server/)?(?:api|routes)/.*\.(?:get|post)\.[jt]s"), {"default"}),
    (re.compile(r"(?:^|.*/)(?:netlify/functions|functions|api)/.*\.[mc]?[jt]s"), _HTTP | {
        "default", "handler", "onRequestPost", "onRequest",
    }),
)  # fmt: skip
"""Files whose place makes a route of what they export."""

_LAMBDAS = {"lambda_handler", "handler"}
_FRAMEWORKS_WITHOUT_ROUTES = {"streamlit": "Streamlit", "nicegui": "NiceGUI", "reflex": "Reflex", "dash": "Dash"}


class Door(Struct, frozen=True, eq=False):
    """A function that users reach."""

    module: Module
    function: Function
    name: str
    """`POST /chat`, or the function's own name."""
    kind: str
    """`web` or `bot`."""
    registered: Call | None = None
    """The call that names its path, where one does."""


def find_doors(program: Program) -> tuple[Door, ...]:
    """Every door of a program, once."""
    found: dict[Function, Door] = {}
    for module in program.modules.values():
        for door in _doors_of(program, module):
            found.setdefault(door.function, door)
    return tuple(found.values())


def frameworks_without_routes(program: Program) -> tuple[str, ...]:
    """Frameworks in use whose doors cannot be seen."""
    return tuple(sorted({
        name for module in program.modules.values() for top, name in _FRAMEWORKS_WITHOUT_ROUTES.items()
        if top in module.imported
    }))  # fmt: skip


def _doors_of(program: Program, module: Module) -> Iterator[Door]:
    web, bot = bool(module.imported & WEB), bool(module.imported & _BOTS)
    yield from _by_place(program, module)
    for function in module.every(Function):
        yield from _decorated(program, module, function, web=web, bot=bot)
        if module.language == "python" and _is_view(module, function):
            yield Door(module, function, function.name, "web")
    for call in module.every(Call):
        yield from _registered(program, module, call, web=web, bot=bot)
    for one in module.every(Class) if web else ():
        yield from _methods(module, one)


def _by_place(program: Program, module: Module) -> Iterator[Door]:
    """Next.js routes, server actions, serverless functions."""
    names = next((names for pattern, names in _ROUTE_FILES if pattern.fullmatch(module.path)), set())
    acting = _says(module.root.parts, "use server")
    for name, node in module.exports.items():
        function = node if isinstance(node, Function) else _function_named(program, module, name)
        if function is not None and (name in names or acting or _says(function.body, "use server")):
            yield Door(module, function, f"{name} {module.path}" if name.isupper() else function.name or name, "web")
    default = module.exports.get("default")
    if isinstance(default, Map):  # export default { fetch(request) { … } }
        for function in _handlers(program, module, default):
            yield Door(module, function, "fetch", "web")
    for name in _LAMBDAS:
        for binding in module.scopes[module.root].get(name, ()):
            if isinstance(binding, Function) and _takes_event(binding):
                yield Door(module, binding, name, "web")


def _function_named(program: Program, module: Module, name: str) -> Function | None:
    found = program.exported(module, name)
    if found is None:
        return None
    node = found.node.value if isinstance(found.node, Assign) else found.node
    return node if isinstance(node, Function) else None


def _says(statements: tuple[Node, ...], directive: str) -> bool:
    return any(isinstance(one, Const) and one.value == directive for one in statements[:3])


def _takes_event(function: Function) -> bool:
    return bool(function.params) and function.params[0].name in {"event", "_event", "evt"}


def _decorated(program: Program, module: Module, node: Function, *, web: bool, bot: bool) -> Iterator[Door]:
    for decorator in node.decorators:
        of = decorator.of if isinstance(decorator, Call) else decorator
        if isinstance(of, Name) and of.id in _MARKS and program.origin(module, of).startswith(_MARKING):
            yield Door(module, node, _route(decorator, of.id, node.name), "web")
        if not isinstance(of, Member):
            continue
        if of.name in _VERBS and (web or _is_made_by(program, module, of.of, WEB)):
            yield Door(module, node, _route(decorator, of.name, node.name), "web")
        elif of.name in _BOT_WORDS and (bot or _is_made_by(program, module, of.of, _BOTS)):
            yield Door(module, node, node.name, "bot")


def _route(call: Node, word: str, name: str) -> str:
    """`POST /chat`, `/chat`, or the function's own name."""
    address = call.args[0] if isinstance(call, Call) and call.args else None
    if not isinstance(address, Const) or not isinstance(address.value, str):
        return name
    verb = word.removeprefix("add_").upper()
    path = address.value or name
    return f"{verb} {path if path.startswith('/') or not address.value else '/' + path}" if verb in _HTTP else path


def _is_made_by(program: Program, module: Module, node: Node, packages: set[str]) -> bool:
    """Whether `app` in `app.post` was made by one of these packages."""
    found = program.find(module, node)
    value = found.node.value if found is not None and isinstance(found.node, Assign) else None
    if found is None or not isinstance(value, Call):
        return False
    origin = program.origin(found.module, value.of)
    return origin.partition(".")[0] in packages or any(origin.startswith(f"{one}.") for one in packages)


def _is_view(module: Module, node: Function) -> bool:
    """A view of Django: its first parameter is the request."""
    if not module.imported & {"django", "rest_framework", "ninja"} or isinstance(module.up.get(node), Class):
        return False
    return bool(node.params) and node.params[0].name == "request"


def _methods(module: Module, node: Class) -> Iterator[Door]:
    """Views, viewsets, resources and handlers that are classes."""
    bases = [base.name if isinstance(base, Member) else base.id for base in node.of if isinstance(base, Member | Name)]
    if any(base.endswith(("View", "ViewSet", "Resource", "RequestHandler", "HTTPEndpoint")) for base in bases):
        for one in node.body:
            if isinstance(one, Function) and one.name in _VIEW_METHODS:
                yield Door(module, one, f"{node.name}.{one.name}", "web")


def _registered(program: Program, module: Module, node: Call, *, web: bool, bot: bool) -> Iterator[Door]:
    """`app.post("/x", handler)`, `path("x", view)`, `createServer(handler)`, `bot.on("message", handler)`."""
    word = last_name(node.of)
    routed = word in _VERBS and isinstance(node.of, Member) and _starts_with_path(node)
    base = node.of.of if isinstance(node.of, Member) else node.of
    if routed and not (web or _is_made_by(program, module, base, WEB)):
        return
    if not routed and not (word in _ROUTING_CALLS and (web or bot)) and not (bot and word in _BOT_WORDS):
        return
    kind = "bot" if bot and not web else "web"
    handlers = [one for argument in node.args for one in _handlers(program, module, argument)]
    for function in handlers:
        home = module if function in module.scopes else next(_home(program, function), module)
        yield Door(home, function, _route(node, word, function.name or word), kind, node)


def _home(program: Program, function: Function) -> Iterator[Module]:
    """The module in which a function stands."""
    return (module for module in program.modules.values() if function in module.scopes)


def _starts_with_path(node: Call) -> bool:
    """`app.get("/x", …)`; not `cache.get("x")`."""
    first = node.args[0] if node.args else None
    if len(node.args) < 2:
        return False
    return not isinstance(first, Const) or (isinstance(first.value, str) and first.value[:1] in {"/", "*", ""})


def _handlers(program: Program, module: Module, node: Node) -> Iterator[Function]:
    """The functions of the project that an argument gives."""
    if isinstance(node, Function):
        yield node
    elif isinstance(node, Map):
        for key, value in node.entries:
            if isinstance(key, Const) and key.value in {"fetch", "handler"}:
                yield from _handlers(program, module, value)
    elif isinstance(node, Name | Member):
        found = program.find(module, node)
        target = found.node if found is not None else None
        named = target.value if isinstance(target, Assign) else target
        if isinstance(named, Function):
            yield named
    elif isinstance(node, Call | Spread):
        for argument in node.args if isinstance(node, Call) else (node.of,):  # asyncHandler(async (req, res) => …)
            yield from _handlers(program, module, argument)
