"""Reading a request body: bounded, patient for a while, and unpacked where the client compressed it."""

import asyncio
import zlib

from tidegate.doors.gateway.request import Request
from tidegate.model.refusal import Refusal

SLOWEST = 1024
"""Bytes a second that a client must send on the whole: a byte now and then must not keep a place for ever."""


class Left(Exception):  # noqa: N818 - the fact: the client has left
    """The client closed the connection before its request was complete."""


async def read_body(request: Request, most: int, patience: float) -> bytes | Refusal:
    """The body as it comes; a refusal when it is longer than `most` bytes or stalls for `patience` seconds."""
    declared = request.said.get(b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > most:
        return too_large(most)
    pieces: list[bytes] = []
    size = 0
    clock = asyncio.get_running_loop().time
    started = clock()
    try:
        async with asyncio.timeout(patience) as timeout:
            while True:
                message = await request.receive()
                if message["type"] != "http.request":
                    raise Left
                piece = message.get("body", b"")
                size += len(piece)
                if size > most:
                    return too_large(most)
                if not message.get("more_body", False):
                    return b"".join([*pieces, piece]) if pieces else piece
                pieces.append(piece)
                timeout.reschedule(min(clock() + patience, started + patience + size / SLOWEST))
    except TimeoutError:
        return Refusal(reason="bad_request", detail="The request body did not arrive in time.")


def too_large(most: int) -> Refusal:
    """The refusal of a body above the limit."""
    for unit, size in (("MB", 1024 * 1024), ("KB", 1024)):
        if most % size == 0:
            return Refusal(reason="too_large", detail=f"The limit is {most // size} {unit}.")
    return Refusal(reason="too_large", detail=f"The limit is {most} bytes.")


def unpack(body: bytes, encoding: bytes, most: int) -> bytes | Refusal:
    """The plain bytes of a body with `content-encoding`; bounded, so that a small body cannot become a huge one."""
    name = encoding.strip().lower()
    if name in (b"", b"identity"):
        return body
    if name not in (b"gzip", b"x-gzip", b"deflate"):
        return Refusal(reason="bad_request", detail="The body's content-encoding is not supported; use gzip or none.")
    try:
        unzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: gzip or zlib, as its header says
        plain = unzip.decompress(body, most + 1)
    except zlib.error:
        return Refusal(reason="bad_request", detail="The body is not what its content-encoding says.")
    if len(plain) > most:
        return too_large(most)
    if not unzip.eof or unzip.unused_data:
        return Refusal(reason="bad_request", detail="The body is not what its content-encoding says.")
    return plain
