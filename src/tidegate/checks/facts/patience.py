"""How long a way to Claude waits when nobody says how long, and the parameter that says it.

Read in the packages themselves on 2026-11-22: anthropic 2.12.0 and @anthropic-ai/sdk (600 s), langchain-anthropic
1.7.10 (it hands the SDK `timeout=None`), @langchain/anthropic 1.5.11 (only `clientOptions` reaches the SDK), litellm
1.80.0 (`timeout or … or 600`), ai 6.0 (`abortSignal` in every function), httpx (5 s), aiohttp (300 s), requests, urllib
and axios (none).
"""

from typing import Final, NamedTuple

from tidegate.checks.facts.http import session_of
from tidegate.checks.facts.requests import Client, Request
from tidegate.checks.facts.ways import WRAPPERS
from tidegate.checks.program.fold import spoken, table_of
from tidegate.checks.program.program import Found, Program
from tidegate.checks.tree.nodes import Const, Map, Member, Name


class Patience(NamedTuple):
    """What happens without a time-out, in one sentence, and what to write."""

    text: str
    fix: str


_LONG: Final = "The client has no time-out of its own: it waits up to ten minutes."
_FOR_EVER: Final = "The request has no time-out and may wait for ever."
_PLATFORM: Final = "The request has no time-out and may wait until the platform gives up."

_LIBRARIES: Final = {
    WRAPPERS["langchain_anthropic.ChatAnthropic"]: Patience(
        "ChatAnthropic without a time-out switches that of the SDK off: it may wait for ever.",
        "ChatAnthropic(timeout=60.0).",
    ),
    WRAPPERS["@langchain/anthropic.ChatAnthropic"]: Patience(
        _LONG, "new ChatAnthropic({ clientOptions: { timeout: 60_000 } })."
    ),
    "litellm": Patience("The request has no time-out of its own: litellm waits up to ten minutes.", "Add timeout=60."),
    "the AI SDK": Patience(_PLATFORM, "Add abortSignal: AbortSignal.timeout(60_000)."),
}
"""By what a request is called."""

_HTTP: Final = {
    "httpx": Patience(
        "The request has no time-out but httpx's own: an answer that is silent for 5 seconds breaks off.",
        "Add timeout=60.",
    ),
    "aiohttp": Patience(
        "The request has no time-out but aiohttp's own: it waits up to five minutes.",
        "Add timeout=aiohttp.ClientTimeout(total=60).",
    ),
    "requests": Patience(_FOR_EVER, "Add timeout=60."),
    "urllib": Patience(_FOR_EVER, "Add timeout=60 to urlopen()."),
    "axios": Patience(_FOR_EVER, "Add { timeout: 60_000 } to what axios is given."),
    "fetch": Patience(_PLATFORM, "Add signal: AbortSignal.timeout(60_000)."),
    "node-fetch": Patience(_PLATFORM, "Add signal: AbortSignal.timeout(60_000)."),
}
"""By the package that sends; httpx2 is httpx here."""


def without_timeout(program: Program, request: Request) -> Patience:
    """What a request does that is given no time-out."""
    if request.kind in _LIBRARIES:
        return _LIBRARIES[request.kind]
    if request.kind == "http":
        return _HTTP.get(_package(program, request), Patience(_PLATFORM, "Set a time-out of 60 seconds."))
    return Patience(_LONG, _for_client(request, request.client))


def timeout_of(program: Program, request: Request) -> Found | None:
    """The time-out that a request is given; with LangChain in TypeScript it stands in `clientOptions`."""
    given = request.arguments.given
    options = None if "timeout" in given else given.get("client_options")
    table = None if options is None else table_of(program, options.module, options.node)
    if table is None or not isinstance(table.node, Map):
        return given.get("timeout")
    entries = (value for key, value in table.node.entries if isinstance(key, Const) and key.value == "timeout")
    return next((Found(table.module, value) for value in entries), None)


def _package(program: Program, request: Request) -> str:
    """`httpx` of `httpx2.post(…)` and of `client.post(…)` after `client = httpx.Client()`."""
    session = session_of(program, request.module, request.call)
    origin = program.origin(request.module, request.call.of)
    if session is not None:
        origin = program.origin(session.module, session.call.of)
    return origin.partition(".")[0].rstrip("2")


def _for_client(request: Request, client: Client | None) -> str:
    """The client as the program writes it, with a time-out."""
    of = client.call.of if client is not None else None
    name = spoken(of) if isinstance(of, Name | Member) else "Anthropic"
    module = client.module if client is not None else request.module
    return f"{name}(timeout=60.0)." if module.language == "python" else f"new {name}({{ timeout: 60_000 }})."
