"""What applications do in these tests: calls over a scripted transport, and streams that break."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2

from tidegate.doors.guard.caller import current
from unit.guard.scripted import (
    HELLO,
    Scripted,
    answer,
    bare,
    bare_async,
    error,
    events,
    guarded,
    guarded_async,
    stream,
)  # fmt: skip

SECRET = "secret words of the prompt"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

__all__ = [
    "BROWSER", "HELLO", "SECRET", "Scripted", "answer", "bare", "bare_async", "broken_stream", "error", "events",
    "events_of", "guarded", "guarded_async", "not_json", "said", "stream", "texts",
]  # fmt: skip


def broken_stream() -> httpx2.Response:
    """A stream that is cut after its first text."""
    return stream(*events()[:3], httpx2.ReadError(SECRET))


def not_json() -> httpx2.Response:
    """A reply that no SDK can read; a guard would not let it pass."""
    return httpx2.Response(200, headers={"content-type": "application/json"}, content=SECRET.encode())


def events_of(body: bytes | str) -> list[tuple[str, Any]]:
    """Server-sent events, decoded."""
    text = body.decode() if isinstance(body, bytes) else body
    found = []
    for event in text.strip().split("\n\n"):
        kind, data = event.split("\n")
        found.append((kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def said(body: bytes | str) -> dict[str, Any]:
    """The friendly error of a reply, as JSON or as the last event; it quotes nothing."""
    text = body.decode() if isinstance(body, bytes) else body
    assert SECRET not in text
    assert "anthropic" not in text
    shown: dict[str, Any] = json.loads(text)["error"] if text.startswith("{") else events_of(text)[-1][1]["error"]
    assert shown["text"]
    assert shown["title"]
    assert shown["reference"].startswith("req_")
    return shown


class Texts:
    """Texts of either colour, with who asked while each was made; knows whether it was closed."""

    def __init__(self, *pieces: str | Exception) -> None:
        self.pieces = pieces
        self.closed = 0
        self.users: list[str | None] = []

    def __iter__(self) -> Iterator[str]:
        for piece in self.pieces:
            self.users.append(current().user)
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def close(self) -> None:
        self.closed += 1


class AsyncTexts:
    """The same for an event loop."""

    def __init__(self, *pieces: str | Exception) -> None:
        self.pieces = pieces
        self.closed = 0
        self.users: list[str | None] = []

    async def __aiter__(self) -> AsyncIterator[str]:
        for piece in self.pieces:
            self.users.append(current().user)
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def close(self) -> None:
        self.closed += 1


def texts(*pieces: str | Exception, suspends: bool = False) -> Any:
    return AsyncTexts(*pieces) if suspends else Texts(*pieces)
