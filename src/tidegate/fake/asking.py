"""A Messages request as it came in, and everything the API would refuse it for, as a list of checks."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from tidegate.fake.errors import Problem, problem
from tidegate.fake.models import Model, find_model

VERSIONS = ("2023-06-01", "2026-10-21")
GA_FIELDS = frozenset(
    (
        *("model", "max_tokens", "messages", "stream", "system", "tools", "tool_choice", "thinking", "output_config"),
        *("stop_sequences", "metadata", "cache_control", "container", "diagnostics", "inference_geo", "service_tier"),
        *("speed", "temperature", "top_p", "top_k"),
    )
)
BETA_FIELDS = frozenset(
    (
        *("billing_policy", "compaction", "context_management", "fallbacks", "fallback_credit_token", "mcp_servers"),
        *("thread", "output_format", "user_profile_id"),
    )
)
_decode = msgspec.json.Decoder().decode
ROLES = ("user", "assistant", "system")


class Asking(msgspec.Struct, frozen=True):
    """One parsed request with what decides whether it is allowed."""

    body: dict[str, Any]
    model: Model
    version: str
    betas: str = ""
    counting: bool = False
    strict_fields: bool = False


class Tool(msgspec.Struct, frozen=True):
    """What must hold of a tool's fields."""

    name: str | None = None
    type: str | None = None
    input_schema: dict[str, Any] | None = None
    cache_control: dict[str, Any] | None = None
    max_uses: int | None = None


class Shape(msgspec.Struct, frozen=True):
    """What must hold of a request's fields; those that checks look at more closely are not here."""

    stream: bool | None = None
    stop_sequences: list[str] | None = None
    system: str | list[dict[str, Any]] | None = None
    tools: list[Tool] | None = None
    tool_choice: dict[str, Any] | None = None
    thinking: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    output_config: dict[str, Any] | None = None
    output_format: dict[str, Any] | None = None
    cache_control: dict[str, Any] | None = None
    inference_geo: str | None = None
    speed: str | None = None
    service_tier: str | None = None


Check = Callable[[Asking], str | None]


def parse_body(body: bytes) -> dict[str, Any] | Problem:
    """The JSON object of a body."""
    try:
        parsed = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return problem(400, "The request body is not valid JSON: the body could not be decoded")
    return parsed if isinstance(parsed, dict) else problem(400, "Input should be a valid dictionary")


def read_asking(
    parsed: dict[str, Any], *, version: str, betas: str = "", counting: bool = False, strict_fields: bool = False
) -> Asking | Problem:
    """The request, or the first thing that is wrong with it."""
    for field in ("model", "messages") if counting else ("model", "max_tokens", "messages"):
        if field not in parsed:
            return problem(400, f"{field}: Field required")
    if not isinstance(parsed["model"], str):
        return problem(400, "model: Input should be a valid string")
    model = find_model(parsed["model"])
    if model is None or model.retired:
        return problem(404, f"model: {parsed['model'][:200]}")
    asking = Asking(parsed, model, version, betas, counting, strict_fields)
    for check in CHECKS:
        wrong = check(asking)
        if wrong:
            return problem(400, wrong)
    return asking


def _shape(asking: Asking) -> str | None:
    try:
        msgspec.convert(asking.body, Shape)
    except msgspec.ValidationError as bad:
        expected, _, where = str(bad).partition(" - at `$.")
        return f"{where.rstrip('`')}: {expected}"
    return None


def _fields(asking: Asking) -> str | None:
    for name in asking.body.keys() - GA_FIELDS:
        if name in BETA_FIELDS and asking.betas:
            continue
        if name in BETA_FIELDS or asking.strict_fields:
            return f"{name[:64]}: Extra inputs are not permitted"
    return None


def _max_tokens(asking: Asking) -> str | None:
    if asking.counting:
        return None
    most = asking.body["max_tokens"]
    if type(most) is not int:
        return "max_tokens: Input should be a valid integer"
    if most < 0:
        return "max_tokens: Input should be greater than or equal to 0"
    if most > asking.model.max_output:
        return (
            f"max_tokens: {most} > {asking.model.max_output}, which is the maximum allowed number of output tokens "
            f"for {asking.model.id}"
        )
    return None


def _messages(asking: Asking) -> str | None:
    messages = asking.body["messages"]
    if not isinstance(messages, list):
        return "messages: Input should be a valid list"
    if not messages:
        return "messages: at least one message is required"
    return next(_message_troubles(messages), None)


def _message_troubles(messages: list[Any]) -> Iterator[str]:
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            yield f"messages.{index}: Input should be a valid dictionary"
        elif message.get("role") not in ROLES:
            yield f"messages.{index}.role: Input should be 'user', 'assistant' or 'system'"
        elif "content" not in message:
            yield f"messages.{index}.content: Field required"
        elif isinstance(message["content"], list):
            yield from _block_troubles(f"messages.{index}.content", message["content"])
        elif not isinstance(message["content"], str):
            yield f"messages.{index}.content: Input should be a valid string or list"
        elif not message["content"]:
            yield f"messages.{index}: user messages must have non-empty content"


