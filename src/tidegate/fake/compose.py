"""What the fake model says: content blocks that depend only on the request, each with the output tokens it took.

The rules: output never exceeds `max_tokens`; the tokens of the blocks add up to the usage; no text of the prompt comes
back.
"""

import random
from typing import Any, NamedTuple

import msgspec

from tidegate.fake.asking import Asking
from tidegate.fake.binding import signature
from tidegate.fake.cache import Split
from tidegate.fake.command import Command
from tidegate.fake.schema import fitting
from tidegate.fake.tokens import count
from tidegate.fake.tools import chosen_tool, search_blocks, searches_wanted, tool_input
from tidegate.fake.usage import Iteration, Usage
from tidegate.fake.words import words


class Said(NamedTuple):
    """One content block of the answer."""

    block: dict[str, Any]
    tokens: int


class Message(msgspec.Struct, frozen=True):
    """A whole answer, before it is written as JSON or as events."""

    id: str
    model: str
    said: tuple[Said, ...]
    usage: Usage
    first: Usage
    """The usage before server tools read anything: message_start shows its input."""
    max_tokens: int
    stop_reason: str
    stop_sequence: str | None = None
    free: bool = False
    """A refusal before any output: its usage is for information only."""


REFUSAL = {
    "type": "refusal",
    "category": "cyber",
    "explanation": "This request was declined by a safety classifier.",
}
OTHER_MODEL = "claude-opus-5"
"""Who advises, and who steps in, when `iterations` are ordered."""


def compose(asking: Asking, split: Split, command: Command, seed: int, *, worst: bool = False) -> Message:
    """The answer to a valid request."""
    most = int(asking.body["max_tokens"])
    said, stop, sequence = _speak(asking, command, seed, most, worst=worst)
    free = command.refuse == "before"
    searches = sum(each.block["type"] == "server_tool_use" for each in said)
    first = Usage(
        input_tokens=split.input if command.input_tokens is None else command.input_tokens,
        write_5m=split.write_5m,
        write_1h=split.write_1h,
        read=split.read,
        output_tokens=seed % 3 if free else sum(each.tokens for each in said),
        thinking_tokens=sum(each.tokens for each in said if each.block["type"] == "thinking"),
        speed=asking.body.get("speed") or "standard",
        geo=asking.body.get("inference_geo") or "global",
    )
    final = _searched(first, searches, seed) if searches else first
    model = command.model or str(asking.body["model"])
    if command.iterations:
        final = msgspec.structs.replace(final, iterations=_iterations(command.iterations, asking, final, seed))
        model = OTHER_MODEL if command.iterations == "fallback" else model
    return Message(
        id=f"msg_01{seed:x}"[:28],
        model=model,
        said=said,
        usage=final,
        first=first,
        max_tokens=most,
        stop_reason=command.stop_reason or stop,
        stop_sequence=sequence,
        free=free,
    )


def _searched(usage: Usage, searches: int, seed: int) -> Usage:
    """Each search makes the model read the prompt once more, and the results."""
    read = searches * (usage.prompt_tokens + 200 + seed % 700)
    return msgspec.structs.replace(usage, input_tokens=usage.input_tokens + read, web_searches=searches)


def _speak(
    asking: Asking, command: Command, seed: int, most: int, *, worst: bool
) -> tuple[tuple[Said, ...], str, str | None]:
    """Blocks, stop reason and stop sequence."""
    if command.refuse == "before" or most == 0:
        return (), "refusal" if command.refuse else "max_tokens", None
    full = worst or command.output_tokens == "max"
    target = most if full else command.output_tokens
    target = min(most, max(1, target)) if isinstance(target, int) else None
    said = _thought(asking, command, seed, target, most)
    left = most - sum(each.tokens for each in said)
    if left and not command.refuse:
        said += search_said(asking, command, seed, left)
        left = most - sum(each.tokens for each in said)
    if not left:
        return tuple(said), "max_tokens", None
    tool = None if command.refuse else chosen_tool(asking.body, command)
    wanted = None if target is None else max(1, target - (most - left))
    if tool:
        use = _tool_use(tool, seed, wanted)
        if use.tokens <= left:
            return (*said, use), "tool_use", None
    text, stop, sequence = _text(asking, command, seed, wanted, left)
    if full and stop == "end_turn":
        stop = "max_tokens"
    return (*said, text), "refusal" if command.refuse else stop, sequence


