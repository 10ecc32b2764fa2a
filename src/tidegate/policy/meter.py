"""The meter: reads usage from a reply while it passes, event by event or as one JSON message; keeps no content.

When usage is final: a message_delta reported `output_tokens` together with a stop reason, or message_stop came after
one did; a JSON message reported `output_tokens`.  Reports before that are progress.  A report that could not be read
takes it back, and so does an input side that is missing or sums up to nothing (some compatible servers fill it in
late): a bill must never be smaller than the truth.  `started` has the same condition for the input side.
"""

import json
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from tidegate.model.usage import Metered, Part, Usage
from tidegate.policy.error_json import known_type
from tidegate.policy.inflate import Garbage, inflate, inflater, is_plain
from tidegate.policy.sse import Event, EventScanner
from tidegate.policy.usage_json import STOP_REASONS, UsageJson, bill_of_materials, merged, model_name, read_json

MOST_JSON = 64 * 1024 * 1024
"""Longest JSON reply that is read, after decompression."""


class _Error(Struct, gc=False):
    type: str | None = None


class _Block(Struct, gc=False):
    pass


class _Message(Struct, gc=False):
    type: str | None = None
    model: str | None = None
    usage: UsageJson | None = None
    stop_reason: str | None = None
    content: list[_Block] | str | None = None
    error: _Error | None = None


class _Start(Struct, gc=False):
    message: _Message | None = None


class _StopDelta(Struct, gc=False):
    stop_reason: str | None = None


class _MessageDelta(Struct, gc=False):
    delta: _StopDelta | None = None
    usage: UsageJson | None = None


class _ErrorEvent(Struct, gc=False):
    error: _Error | None = None


_MESSAGE = msgspec.json.Decoder(_Message)
_START = msgspec.json.Decoder(_Start)
_DELTA = msgspec.json.Decoder(_MessageDelta)
_ERROR = msgspec.json.Decoder(_ErrorEvent)


class StreamMeter:
    """One event stream: feed it every chunk of the body as it came, ask for what it knows at any time."""

    __slots__ = (
        "_error_type", "_events", "_final", "_inflated", "_model", "_report", "_reported", "_scanner", "_stop_reason",
        "_unread", "ended", "malformed_at",
    )  # fmt: skip

    def __init__(self, content_encoding: bytes | None = None) -> None:
        self.ended = False
        """`message_stop` was seen."""
        self.malformed_at: int | None = None
        """Where in the last chunk (-1: before it) an event begins that no SDK can read; None: nowhere."""
        self._scanner = EventScanner()
        self._inflated = None if is_plain(content_encoding) else _Inflated(content_encoding, self._scanner)
        self._events = (self._inflated or self._scanner).feed
        self._unread = False
        self._report: UsageJson | None = None
        self._model: str | None = None
        self._stop_reason: str | None = None
        self._error_type: str | None = None
        self._reported = False  # a message_delta had output_tokens
        self._final = False

    @property
    def broken(self) -> bool:
        """Something in the stream could not be read."""
        garbage = self._scanner.broken or self._scanner.malformed_at is not None
        return self._unread or garbage or (self._inflated is not None and self._inflated.broken)

    @property
    def at_boundary(self) -> bool:
        """Another event may be put in here: the bytes so far end where an event ends, and are not compressed."""
        return self._inflated is None and self._scanner.at_boundary

    @property
    def output_bytes(self) -> int:
        """About how many bytes of output were seen, for an estimate when the stream is cut."""
        return self._scanner.output_bytes

    def feed(self, chunk: bytes) -> None:
        """Read a chunk; never raises."""
        events = self._events(chunk)
        if events:
            self._take(events)
        malformed_at = self._scanner.malformed_at
        if malformed_at is not None:
            self.malformed_at = malformed_at
            if not self.ended:  # the scanner stops at garbage: `message_stop` came before it
                self._final = self._reported = False

    def metered(self) -> Metered:
        """What is known now."""
        total, parts, input_known = _priced(self._report, self._model)
        return Metered(
            model=self._model,
            usage=total,
            parts=parts,
            stop_reason=self._stop_reason,
            error_type=self._error_type,
            started=input_known,
            finished=self._final and input_known,
            ended=self.ended,
            silent=not self._scanner.output_seen,
        )

    def _take(self, events: Sequence[Event]) -> None:
        for name, data in events:
            if name == b"message_delta":
                self._on_delta(data)
            elif name == b"message_start":
                self._on_start(data)
            elif name == b"message_stop":
                self.ended = True
                self._final = self._final or self._reported
            else:
                self._on_error(data)

    def _on_start(self, data: bytes) -> None:
        event = read_json(data, _START)
        if event is None or event.message is None:
            self._unread = True
            return
        message = event.message
        self._model = model_name(message.model) or self._model
        if message.usage is not None:
            self._report = merged(self._report, message.usage)

    def _on_delta(self, data: bytes) -> None:
        event = read_json(data, _DELTA)
        if event is None:
            self._unread = True
            self._final = self._reported = False
            return
        if event.delta is not None and event.delta.stop_reason:
            self._stop_reason = STOP_REASONS.get(event.delta.stop_reason, "other")
        if event.usage is not None:
            self._report = merged(self._report, event.usage)
            if event.usage.output_tokens is not None:
                self._reported = True
                self._final = self._stop_reason is not None

    def _on_error(self, data: bytes) -> None:
        event = read_json(data, _ERROR)
        self._unread = self._unread or event is None
        self._error_type = known_type(event.error.type) if event and event.error else "other"