def _block_troubles(where: str, blocks: list[Any]) -> Iterator[str]:
    for index, block in enumerate(blocks):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            yield f"{where}.{index}.type: Field required"
        elif block["type"] == "text" and not block.get("text"):
            yield "messages: text content blocks must be non-empty"
        elif block["type"] in ("image", "document") and not isinstance(block.get("source"), dict):
            yield f"{where}.{index}.{block['type']}.source: Field required"


def _first_role(asking: Asking) -> str | None:
    if asking.body["messages"][0]["role"] == "assistant":
        return 'messages: first message must use the "user" role'
    return None


def _prefill(asking: Asking) -> str | None:
    if asking.model.modern and asking.body["messages"][-1]["role"] == "assistant":
        return "This model does not support assistant message prefill. The conversation must end with a user message."
    return None


def _sampling(asking: Asking) -> str | None:
    sent = [name for name in ("temperature", "top_p", "top_k") if name in asking.body]
    if sent and (asking.version >= "2026-10-21" or asking.model.fine_images):
        return f"{sent[0]}: Extra inputs are not permitted"
    return None


def _assistant_documents(asking: Asking) -> str | None:
    if asking.version < "2026-10-21":
        return None
    for index, message in enumerate(asking.body["messages"]):
        content = message["content"]
        for at, block in enumerate(content if isinstance(content, list) else ()):
            if message["role"] == "assistant" and block["type"] == "document":
                return f"messages.{index}.content.{at}: document blocks are not permitted in assistant messages"
            if message["role"] == "user" and block["type"] == "text" and "citations" in block:
                return f"messages.{index}.content.{at}.text.citations: Extra inputs are not permitted"
    return None


def _thinking(asking: Asking) -> str | None:
    thinking = asking.body.get("thinking")
    if thinking is None:
        return None
    kind = thinking.get("type")
    manner = asking.model.thinking
    if kind not in ("enabled", "disabled", "adaptive", "between_tools"):
        return "thinking.type: Input should be 'enabled', 'disabled', 'adaptive' or 'between_tools'"
    if kind == "disabled" and manner == "always":
        return 'thinking: type "disabled" is not supported for this model.'
    if kind == "adaptive" and manner == "budget":
        return "adaptive thinking is not supported on this model"
    if kind == "between_tools":
        return 'thinking: type "between_tools" is not supported for this model.'
    return _budget(asking, thinking) if kind == "enabled" else None


def _budget(asking: Asking, thinking: dict[str, Any]) -> str | None:
    if asking.model.thinking not in ("budget", "both"):
        return (
            '"thinking.type.enabled" is not supported for this model. '
            'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        )
    budget = thinking.get("budget_tokens")
    if type(budget) is not int:
        return "thinking.enabled.budget_tokens: Field required"
    if budget < 1_024:
        return "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
    if not asking.counting and budget >= asking.body["max_tokens"]:
        return "`max_tokens` must be greater than `thinking.budget_tokens`."
    return None


def _tools(asking: Asking) -> str | None:
    names: set[str] = set()
    for index, tool in enumerate(asking.body.get("tools") or ()):
        if tool.get("type") in (None, "custom") and tool.get("input_schema") is None:
            return f"tools.{index}.custom.input_schema: Field required"
        name = tool.get("name")
        if name and name in names:
            return "tools: Tool names must be unique."
        names.add(name)
    return None


def _tool_choice(asking: Asking) -> str | None:
    choice = asking.body.get("tool_choice")
    if choice is None:
        return None
    kind = choice.get("type")
    if kind not in ("auto", "any", "tool", "none"):
        return "tool_choice: Input tag found does not match any of the expected tags: 'auto', 'any', 'tool', 'none'"
    if kind in ("any", "tool") and not asking.model.forced_tools:
        return 'tool_choice: type "tool" and "any" are not supported for this model.'
    names = [tool.get("name") for tool in asking.body.get("tools") or ()]
    if kind == "tool" and choice.get("name") not in names:
        return "tool_choice.name: tool not found in tools"
    return None


def _place(asking: Asking) -> str | None:
    geo, speed = asking.body.get("inference_geo"), asking.body.get("speed")
    if geo is not None and not asking.model.modern:
        return "inference_geo is not supported for this model."
    if geo not in (None, "global", "us"):
        return "inference_geo: Input should be 'global' or 'us'"
    if speed not in (None, "standard", "fast"):
        return "speed: Input should be 'standard' or 'fast'"
    if speed == "fast" and not asking.model.fast:
        return "speed: 'fast' is not supported for this model."
    if asking.body.get("service_tier") not in (None, "auto", "standard_only"):
        return "service_tier: Input should be 'auto' or 'standard_only'"
    return None


CHECKS: tuple[Check, ...] = (
    _shape,
    _fields,
    _max_tokens,
    _messages,
    _first_role,
    _prefill,
    _sampling,
    _assistant_documents,
    _thinking,
    _tools,
    _tool_choice,
    _place,
)
"""In the order in which the API is taken to look."""
