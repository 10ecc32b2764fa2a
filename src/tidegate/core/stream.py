"""Relaying a stream: each piece the moment it comes, metered on the way, settled before its last piece goes out."""

from collections.abc import Awaitable, Callable, Mapping

from tidegate.core.call import Exchange
from tidegate.core.ports import Headers, Reply
from tidegate.model.errors import Broken
from tidegate.model.texts import Texts, fill
from tidegate.model.usage import Metered
from tidegate.policy.meter import StreamMeter
from tidegate.policy.replies import sse_error
from tidegate.policy.settlement import Ending

_WHOLE = (b"application/json", b"text/html")
"""Content-types that are surely no stream: an answer in one piece, the page of a proxy."""

Settle = Callable[[Ending, Metered, int], Awaitable[None]]


class Stream(Exchange):
    """An event stream on its way to the caller."""

    def __init__(
        self, reply: Reply, encoding: bytes | None, settle: Settle, texts: Texts, request_id: str, *, drain: bool
    ) -> None:
        super().__init__(reply.status, reply.headers, None)
        self.drains = drain
        self._reply = reply
        self._meter = StreamMeter(encoding)
        self._compressed = encoding not in (None, b"identity")
        self._settle_once: Settle | None = settle
        self._texts = texts
        self._request_id = request_id
        self._over = False

    async def read(self) -> bytes:
        """The next piece; b"" after the end.  Raises Broken when a cut cannot be told inside the stream."""
        if self._over:
            return b""
        try:
            piece = await self._reply.read()
        except Broken as broken:
            return await self._cut("timeout" if broken.kind == "timeout" else "cut", broken)
        except BaseException:
            await self.close()
            raise
        if piece:
            self._meter.feed(piece)
            if self._meter.ended:  # what is garbage behind it takes nothing away
                await self._settle("ok")
            if self._meter.malformed_at is not None:
                return await self._garbled(piece, self._meter.malformed_at)
            return piece
        return await self._ended()

    async def _ended(self) -> bytes:
        """The upstream has nothing more to say."""
        if self._meter.ended or self._meter.metered().error_type is not None:
            self._over = True
            await self._settle("cut")  # unless it is settled; else the upstream has said itself what went wrong
            return b""
        return await self._cut("cut", Broken("the upstream ended the stream before message_stop", "cut"))

    def between_events(self) -> bool:
        """True when the last piece ended with a whole event and the answer goes on."""
        return self._meter.at_boundary and not self._over

    async def _garbled(self, piece: bytes, at: int) -> bytes:
        """The upstream sends what nobody can read: what came before it, and an error event in its place."""
        event = await self._cut("cut", Broken("the upstream sent an event that is no JSON", "garbage"))
        # One that began in an earlier piece is on its way already; a line break makes both one `error` event.
        return piece[:at] + event if at >= 0 else event and b"\n" + event

    async def close(self) -> None:
        """The caller has left."""
        if self._over:
            return
        self._over = True
        try:
            if self.drains and self._settle_once is not None and not self._meter.ended:
                await self._read_to_end()
            await self._reply.close()
        finally:  # even when this is cancelled, too
            # Who leaves at an error event has not left: the SDKs do it as soon as they have read one.
            await self._settle("aborted" if self._meter.metered().error_type is None else "cut")

    async def _read_to_end(self) -> None:
        try:
            while piece := await self._reply.read():
                self._meter.feed(piece)
        except Broken:
            return  # it is settled as far as it was read

    async def _cut(self, ending: Ending, broken: Broken) -> bytes:
        self._over = True
        told = self._settle_once is None  # the whole answer was there: nothing is missing
        try:
            await self._reply.close()
        finally:
            await self._settle(ending)
        if told:
            return b""
        if self._compressed:
            raise broken
        kind = "timeout_error" if ending == "timeout" else "api_error"
        event = sse_error(kind, fill(self._texts, ending), self._request_id)
        # In the middle of an event the line break makes it one `error` event, which SDKs do not take for an answer.
        return event if self._meter.at_boundary else b"\n" + event

    async def _settle(self, ending: Ending) -> None:
        settle, self._settle_once = self._settle_once, None
        if settle is not None:
            await settle(ending, self._meter.metered(), self._meter.output_bytes)


async def read_all(reply: Reply) -> bytes:
    """The whole body of a reply; raises Broken."""
    pieces: list[bytes] = []
    try:
        while piece := await reply.read():
            pieces.append(piece)
    except BaseException:
        await reply.close()
        raise
    return b"".join(pieces)


def is_event_stream(said: Mapping[bytes, bytes], *, asked: bool) -> bool:
    """True when the body is server-sent events, by whatever name when they were asked for."""
    kind = said.get(b"content-type")
    return asked if kind is None else kind.startswith(b"text/event-stream") or (asked and not kind.startswith(_WHOLE))


def by_name(headers: Headers) -> dict[bytes, bytes]:
    """The headers by name, in lower case; of one that is there twice the first."""
    return dict(headers[::-1])
