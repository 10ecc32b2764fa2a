"""Reading a Messages request: what the policy needs of it, from the raw bytes, which stay as they are.

One pass of msgspec over the body; long strings are skipped, not decoded.  Almost every client sends compact JSON
without escapes in names; then the sizes of the parts add up to the size of the body, which proves that no name is
there twice and that nothing else is there either (scan.py, rule 3).  Whenever anything is not as usual, the body is
read again in exact mode, which understands every spelling.  inputs.py has the rules for content.
"""

from collections.abc import Mapping
from itertools import compress
from typing import Final

from msgspec import UNSET, DecodeError, Raw, Struct, UnsetType, ValidationError
from msgspec.json import Decoder
from msgspec.structs import astuple, replace

from tidegate.model.call import Reading
from tidegate.model.refusal import Refusal
from tidegate.policy.features import NO_TOOLS, read_tools, unbounded_fields, unknown_choices
from tidegate.policy.inputs import ABSENT, BRACE, BRACKET, QUOTE, Inputs, Members, text_of
from tidegate.policy.scan import TwiceError, check_unique, object_size, spans

MAX_TOKENS: Final = 2**31
MAX_MODEL: Final = 256
MAX_CHOICE: Final = 64
"""Longest name of a speed, a tier or a region that can be one."""


class _Message(Struct, frozen=True, gc=False):
    content: Raw = ABSENT
    role: Raw = ABSENT


class _Said(Struct, frozen=True, gc=False):
    """A message that has all that a message must have; anything else ends the decoding at once."""

    content: Raw
    role: Raw


class _Metadata(Struct, frozen=True, gc=False):
    user_id: str


class _Top(Struct, frozen=True, gc=False):
    """The fields that requests usually have; with any other one, or another type, the body is read in exact mode."""

    messages: list[_Message]
    model: str
    stream: bool | UnsetType = UNSET
    metadata: _Metadata | UnsetType = UNSET
    # From here on all are Raw: `_size` counts on it; of most requests only the first two are there.
    max_tokens: Raw = ABSENT
    system: Raw = ABSENT
    temperature: Raw = ABSENT
    stop_sequences: Raw = ABSENT
    tools: Raw = ABSENT
    tool_choice: Raw = ABSENT
    thinking: Raw = ABSENT
    output_config: Raw = ABSENT
    context_management: Raw = ABSENT
    cache_control: Raw = ABSENT
    service_tier: Raw = ABSENT
    inference_geo: Raw = ABSENT
    speed: Raw = ABSENT


_NAMES: Final = _Top.__struct_fields__
_REST: Final = _NAMES[4:]
_PLAIN: Final = 4
"""So many of the rest, the first ones, need no look into them where they are strings or no input."""
_NO_MORE: Final = (ABSENT,) * len(_REST[_PLAIN:])
_COSTS: Final = tuple(len(name) + 4 for name in _REST)
"""What a member takes beside its value: the name, two quotes, a colon, a comma."""
_RARE: Final = ("mcp_servers", "fallbacks", "compaction", "container", "thread")
MANY: Final = 10_000
"""Braces above which the parts of a request are not looked at one by one: that takes microseconds for each."""
MOST_SCANNED: Final = 1_000_000
"""Bytes of such a request that are searched for names in odd spellings."""
_LOOKED_INTO: Final = tuple(name for name in (*_NAMES, *_RARE) if name != "messages")
_FOLDED: Final = frozenset(name.casefold() for name in (*_NAMES, *_RARE))

_TOP: Decoder[_Top] = Decoder(_Top)
_SAID: Decoder[list[_Said]] = Decoder(list[_Said])
_BODY: Decoder[Members] = Decoder(Members)


class _BadError(Exception):
    """The request is refused; the text is the sentence for the caller."""


def read(body: bytes) -> Reading | Refusal:
    """What the policy needs of a request; a Refusal `bad_request` when it cannot be read in one way only.

    Only what would make the bound uncertain is refused; all other rules are the API's own to enforce.
    """
    try:
        if not body.isascii():
            body.decode()
        if len(body) > MANY and body.count(b"{") > MANY:
            return _read_many(body)
        return _read_fast(body) or _read_exact(body)
    except TwiceError as twice:
        # Any other name is content.
        name = f"the key {twice.name}" if twice.name in _FOLDED else "a key"
        detail = f"{name} appears twice"
    except _BadError as bad:
        detail = str(bad)
    except UnicodeDecodeError:
        detail = "the body is not valid UTF-8"
    except ValidationError:
        detail = "the body is not a JSON object"
    except DecodeError:
        detail = "the body is not valid JSON"
    except RecursionError:
        detail = "the body is nested too deeply"
    return Refusal(reason="bad_request", detail=detail)


