"""Reading Claude's usage object: lenient on types, and never less than what was reported.

Rules of this file:

1. Counts are integers from 0 to `MOST`.  Anything else (null, a float, a string, a negative number) is as if the field
   were missing.
2. `merged` follows a stream: every field that a later report has replaces the earlier one, nothing is added up.  What
   only `message_start` reports (the split of cache writes by lifetime, tier, speed, geo) therefore stays.
3. Cache writes whose lifetime is not known count as 1 hour, the dearer one: all of them when there is no split, and
   what `cache_creation_input_tokens` has beyond a split (it grew later, or the split does not add up).
4. With `iterations[]` the parts of the bill are the iterations, each at its own model, since compactions and advisor
   calls are not in the top-level numbers.  What the top level has beyond the iterations that it is known to cover
   (`message`, `fallback_message`, untyped) is added to the last of those: for every count the larger side is charged.
5. Vocabulary that we do not know becomes `other`.
"""

from functools import lru_cache
from typing import Annotated, Any, TypeVar, get_args

import msgspec
from msgspec import Struct

from tidegate.model.labels import is_label
from tidegate.model.usage import Part, Usage

Shape = TypeVar("Shape", bound=Struct)

MOST = 10**9
Count = Annotated[int, msgspec.Meta(ge=0, le=MOST)]

Vocabulary = dict[str | None, str | None]
"""Known words, to be asked with `.get(word, "other")`; what was not said (None, or an empty text) stays None."""


def _vocabulary(*words: str) -> Vocabulary:
    return {None: None, "": None} | {word: word for word in words}


STOP_REASONS = _vocabulary(
    "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded"
)
TIERS = _vocabulary("standard", "priority", "batch")
SPEEDS = _vocabulary("standard", "fast")
GEOS = _vocabulary("global", "us", "not_available")
COVERED = frozenset({"message", "fallback_message"})
"""Types of iterations whose tokens are in the top-level numbers."""


class CacheCreation(Struct, gc=False, frozen=True):
    """Cache writes by lifetime."""

    ephemeral_5m_input_tokens: Count | None = None
    ephemeral_1h_input_tokens: Count | None = None


class OutputDetails(Struct, gc=False, frozen=True):
    """What the output tokens were spent on."""

    thinking_tokens: Count | None = None


class ServerTools(Struct, gc=False, frozen=True):
    """Requests of server tools."""

    web_search_requests: Count | None = None


class UsageJson(Struct, frozen=True, gc=False):
    """The usage object of the wire, of a message or of one iteration; None: not reported."""

    input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_creation: CacheCreation | None = None
    output_tokens: Count | None = None
    output_tokens_details: OutputDetails | None = None
    server_tool_use: ServerTools | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    iterations: "list[UsageJson] | None" = None
    type: str | None = None
    """Of an iteration."""
    model: str | None = None
    """Of an iteration."""


def merged(earlier: UsageJson | None, later: UsageJson) -> UsageJson:
    """What is known after a later report; see rule 2."""
    split = later.cache_creation
    if split is not None:
        # Within one report the split counts at least as much as the sum; a later sum without split may correct it.
        writes = (split.ephemeral_5m_input_tokens or 0) + (split.ephemeral_1h_input_tokens or 0)
        if writes > (later.cache_creation_input_tokens or 0):
            later = msgspec.structs.replace(later, cache_creation_input_tokens=writes)
    if earlier is None:
        return later
    return _overwritten(earlier, later)


def _overwritten(earlier: Shape, later: Shape) -> Shape:
    """The earlier object with every field that the later one has, inside its objects too."""
    said = {}
    for name in later.__struct_fields__:
        new, old = getattr(later, name), getattr(earlier, name)
        if new is not None:
            said[name] = _overwritten(old, new) if isinstance(new, Struct) and old is not None else new
    return msgspec.structs.replace(earlier, **said)


def bill_of_materials(report: UsageJson, model: str) -> tuple[Usage, tuple[Part, ...]]:
    """The total and the priced parts of a report that went through `merged`; `model` is the reply's."""
    top = _plain(report, report.service_tier, report.speed, report.inference_geo)
    if not report.iterations:
        return top, (Part(model, top),)
    parts: list[Part] = []
    own = Usage()
    last = None
    for iteration in report.iterations:
        usage = _plain(
            merged(None, iteration),
            iteration.service_tier or report.service_tier,
            iteration.speed or report.speed,
            iteration.inference_geo or report.inference_geo,
        )
        if iteration.type is None or iteration.type in COVERED:
            own = _sum(own, usage)
            last = len(parts)
        parts.append(Part(model_name(iteration.model) or model, usage))
    rest = _beyond(top, own)
    if last is not None:
        parts[last] = Part(parts[last].model, _sum(parts[last].usage, rest))
    elif rest.prompt_tokens or rest.output_tokens or rest.web_searches:
        parts.append(Part(model, rest))
    total = parts[0].usage
    for part in parts[1:]:
        total = _sum(total, part.usage)
    return total, tuple(parts)


