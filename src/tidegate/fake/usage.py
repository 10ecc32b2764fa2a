"""How many tokens of which class a message took, and what that costs: exact integers, rounded up to a nano-dollar."""

from typing import Any, Literal

import msgspec

from tidegate.fake.prices import LONG_PROMPT, LONG_RATES, RATES, WEB_SEARCH

Pass = Literal["message", "compaction", "advisor_message", "fallback_message"]


class Iteration(msgspec.Struct, frozen=True, gc=False):
    """One sampling pass of a message that took several, each billed by its own model.

    `own` marks the pass that made the message: its numbers are the top-level ones, shown and billed there.
    """

    type: Pass
    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    own: bool = False


class Usage(msgspec.Struct, frozen=True):
    """The truth about one message; `input_tokens` is the part that neither came from nor went to the cache."""

    input_tokens: int = 0
    write_5m: int = 0
    write_1h: int = 0
    read: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    web_searches: int = 0
    speed: str = "standard"
    geo: str = "global"
    iterations: tuple[Iteration, ...] = ()

    @property
    def prompt_tokens(self) -> int:
        """Every token of the prompt, however it was served."""
        return self.input_tokens + self.write_5m + self.write_1h + self.read


def cost(model: str, usage: Usage) -> int:
    """Nano-dollars for one message of `model`, which must be in the price list."""
    tokens = _main_tokens(model, usage) + sum(map(_iteration_tokens, usage.iterations))
    if usage.speed == "fast":
        tokens *= 2
    if usage.geo == "us":
        tokens = -(-tokens * 11 // 10)
    return tokens + usage.web_searches * WEB_SEARCH


def _main_tokens(model: str, usage: Usage) -> int:
    table = LONG_RATES if usage.prompt_tokens > LONG_PROMPT else RATES
    rate = table.get(model) or RATES[model]
    return (
        usage.input_tokens * rate.input
        + usage.write_5m * rate.write_5m
        + usage.write_1h * rate.write_1h
        + usage.read * rate.read
        + usage.output_tokens * rate.output
    )


def _iteration_tokens(each: Iteration) -> int:
    """What a pass adds to the top-level numbers."""
    if each.own:
        return 0
    table = LONG_RATES if each.input_tokens > LONG_PROMPT else RATES
    rate = table.get(each.model) or RATES[each.model]
    return each.input_tokens * rate.input + each.output_tokens * rate.output


def usage_json(usage: Usage, output_tokens: int | None = None) -> dict[str, Any]:
    """`usage` as a whole message carries it; `output_tokens` stands in for a message that has only begun."""
    shown: dict[str, Any] = {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.write_5m + usage.write_1h,
        "cache_read_input_tokens": usage.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.write_5m,
            "ephemeral_1h_input_tokens": usage.write_1h,
        },
        "output_tokens": usage.output_tokens if output_tokens is None else output_tokens,
        "service_tier": "standard",
        "inference_geo": usage.geo,
        "speed": usage.speed,
    }
    if output_tokens is None:
        shown.update(_details(usage))
    return shown


def delta_usage_json(usage: Usage, output_tokens: int | None = None) -> dict[str, Any]:
    """`usage` as the message_delta event carries it: cumulative, without what only message_start tells."""
    return {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.write_5m + usage.write_1h,
        "cache_read_input_tokens": usage.read,
        "output_tokens": usage.output_tokens if output_tokens is None else output_tokens,
        **(_details(usage) if output_tokens is None else {}),
    }


def _details(usage: Usage) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if usage.thinking_tokens:
        details["output_tokens_details"] = {"thinking_tokens": usage.thinking_tokens}
    if usage.web_searches:
        details["server_tool_use"] = {
            "web_search_requests": usage.web_searches,
            "web_fetch_requests": 0,
        }
    if usage.iterations:
        details["iterations"] = [_iteration_json(each, usage) for each in usage.iterations]
    return details


def _iteration_json(each: Iteration, usage: Usage) -> dict[str, Any]:
    own = usage if each.own else Usage(input_tokens=each.input_tokens, output_tokens=each.output_tokens)
    shown: dict[str, Any] = {
        "type": each.type,
        "input_tokens": own.input_tokens,
        "output_tokens": own.output_tokens,
        "cache_creation_input_tokens": own.write_5m + own.write_1h,
        "cache_read_input_tokens": own.read,
        "cache_creation": {"ephemeral_5m_input_tokens": own.write_5m, "ephemeral_1h_input_tokens": own.write_1h},
    }
    if each.type != "compaction":
        shown["model"] = each.model
    return shown
