"""A reply as a list of steps (wait, then write these bytes) and an ending; faults are other lists of steps.

Every position is counted in server-sent events, `message_start` being the first; a JSON reply has one "event": breaking
it "after n" means in the middle of its body.
"""

import zlib
from typing import Literal, NamedTuple

import msgspec

from tidegate.fake.command import Command, Position
from tidegate.fake.errors import error_json, problem
from tidegate.fake.events import Event

After = Literal["keep", "close", "reset", "stall"]
Billing = Literal["none", "input", "so_far", "full"]


class Step(NamedTuple):
    """Wait so many seconds, then write `wire`; `payload` is the body without its transfer framing."""

    wait: float
    wire: bytes
    payload: bytes = b""
    tokens: int = 0
    grown: bool = True


class Reply(msgspec.Struct, frozen=True, gc=False):
    """Everything that happens on the socket for one attempt."""

    steps: tuple[Step, ...]
    after: After = "keep"
    ending: str = "ok"
    billing: Billing = "full"


LAST_CHUNK = Step(0.0, b"0\r\n\r\n")


def whole(
    head: bytes, body: bytes | None, command: Command, *, tokens: int = 0, seconds: float = 0.0, ending: str = "ok"
) -> Reply:
    """A reply with a content length, or without a body at all; `seconds` is how long the model took over it."""
    broken = _break_of(command)
    head = b"%b\r\n" % head if body is None else b"%bcontent-length: %d\r\n\r\n" % (head, len(body))
    body = body or b""
    wait = command.delay + command.first_byte + seconds
    if broken is None:
        return Reply((Step(wait, head + body, body, tokens),), ending=ending)
    after, position, name = broken
    half = body[: len(body) // 2]
    if position == "before":
        steps: tuple[Step, ...] = ()
    elif position == "headers":
        steps = (Step(wait, head, b"", tokens),)
    else:
        steps = (Step(wait, head + half, half, tokens),)
    return Reply(steps, after, name, "full")


def streamed(head: bytes, events: list[Event], command: Command, *, gzip: bool = False, ending: str = "ok") -> Reply:
    """A chunked reply, event by event."""
    steps = [Step(command.delay, head + b"transfer-encoding: chunked\r\n\r\n")]
    packer = zlib.compressobj(wbits=31) if gzip and events else None
    for index, event in enumerate(events):
        wait = command.gap if index else command.first_byte
        payload = event.payload
        if packer:
            payload = packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH)
        steps.append(Step(wait, _chunk(payload), payload, event.tokens, event.grown))
    if packer:
        rest = packer.flush()
        steps.append(Step(0.0, _chunk(rest), rest, events[-1].tokens))
    return _broken_stream(steps, command, ending)


def _chunk(payload: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def _break_of(command: Command) -> tuple[After, Position, str] | None:
    """How the connection breaks: what is done, when, and its name in the books."""
    if command.reset is not None:
        return "reset", command.reset, "fault:reset"
    if command.stall is not None:
        return "stall", command.stall, "fault:stall"
    if command.cut_chunked is not None:
        return "close", command.cut_chunked, "fault:cut_chunked"
    if command.cut is not None:
        return "close", command.cut, "cut"
    return None


def _broken_stream(steps: list[Step], command: Command, ending: str) -> Reply:
    """The steps up to where the order breaks them; `steps[0]` is the head."""
    if command.error_event is not None:
        kept = steps[: 1 + command.error_event]
        trouble = problem(
            529 if command.error_event_type == "overloaded_error" else 500, type_=command.error_event_type
        )
        payload = b"event: error\ndata: %b\n\n" % error_json(trouble, "req_in_stream")
        told = Step(command.gap, _chunk(payload), payload, kept[-1].tokens, kept[-1].grown)
        return Reply((*kept, told, LAST_CHUNK), "keep", "fault:error_event", "so_far")
    broken = _break_of(command)
    if broken is None:
        return Reply((*steps, LAST_CHUNK), ending=ending)
    after, position, name = broken
    if position == "before":
        return Reply((), after, name, "so_far")
    kept = steps[: 1 if position == "headers" else 1 + position]
    if name == "cut":
        return Reply((*kept, LAST_CHUNK), "keep", name, "so_far")
    if name == "fault:cut_chunked":
        kept.append(Step(0.0, b"400\r\nevent: content_bl", b"", kept[-1].tokens, kept[-1].grown))
    return Reply(tuple(kept), after, name, "so_far")