def search_said(asking: Asking, command: Command, seed: int, left: int) -> list[Said]:
    """Web searches and what they found, as far as the output tokens go."""
    said: list[Said] = []
    for number in range(searches_wanted(asking.body, command)):
        use, result = search_blocks(seed + number)
        tokens = 20 + seed % 17
        if tokens < left:
            left -= tokens
            said += [Said(use, tokens), Said(result, 0)]
    return said


def _thought(asking: Asking, command: Command, seed: int, target: int | None, most: int) -> list[Said]:
    thinking = asking.body.get("thinking") or {}
    if thinking.get("type", "disabled") == "disabled" and (
        asking.model.thinking != "always" or command.thinking_tokens == 0
    ):
        return []
    tokens = 12 + seed % 41 if target is None else max(1, target // 2)
    if command.thinking_tokens is not None:
        tokens = command.thinking_tokens
    tokens = min(tokens, most, thinking.get("budget_tokens", most))
    if tokens <= 0:
        return []
    shown = thinking.get("display") or ("omitted" if asking.model.fine_images else "summarized")
    text = "" if shown == "omitted" else words(seed >> 3, tokens)
    return [Said({"type": "thinking", "thinking": text, "signature": signature(asking.body)}, tokens)]


def _tool_use(tool: dict[str, Any], seed: int, wanted: int | None) -> Said:
    given = tool_input(tool, seed)
    tokens = 18 + count(msgspec.json.encode(given).decode())
    block = {"type": "tool_use", "id": f"toolu_01{seed:x}"[:30], "name": tool.get("name", ""), "input": given}
    return Said(block, tokens if wanted is None else max(tokens, wanted))


def _text(asking: Asking, command: Command, seed: int, wanted: int | None, left: int) -> tuple[Said, str, str | None]:
    text = command.say if command.say is not None else _structured(asking.body, seed)
    if text is None:
        tokens = 8 + seed % 52 if wanted is None else wanted
        text = words(seed, min(tokens, left))
    else:
        tokens = max(count(text), 1) if wanted is None else wanted
        if tokens > left:
            text = text[: max(1, len(text) * left // tokens)]
    stop = "max_tokens" if tokens > left or tokens == wanted == asking.body["max_tokens"] else "end_turn"
    for sequence in asking.body.get("stop_sequences") or ():
        at = text.find(sequence)
        if sequence and at >= 0:
            tokens = min(tokens, left) if wanted else max(1, min(tokens, left) * at // len(text))
            return Said({"type": "text", "text": text[:at]}, tokens), "stop_sequence", sequence
    return Said({"type": "text", "text": text}, min(tokens, left)), stop, None


def _structured(body: dict[str, Any], seed: int) -> str | None:
    """The JSON text that `output_config.format` asks for."""
    config = body.get("output_config")
    wanted = (config.get("format") if isinstance(config, dict) else None) or body.get("output_format")
    if not isinstance(wanted, dict) or "schema" not in wanted:
        return None
    rng = random.Random(seed)  # noqa: S311 - sample data, not secrets
    return msgspec.json.encode(fitting(wanted["schema"], rng)).decode()


def _iterations(kind: str, asking: Asking, usage: Usage, seed: int) -> tuple[Iteration, ...]:
    served = str(asking.body["model"])
    some = 500 + seed % 3_000
    if kind == "compaction":
        return (
            Iteration("compaction", asking.model.id, some, 100 + seed % 200),
            Iteration("message", served, own=True),
        )
    if kind == "advisor":
        advice = Iteration("advisor_message", OTHER_MODEL, some, 80 + seed % 90)
        return Iteration("message", served, own=True), advice
    declined = Iteration("message", asking.model.id, usage.prompt_tokens, 1 + seed % 20)
    return declined, Iteration("fallback_message", OTHER_MODEL, own=True)