class _Inflated:
    """A scanner behind a decompressor."""

    def __init__(self, content_encoding: bytes | None, scanner: EventScanner) -> None:
        self._scanner = scanner
        self._inflater = inflater(content_encoding)
        self.broken = self._inflater is None

    def feed(self, chunk: bytes) -> Sequence[Event]:
        if self._inflater is None:
            return ()
        events: list[Event] = []
        try:
            for piece in self._inflater.feed(chunk):
                events += self._scanner.feed(piece)
        except Garbage:
            self.broken = True
            self._inflater = None
        return events


def read_message(body: bytes, content_encoding: bytes | None = None) -> Metered | None:
    """What a JSON reply of success reports; None when it is no message.  Never raises."""
    try:
        plain = inflate(body, content_encoding, MOST_JSON)
    except Garbage:  # the caller may be able to read it; what it cost nobody knows
        return Metered()
    message = read_json(plain, _MESSAGE)
    if message is None:
        return Metered() if _is_lenient_message(plain) else None
    if message.type != "message" and (message.type is not None or (message.content is None and message.usage is None)):
        return None
    report = message.usage and merged(None, message.usage)
    model = model_name(message.model)
    total, parts, input_known = _priced(report, model)
    return Metered(
        model=model,
        usage=total,
        parts=parts,
        stop_reason=STOP_REASONS.get(message.stop_reason, "other"),
        error_type=known_type(message.error.type) if message.error else None,
        started=input_known,
        finished=input_known and report is not None and report.output_tokens is not None,
        ended=message.error is None,
        silent=not message.content,
    )


def _is_lenient_message(data: bytes) -> bool:
    """Whether a more lenient reader, such as the SDK's, finds a message after all."""
    try:
        found = json.loads(data)
        return isinstance(found, dict) and found.get("type") == "message"
    except (ValueError, RecursionError):
        return False


def _priced(report: UsageJson | None, model: str | None) -> tuple[Usage | None, tuple[Part, ...], bool]:
    """Total, parts, and whether the input side of them is known."""
    if report is None:
        return None, (), False
    total, parts = bill_of_materials(report, model or "")
    known = report.input_tokens is not None and (total.input_tokens > 0 or total.prompt_tokens > 0)
    return total, parts, known