def _read_fast(body: bytes) -> Reading | None:
    """One pass; None when the sizes do not add up or something has another shape than usual."""
    try:
        top = _TOP.decode(body)
        raws = astuple(top)[4:]
        plain = raws[_PLAIN:] == _NO_MORE
        if _size(top, raws[:_PLAIN] if plain else raws) != len(body):
            return None
        user = top.metadata.user_id if top.metadata else None
        if plain and (not top.system or memoryview(top.system)[0] == QUOTE) and _only_strings(top.messages):
            return Reading(
                model=_short(top.model),
                max_tokens=_max_tokens(top.max_tokens),
                stream=top.stream is True,
                metadata_user=user,
                size=len(body),
                text_bytes=len(body),
            )
        inputs = Inputs(exact=False)
        inputs.messages(message.content for message in top.messages)
        reading = _reading(body, top, user, {}, inputs)
    except ValidationError:
        return None
    return reading if inputs.explained() else None


def _size(top: _Top, raws: tuple[Raw, ...]) -> int:
    """The size of a body that has these members and nothing else; the true size is never less."""
    # {"model":"","messages":[]} and {"role":,"content":} with a comma, save the last.
    messages = top.messages
    size = 25 + len(top.model) + 21 * len(messages) + (not messages)
    for message in messages:
        role, content = len(message.role), len(message.content)
        if not role or not content:
            return 0
        size += role + content
    if top.stream is not UNSET:
        size += 14 if top.stream else 15
    if top.metadata is not UNSET:
        size += 26 + len(top.metadata.user_id)
    return size + sum(map(len, raws)) + sum(compress(_COSTS, raws))


def _only_strings(messages: list[_Message]) -> bool:
    for message in messages:  # noqa: SIM110 - a generator takes longer than the check itself
        if memoryview(message.content)[0] != QUOTE:
            return False
    return True


def _read_exact(body: bytes) -> Reading:
    """Any spelling: finds repeated names by their places, takes unknown shapes for unknown sizes."""
    fields = _BODY.decode(body)
    spans(body, fields)
    rare = {name: raw for name, raw in fields.items() if name not in _NAMES}
    for name in rare:
        # Some servers match names whatever their case, so that `Max_Tokens` would be a second `max_tokens`.
        if name not in _FOLDED and name.casefold() in _FOLDED:
            raise _BadError(f"the key {name.casefold()} must be written in lower case")
    inputs = Inputs(exact=True)
    inputs.messages(_contents(fields.get("messages", ABSENT), inputs))
    top = _Top(
        [],
        _model(fields.get("model", ABSENT)),
        _stream(fields["stream"]) if "stream" in fields else UNSET,
        UNSET,
        *[fields.get(name, ABSENT) for name in _REST],
    )
    user = text_of(_member(fields["metadata"], "user_id")) if "metadata" in fields else None
    return _reading(body, top, user, rare, inputs)


def _read_many(body: bytes) -> Reading:
    """A body with very many braces, without looking at each part: nobody's request may hold up everybody else's.

    Prompts that are plain strings (of code, say) are read as ever.  Anything else is taken for a whole context window,
    and for a request without a bound, since it may define tools.
    """
    fields = _BODY.decode(body)
    if object_size(fields) != len(body) and (b"\\u" in body or _named_twice(body)):
        if len(body) > MOST_SCANNED:
            raise _BadError("a request with so many parts must name nothing twice and write its names without escapes")
        spans(body, fields)
    rare = {name: raw for name, raw in fields.items() if name not in _NAMES}
    if any(name not in _FOLDED and name.casefold() in _FOLDED for name in rare):
        raise _BadError("the names of fields must be written in lower case")
    if any(bytes(fields.get(name, ABSENT)).count(b"{") > MANY for name in _LOOKED_INTO):
        raise _BadError("it has too many tools or too many parts in its system prompt")
    inputs = Inputs(exact=True)
    messages = fields.get("messages", ABSENT)
    unread = bytes(messages).count(b'"role"') > MANY or not _are_strings(messages)
    if unread:
        inputs.opaque(messages)
    top = _Top(
        [],
        _model(fields.get("model", ABSENT)),
        _stream(fields["stream"]) if "stream" in fields else UNSET,
        UNSET,
        *[fields.get(name, ABSENT) for name in _REST],
    )
    user = text_of(_member(fields["metadata"], "user_id")) if "metadata" in fields else None
    reading = _reading(body, top, user, rare, inputs)
    return replace(reading, unbounded=(*reading.unbounded, "unread_parts")) if unread else reading


