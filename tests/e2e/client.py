"""A small raw HTTP/1.1 client for many calls at once: one connection a call, and it may leave at any point."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import Struct

_LIMIT = 1 << 20


class Answer(Struct, frozen=True, kw_only=True):
    """What came back, as far as the client read."""

    status: int
    """0 when the client left, or the connection ended, before the headers."""
    headers: Mapping[str, str]
    body: bytes
    """Without transfer framing."""
    whole: bool
    """The body came to its legal end."""
    left_at: float | None = None
    """Wall time at which the client left; None when it stayed."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """Why the gate refused; empty when it did not."""
        return self.headers.get("x-tidegate-reason", "")

    @property
    def events(self) -> list[str]:
        """The names of the events of a stream."""
        return [line[7:].decode() for line in self.body.split(b"\n") if line.startswith(b"event: ")]


Enough = Callable[[bytes], bool]
"""Told of the body so far, framing included: True makes the client leave."""


def request(
    body: Mapping[str, Any] | bytes,
    *,
    key: str,
    path: str = "/v1/messages",
    method: str = "POST",
    headers: Mapping[str, str | bytes] | None = None,
) -> bytes:
    """The bytes of a request."""
    raw = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
    lines: dict[str, str | bytes] = {
        "host": "gateway",
        "x-api-key": key,
        "anthropic-version": "2023-06-01",
        "content-type": "application/json",
        "content-length": str(len(raw)),
        **(headers or {}),
    }
    head = b"".join(
        name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
        for name, value in lines.items()
    )
    return f"{method} {path} HTTP/1.1\r\n".encode() + head + b"\r\n" + raw


async def call(
    port: int, sent: bytes, *, leave: Enough | None = None, leave_when: Awaitable[object] | None = None
) -> Answer:
    """Send one request and read the answer.  `leave` ends it in mid-body, `leave_when` as soon as that is done."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_LIMIT)
    heard = bytearray()
    reading = asyncio.ensure_future(_read(reader, writer, sent, heard, leave))
    try:
        if leave_when is None:
            return await reading
        left = asyncio.ensure_future(leave_when)
        await asyncio.wait((reading, left), return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            left.cancel()
            return reading.result()
        reading.cancel()
        await left
        return _answer(bytes(heard), whole=False, left_at=time.time())
    finally:
        writer.transport.abort()
        reading.cancel()


async def _read(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes, heard: bytearray, leave: Enough | None
) -> Answer:
    writer.write(sent)
    while True:
        try:
            piece = await reader.read(65_536)
        except ConnectionError:
            piece = b""
        heard += piece
        end = heard.find(b"\r\n\r\n")
        if end < 0:
            if not piece:
                return _answer(bytes(heard), whole=False)
            continue
        if leave is not None and leave(bytes(heard[end + 4 :])):
            writer.transport.abort()
            return _answer(bytes(heard), whole=False, left_at=time.time())
        if _is_whole(heard, end):
            return _answer(bytes(heard), whole=True)
        if not piece:
            return _answer(bytes(heard), whole=False)


def _is_whole(heard: bytearray, end: int) -> bool:
    head = bytes(heard[:end]).lower()
    at = head.find(b"\r\ncontent-length: ")
    if at >= 0:
        return len(heard) - end - 4 >= int(head[at + 18 :].split(b"\r\n", 1)[0])
    return heard.endswith(b"\r\n0\r\n\r\n")


def _answer(heard: bytes, *, whole: bool, left_at: float | None = None) -> Answer:
    head, _, body = heard.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if not lines[0].startswith("HTTP/1.1 "):
        return Answer(status=0, headers={}, body=b"", whole=False, left_at=left_at)
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    if headers.get("transfer-encoding") == "chunked":
        body = _unchunked(body)
    return Answer(status=int(lines[0][9:12]), headers=headers, body=body, whole=whole, left_at=left_at)


def _unchunked(framed: bytes) -> bytes:
    pieces, at = [], 0
    while (end := framed.find(b"\r\n", at)) >= 0:
        size = int(framed[at:end], 16)
        pieces.append(framed[end + 2 : end + 2 + size])
        at = end + 4 + size
        if not size:
            break
    return b"".join(pieces)
