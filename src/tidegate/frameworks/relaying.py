"""From a stream of the SDK to server-sent events: pieces of text, then `done`; or `error`, whatever broke.

    event: text      {"text": "High"}                          for each piece
    event: done      {"stop_reason": "end_turn"}               the answer is complete
    event: error     {"error": {"title", "text", …}}           it is not: the JSON that `shown.py` describes

With `events=True` the API's own events come in place of `text`, named by their type.

Rules:
1. A stream that ends without its last event is cut, even where nothing was raised.
2. What is no failure of a call is shown, too, and then raised: it is for whoever wrote the application.
3. The stream is closed when it is over, when the reader leaves, and when nothing was ever read.
4. It runs for the caller for whom it was made: a server sends it after the application has returned.
"""

from contextlib import suppress
from typing import Any, Final, Self

import msgspec

from tidegate.doors.guard.caller import bind
from tidegate.doors.guard.friendly import of_a_call
from tidegate.frameworks.answers import NoAnswer
from tidegate.frameworks.shown import as_json, explain

HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}
"""Of the reply: neither kept nor held back by a proxy."""

MEDIA_TYPE: Final = "text/event-stream"

_END: Final[Any] = object()

_OF_THE_API: Final = frozenset({
    "message_start", "message_delta", "message_stop",
    "content_block_start", "content_block_delta", "content_block_stop",
})  # fmt: skip
"""The SDK's own helpers put others between these."""


class Relay:
    """What goes out for the items of one stream; no I/O."""

    def __init__(self, stream: Any, *, events: bool) -> None:
        self.over = False
        self.bug: Exception | None = None
        """What is raised after the last event."""
        self._stream = stream
        self._events = events
        self._stop_reason: str | None = None
        self._complete = False

    def item(self, item: Any) -> bytes:
        """The bytes for one item, a text or an event of the SDK; b"" for what is not shown."""
        if isinstance(item, str):
            self._complete = True  # of a text nobody can tell
            return _text(item)
        kind = getattr(item, "type", None)
        delta = getattr(item, "delta", None)
        if kind == "message_stop":
            self._complete = True
        elif kind == "message_delta":
            self._stop_reason = getattr(delta, "stop_reason", None)
        if self._events:
            return _event(kind, item.to_json(indent=None).encode()) if kind in _OF_THE_API else b""
        if kind == "content_block_delta" and getattr(delta, "type", None) == "text_delta":
            return _text(getattr(delta, "text", None))
        return b""

    def end(self) -> bytes:
        """The last event of a stream that was read to its end."""
        self.over = True
        if not self._complete:
            return error_event(NoAnswer("cut", self._reference()))
        if self._stop_reason == "refusal":
            return error_event(NoAnswer("model_refusal", self._reference()))
        return _event("done", msgspec.json.encode({"stop_reason": self._stop_reason}))

    def broken(self, error: Exception) -> bytes:
        """The last event of a stream that could not be read to its end."""
        self.over = True
        self.bug = None if of_a_call(error) else error
        return error_event(error)

    def _reference(self) -> str | None:
        headers = getattr(getattr(self._stream, "response", None), "headers", {})
        return headers.get("request-id")


class Pieces:
    """The bytes of a blocking stream, or of any iterable of texts."""

    def __init__(self, stream: Any, *, events: bool) -> None:
        self._stream = stream
        self._items = stream if hasattr(stream, "__next__") else iter(stream)
        self._relay = Relay(stream, events=events)
        self._next = bind(self._step)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        return self._next()

    def _step(self) -> bytes:
        if self._relay.over:
            raise self._relay.bug or StopIteration
        try:
            while (item := next(self._items, _END)) is not _END:
                if piece := self._relay.item(item):
                    return piece
            piece = self._relay.end()
        except Exception as error:  # noqa: BLE001 - rule 2
            piece = self._relay.broken(error)
        self.close()
        return piece

    def close(self) -> None:
        """End what feeds it."""
        close = getattr(self._stream, "close", None)
        if close is not None:
            with suppress(Exception):  # its last word is said
                close()


class AsyncPieces:
    """The bytes of a stream of an event loop, or of any async iterable of texts."""

    def __init__(self, stream: Any, *, events: bool) -> None:
        self._stream = stream
        self._items = stream if hasattr(stream, "__anext__") else aiter(stream)
        self._relay = Relay(stream, events=events)
        self._next = bind(self._step)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        return await self._next()

    async def _step(self) -> bytes:
        if self._relay.over:
            raise self._relay.bug or StopAsyncIteration
        try:
            while (item := await anext(self._items, _END)) is not _END:
                if piece := self._relay.item(item):
                    return piece
            piece = self._relay.end()
        except Exception as error:  # noqa: BLE001 - rule 2
            piece = self._relay.broken(error)
        await self.aclose()
        return piece

    async def aclose(self) -> None:
        """End what feeds it: `close` of the SDK's streams, `aclose` of a generator."""
        close = getattr(self._stream, "close", None) or getattr(self._stream, "aclose", None)
        if close is not None:
            with suppress(Exception):  # its last word is said
                await close()


def pieces(stream: Any, *, events: bool) -> Pieces | AsyncPieces:
    """The bytes of a stream of either colour; raises TypeError."""
    if hasattr(stream, "__aiter__"):
        return AsyncPieces(stream, events=events)
    if hasattr(stream, "__iter__") and not isinstance(stream, str | bytes):
        return Pieces(stream, events=events)
    hint = "; await it first" if hasattr(stream, "__await__") else ", as messages.create(stream=True) gives"
    raise TypeError(f"relay() takes a stream or texts{hint}; this is a {type(stream).__name__}")


def error_event(error: BaseException) -> bytes:
    """The event that tells a reader why there is no more."""
    return _event("error", as_json(explain(error)))


def _text(text: str | None) -> bytes:
    return _event("text", msgspec.json.encode({"text": text})) if text else b""


def _event(kind: str, data: bytes) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"
