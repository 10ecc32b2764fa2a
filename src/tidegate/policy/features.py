"""Which features of a request cost more than its prompt and its `max_tokens`, and which tools add tokens.

Tables first: what a tool adds is the dearest documented number with a margin (claude-api.md 5.2; the numbers of the
5.x models are not documented); a feature is unbounded when Claude may sample, search or run code more than once, or
with another model, for one request.
"""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Raw, Struct

from tidegate.policy.inputs import ABSENT, BRACKET, Inputs, Members, text_of

ANY_TOOL: Final = 1_000
"""Tokens of the system prompt that comes with any tool; 804 is the highest known."""
SERVER_TOOL: Final = 3_000
CLIENT_TOOLS: Final[Mapping[str, int]] = {
    "bash": 400,
    "text_editor": 800,
    "computer": 6_000,
    "computer_toolset": 6_000,
    "browser": 8_000,
    "browser_toolset": 8_000,
    "memory": 1_500,
}
"""Tools that Anthropic defines and the caller runs: one sampling a request, and a definition that is added."""
SERVER_TOOLS: Final = (
    "web_search", "web_fetch", "code_execution", "bash_code_execution", "text_editor_code_execution",
    "tool_search", "advisor", "mcp_toolset",
)  # fmt: skip
"""Known tools that Anthropic runs: they loop inside one request.  Every other type is one too, under `server_tool`."""
FIELDS: Final = ("mcp_servers", "fallbacks", "compaction", "container", "thread")
"""Body fields that make a request unbounded by being there."""
BETAS: Final = ("compact-", "server-side-fallback-")
"""Prefixes of `anthropic-beta` values that make a request unbounded by being there.

Not `advisor-tool-`, `mcp-client-` and the like: a tool or a field of the body uses those, which `read` sees, and Claude
Code sends `advisor-tool-2026-03-01` with every request, used or not.
"""

_CLIENT_TOOL = re.compile(r"([a-z_]+)_\d{8}")
_NOTHING: Final = (b"null", b"[]", b"{}", b'""')
_SPEEDS: Final = (None, "standard", "fast")
_TIERS: Final = (None, "auto", "standard_only")


class Tools(Struct, frozen=True):
    """What the declared tools add."""

    count: int = 0
    overhead: int = 0
    unbounded: tuple[str, ...] = ()
    searches: int = 0


NO_TOOLS: Final = Tools()


def read_tools(raw: Raw, inputs: Inputs) -> Tools:
    """The tools of the request and those that its messages define."""
    tools = _declared(raw, inputs)
    largest = max((sum(map(len, tool.values())) + 64 * len(tool) for tool in tools), default=0)
    tools = [*tools, *inputs.defined]
    # A mention of a tool may put its definition into the prompt once more, at 2.5 tokens a byte.
    overhead = ANY_TOOL + inputs.references * (100 + largest * 5 // 2)
    unbounded: list[str] = []
    searches: list[int] = []
    for tool in tools:
        if (cache := tool.get("cache_control")) is not None:
            inputs.mark(cache)
        if "type" in tool:
            name, tokens = _classify(tool["type"])
            overhead += tokens
            if name:
                unbounded.append(name)
            if name == "web_search":
                searches.append(_max_uses(tool))
    if not tools and not inputs.references:
        return NO_TOOLS
    return Tools(len(tools), overhead, tuple(dict.fromkeys(unbounded)), sum(searches) if all(searches) else 0)


def unbounded_fields(rare: Mapping[str, Raw], management: Raw, inputs: Inputs) -> list[str]:
    """Names of the fields that take away the bound; `rare` are the fields that few requests have."""
    found = [name for name in FIELDS if name in rare and not _is_nothing(rare[name])]
    if management and not _is_nothing(management) and not _only_clears(management, inputs):
        found.append("context_management")
    return found


def unknown_choices(speed: str | None, tier: str | None) -> list[str]:
    """Names of the choices that are not known and so may cost anything."""
    return [
        name
        for name, choice, known in (("speed", speed, _SPEEDS), ("service_tier", tier, _TIERS))
        if choice not in known
    ]


def unbounded_betas(header: bytes) -> tuple[str, ...]:
    """Of a comma-separated `anthropic-beta` header, the features (without date) that take away the bound."""
    values = (value.strip().lower() for value in header.decode("latin-1").split(","))
    found = (prefix.rstrip("-") for value in values for prefix in BETAS if value.startswith(prefix))
    return tuple(dict.fromkeys(found))


def _declared(raw: Raw, inputs: Inputs) -> list[Members]:
    if not raw or bytes(raw) == b"null":
        return []
    if memoryview(raw)[0] != BRACKET:
        inputs.opaque(raw)
        return []
    return inputs.objects(raw)


def _classify(raw: Raw) -> tuple[str, int]:
    """The name of an unbounded feature (empty for none) and the tokens that a tool of this type adds."""
    if bytes(raw) in {b'"custom"', b"null"}:
        return "", 0
    kind = text_of(raw)
    if kind is None:
        return "server_tool", SERVER_TOOL
    if kind == "custom":
        return "", 0
    client = _CLIENT_TOOL.fullmatch(kind)
    if client and client.group(1) in CLIENT_TOOLS:
        return "", CLIENT_TOOLS[client.group(1)]
    return next((name for name in SERVER_TOOLS if kind.startswith(name)), "server_tool"), SERVER_TOOL


def _max_uses(tool: Members) -> int:
    raw = bytes(tool.get("max_uses", ABSENT))
    return int(raw) if raw.isdigit() and len(raw) <= 9 else 0


def _is_nothing(raw: Raw) -> bool:
    return bytes(raw).translate(None, b" \t\n\r") in _NOTHING


def _only_clears(management: Raw, inputs: Inputs) -> bool:
    """Whether all edits only remove old content (`clear_tool_uses_...`, `clear_thinking_...`)."""
    edits = inputs.object(management).get("edits")
    if not edits or memoryview(edits)[0] != BRACKET:
        return False
    kinds = [text_of(edit.get("type")) for edit in inputs.objects(edits)]
    return all(kind is not None and kind.startswith("clear_") for kind in kinds)