def _named_twice(body: bytes) -> bool:
    """Whether one of the names stands there twice; within a string its quotes would be escaped."""
    return any(body.count(b'"%b"' % name.encode()) > 1 for name in (*_NAMES, *_RARE))


def _are_strings(messages: Raw) -> bool:
    try:
        return bool(messages) and all(memoryview(said.content)[0] == QUOTE for said in _SAID.decode(messages))
    except ValidationError:
        return False


def _contents(raw: Raw, inputs: Inputs) -> list[Raw]:
    """Each message's content; a message may have none when it only sets the output."""
    if not raw or memoryview(raw)[0] != BRACKET:
        inputs.opaque(raw)
        return []
    messages = inputs.objects(raw)
    contents = [message["content"] for message in messages if "content" in message]
    inputs.unknown += sum("content" not in message and "output_config" not in message for message in messages)
    return contents


def _reading(body: bytes, top: _Top, user: str | None, rare: Mapping[str, Raw], inputs: Inputs) -> Reading:
    if top.system:
        inputs.content(top.system, 0)
    if top.cache_control:
        inputs.mark(top.cache_control)
    tools = read_tools(top.tools, inputs) if top.tools or inputs.defined or inputs.references else NO_TOOLS
    unbounded = tools.unbounded
    speed = _text(top.speed)
    tier = _text(top.service_tier)
    if rare or top.context_management or speed or tier:
        more = unbounded_fields(rare, top.context_management, inputs) + unknown_choices(speed, tier)
        unbounded = (*unbounded, *more)
    return Reading(
        _short(top.model),
        _max_tokens(top.max_tokens),
        len(body),
        len(body) - inputs.removed,  # with one name more CPython would make a dictionary of them first
        stream=top.stream is True,
        metadata_user=user,
        images=inputs.images,
        documents=inputs.documents,
        unknown_inputs=inputs.unknown,
        tools=tools.count,
        tool_overhead=tools.overhead + inputs.overhead,
        cache=inputs.cache,
        geo=_text(top.inference_geo),
        speed=speed,
        thinking_budget=_thinking_budget(top.thinking) if top.thinking else None,
        unbounded=unbounded,
        searches=tools.searches,
    )


def _model(raw: Raw) -> str:
    model = text_of(raw)
    if model is None:
        raise _BadError("the field model must be a string")
    return model


def _short(model: str) -> str:
    if not 0 < len(model) <= MAX_MODEL:
        raise _BadError(f"the field model must have 1 to {MAX_MODEL} characters")
    return model


def _max_tokens(raw: Raw) -> int | None:
    if not raw:
        return None
    text = bytes(raw)
    if text.isdigit() and len(text) < 10:
        return int(text)
    value = _whole(raw)
    if value is None or not 0 <= value <= MAX_TOKENS:
        raise _BadError(f"the field max_tokens must be a whole number from 0 to {MAX_TOKENS}")
    return value


def _thinking_budget(thinking: Raw) -> int | None:
    """None when there is none; what is no number that we can read may stand for any."""
    raw = _member(thinking, "budget_tokens")
    if not raw or bytes(raw) == b"null":
        return None
    budget = _whole(raw)
    return MAX_TOKENS if budget is None else budget


def _stream(raw: Raw) -> bool:
    text = bytes(raw)
    if text not in {b"true", b"false"}:
        raise _BadError("the field stream must be true or false")
    return text == b"true"


def _member(raw: Raw, name: str) -> Raw:
    """A member of a small object that may name nothing twice; ABSENT when there is none or it is no object."""
    if memoryview(raw)[0] != BRACE:
        return ABSENT
    members = _BODY.decode(raw)
    check_unique(raw, members)
    return members.get(name, ABSENT)


def _text(raw: Raw) -> str | None:
    """A short string field: None when absent or null; what is no string at all is no value that we know."""
    if not raw or bytes(raw) == b"null":
        return None
    text = text_of(raw)
    return text if text and len(text) <= MAX_CHOICE else "?"


def _whole(raw: Raw) -> int | None:
    """A number without a fraction, however it is written (`1000`, `1e3`); None for anything else."""
    text = bytes(raw)
    if text.isdigit():
        return int(text) if len(text) <= 16 else None
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() else None