def _plain(of: UsageJson, tier: str | None, speed: str | None, geo: str | None) -> Usage:
    """One report in our words."""
    long = writes = of.cache_creation_input_tokens or 0
    split = of.cache_creation
    if split is not None and writes:
        long = min(writes, max(split.ephemeral_1h_input_tokens or 0, writes - (split.ephemeral_5m_input_tokens or 0)))
    details = of.output_tokens_details
    tools = of.server_tool_use
    return Usage(
        input_tokens=of.input_tokens or 0,
        cache_read_tokens=of.cache_read_input_tokens or 0,
        cache_write_5m_tokens=writes - long,
        cache_write_1h_tokens=long,
        output_tokens=of.output_tokens or 0,
        thinking_tokens=0 if details is None else details.thinking_tokens or 0,
        web_searches=0 if tools is None else tools.web_search_requests or 0,
        service_tier=TIERS.get(tier, "other"),
        speed=SPEEDS.get(speed, "other"),
        geo=GEOS.get(geo, "other"),
    )


def _sum(a: Usage, b: Usage) -> Usage:
    return Usage(
        input_tokens=a.input_tokens + b.input_tokens,
        cache_read_tokens=a.cache_read_tokens + b.cache_read_tokens,
        cache_write_5m_tokens=a.cache_write_5m_tokens + b.cache_write_5m_tokens,
        cache_write_1h_tokens=a.cache_write_1h_tokens + b.cache_write_1h_tokens,
        output_tokens=a.output_tokens + b.output_tokens,
        thinking_tokens=a.thinking_tokens + b.thinking_tokens,
        web_searches=a.web_searches + b.web_searches,
        service_tier=a.service_tier or b.service_tier,
        speed=a.speed or b.speed,
        geo=a.geo or b.geo,
    )


def _beyond(top: Usage, own: Usage) -> Usage:
    """What the top level has beyond its own iterations, field by field; see rule 4."""
    writes = top.cache_write_5m_tokens + top.cache_write_1h_tokens
    own_writes = own.cache_write_5m_tokens + own.cache_write_1h_tokens
    long = max(0, top.cache_write_1h_tokens - own.cache_write_1h_tokens)
    return Usage(
        input_tokens=max(0, top.input_tokens - own.input_tokens),
        cache_read_tokens=max(0, top.cache_read_tokens - own.cache_read_tokens),
        cache_write_5m_tokens=max(0, writes - own_writes - long),
        cache_write_1h_tokens=long,
        output_tokens=max(0, top.output_tokens - own.output_tokens),
        thinking_tokens=max(0, top.thinking_tokens - own.thinking_tokens),
        web_searches=max(0, top.web_searches - own.web_searches),
        service_tier=top.service_tier,
        speed=top.speed,
        geo=top.geo,
    )


@lru_cache(256)
def model_name(text: str | None) -> str | None:
    """A model id that may be kept; `other` for text that is none, None when nothing was said."""
    if not text:
        return None
    return text if is_label(text) else "other"


def read_json(data: bytes, decoder: "msgspec.json.Decoder[Shape]") -> Shape | None:
    """The document in that shape, ill-typed fields left out; None when it is not a JSON object at all."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        pass
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    try:
        return _shaped(msgspec.json.decode(data), decoder.type)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _shaped(found: Any, shape: type[Shape]) -> Shape | None:
    """A decoded object in that shape, ill-typed fields left out."""
    if not isinstance(found, dict):
        return None
    fields = {field.name: _field(found.get(field.encode_name), field.type) for field in msgspec.structs.fields(shape)}
    return shape(**{name: value for name, value in fields.items() if value is not None})


def _field(found: Any, kind: Any) -> Any:
    """The value when it fits the kind, the fitting rest of an object or a list, else None."""
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError:
        pass
    for option in get_args(kind) or (kind,):
        if isinstance(option, type) and issubclass(option, Struct):
            return _shaped(found, option)
        items = get_args(option)
        if isinstance(found, list) and getattr(option, "__origin__", None) is list:
            return [item for one in found if (item := _field(one, items[0])) is not None]
    return None
