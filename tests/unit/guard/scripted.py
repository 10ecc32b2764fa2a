"""A transport that answers from a list, for both colours, and clients on it."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anthropic
import httpx2

import tidegate
from tidegate.doors.guard.engine import REGISTRY, Running

MODEL = "claude-haiku-4-5"
HELLO: dict[str, Any] = {"model": MODEL, "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}

Said = httpx2.Response | BaseException | Callable[[httpx2.Request], httpx2.Response]


def message(output: int = 7) -> dict[str, Any]:
    """A message as the API gives it."""
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": MODEL,
        "content": [{"type": "text", "text": "High."}], "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": output, "cache_read_input_tokens": 0,
                  "cache_creation_input_tokens": 0},
    }  # fmt: skip


def events(output: int = 7) -> list[bytes]:
    """The same as a stream, one event a piece."""
    begun = {**message(1), "content": [], "stop_reason": None}
    found: list[tuple[str, dict[str, Any]]] = [
        ("message_start", {"message": begun}),
        ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
        ("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": "High."}}),
        ("content_block_stop", {"index": 0}),
        (
            "message_delta",
            {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": output}},
        ),
        ("message_stop", {}),
    ]
    return [f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode() for name, data in found]


def answer(status: int = 200, body: Any = None, **headers: str) -> httpx2.Response:
    """A JSON reply as a transport gives it: not read yet."""
    content = json.dumps(message() if body is None else body).encode()
    found = {"Content-Type": "application/json", "Request-Id": "req_up", **headers}
    return httpx2.Response(status, headers=found, stream=Body([content]), extensions={"http_version": b"HTTP/1.1"})


def error(status: int, kind: str = "api_error", **headers: str) -> httpx2.Response:
    """An error of the API."""
    body = {"type": "error", "error": {"type": kind, "message": "secret words of the prompt"}, "request_id": "req_up"}
    return answer(status, body, **headers)


def stream(*pieces: bytes | BaseException, **headers: str) -> httpx2.Response:
    """An event stream; an exception among the pieces is raised when it is its turn."""
    found = {"content-type": "text/event-stream; charset=utf-8", "request-id": "req_up", **headers}
    return httpx2.Response(200, headers=found, stream=Body(pieces or events()))


class Body(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body of either colour; knows how often it was closed."""

    def __init__(self, pieces: Any) -> None:
        self.pieces = list(pieces)
        self.closed = 0
        self.read = 0
        self.ended = asyncio.Event()

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.read += 1
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.read += 1
            if isinstance(piece, BaseException):
                raise piece
            yield piece
            await asyncio.sleep(0)

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1
        self.ended.set()


class Scripted(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """Says one thing after the other; the last one again and again."""

    def __init__(self, *said: Said) -> None:
        self.said = list(said) or [lambda _: answer()]
        self.requests: list[httpx2.Request] = []
        self.bodies: list[Any] = []
        self.closed = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        said = self.said.pop(0) if len(self.said) > 1 else self.said[0]
        if isinstance(said, BaseException):
            raise said
        reply = said if isinstance(said, httpx2.Response) else said(request)
        self.bodies.append(reply.stream)
        return reply

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(0)
        return self.handle_request(request)

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1

    @property
    def body(self) -> Body:
        """Of the last reply."""
        found = self.bodies[-1]
        assert isinstance(found, Body)
        return found


def bare(transport: Any, **options: Any) -> anthropic.Anthropic:
    """The SDK on a transport."""
    http = anthropic.DefaultHttpxClient(transport=transport)
    return anthropic.Anthropic(base_url="http://claude.test", api_key="sk-ant-1", http_client=http, **options)


def bare_async(transport: Any, **options: Any) -> anthropic.AsyncAnthropic:
    """The async SDK on a transport."""
    http = anthropic.DefaultAsyncHttpxClient(transport=transport)
    return anthropic.AsyncAnthropic(base_url="http://claude.test", api_key="sk-ant-1", http_client=http, **options)


QUICK: dict[str, Any] = {"retry": {"attempts": 3, "base": "1ms", "cap": "1ms"}}


def guarded(transport: Any, **settings: Any) -> anthropic.Anthropic:
    """The same, guarded; retries do not wait."""
    return tidegate.guard(bare(transport), **{**QUICK, **settings})


def guarded_async(transport: Any, **settings: Any) -> anthropic.AsyncAnthropic:
    """The same, guarded; retries do not wait."""
    return tidegate.guard(bare_async(transport), **{**QUICK, **settings})


def running() -> Running:
    """What the one engine of this test runs."""
    (engine,) = REGISTRY.engines.values()
    return engine.running()


def rows(query: str, file: str = "tidegate.db") -> list[tuple[Any, ...]]:
    """What a query finds in the ledger's file."""
    with closing(sqlite3.connect(Path(file))) as db:
        return db.execute(query).fetchall()


def charges() -> list[tuple[Any, ...]]:
    """Outcome, exactness, cost and user of all charges, oldest first."""
    return rows("SELECT outcome, exactness, cost, user_id FROM charges ORDER BY attempt_id")


PRICE = 10 * 1_000 + 7 * 5_000
"""Nano-dollars of `message()`: 1 and 5 USD per million tokens."""
