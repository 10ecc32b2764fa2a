"""HTTP/1.1 by hand: requests as bytes, replies read from the socket without mercy or repair."""

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from msgspec import Struct

PATIENCE = 240.0
ASK: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "How high is the tide?"}],
}


def body(**changes: Any) -> bytes:
    """A small Messages request."""
    return json.dumps({**ASK, **changes}, separators=(",", ":")).encode()


BODY, STREAM = body(), body(stream=True)


def request(
    key: str | None,
    raw: bytes = BODY,
    *lines: str | bytes,
    path: str = "/v1/messages",
    method: str = "POST",
    version: str = "HTTP/1.1",
    length: bool = True,
    host: bool = True,
) -> bytes:
    """The bytes of a request; `lines` are more header lines, `length=False` leaves out `content-length`."""
    head = [f"{method} {path} {version}".encode("latin-1")]
    head += [b"host: gateway"] if host else []
    head += [b"x-api-key: " + key.encode()] if key is not None else []
    head += [b"anthropic-version: 2023-06-01", b"content-type: application/json"]
    head += [b"content-length: %d" % len(raw)] if length else []
    head += [line.encode("latin-1") if isinstance(line, str) else line for line in lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + raw


def chunked(raw: bytes, *sizes: int, trailers: Sequence[str] = ()) -> bytes:
    """A body in chunks of those sizes, the rest in one more."""
    pieces, at = [], 0
    for size in (*sizes, len(raw) - sum(sizes)):
        if size:
            pieces.append(b"%x\r\n%b\r\n" % (size, raw[at : at + size]))
        at += size
    return b"".join(pieces) + b"0\r\n" + "".join(f"{line}\r\n" for line in trailers).encode() + b"\r\n"


class Reply(Struct, frozen=True):
    """One reply."""

    status: int
    pairs: tuple[tuple[str, str], ...]
    """Header names as they came."""
    body: bytes
    version: str = "HTTP/1.1"

    @property
    def headers(self) -> dict[str, str]:
        """Headers by name in lower case; none comes twice."""
        found = {name.lower(): value for name, value in self.pairs}
        assert len(found) == len(self.pairs), self.pairs
        return found

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """Why the gate refused; empty when it did not."""
        return self.headers.get("x-tidegate-reason", "")

    @property
    def error(self) -> str:
        """The type of the error."""
        return str(self.json["error"]["type"])


class Wire:
    """A connection to a server on this machine."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE, source_address=(source, 0))
        self._heard = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, *parts: bytes) -> Self:
        """Send at once."""
        for part in parts:
            self.socket.sendall(part)
        return self

    def reply(self, *, head: bool = False) -> Reply:
        """The next reply; `head`: it answers HEAD."""
        top = self._until(b"\r\n\r\n").decode("latin-1")
        first, *lines = top[:-4].split("\r\n")
        version, _, rest = first.partition(" ")
        pairs = tuple((name, value) for name, _, value in (line.partition(": ") for line in lines))
        reply = Reply(int(rest[:3]), pairs, b"", version)
        if head or reply.status < 200:
            return reply
        return Reply(reply.status, pairs, self._body(reply.headers), version)

    def closed(self) -> bytes:
        """Everything until the server closes."""
        heard, self._heard = self._heard, b""
        while piece := self._receive():
            heard += piece
        return heard

    def silent(self, seconds: float = 0.2) -> bool:
        """True when nothing comes, not even an end, for so long."""
        self.socket.settimeout(seconds)
        try:
            self._heard += self.socket.recv(1)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)
        return False

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            assert "content-length" not in headers
            return b"".join(self._chunks())
        if "content-length" in headers:
            return self._exactly(int(headers["content-length"]))
        return self.closed()

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._until(b"\r\n"), 16):
            yield self._exactly(size)
            assert self._exactly(2) == b"\r\n"
        assert self._exactly(2) == b"\r\n"

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._heard:
            piece = self._receive()
            assert piece, f"the server closed after {self._heard!r}"
            self._heard += piece
        found, _, self._heard = self._heard.partition(mark)
        return found + mark

    def _exactly(self, size: int) -> bytes:
        while len(self._heard) < size:
            piece = self._receive()
            assert piece, f"the server closed {size - len(self._heard)} bytes early"
            self._heard += piece
        found, self._heard = self._heard[:size], self._heard[size:]
        return found

    def _receive(self) -> bytes:
        return self.socket.recv(65_536)


@contextmanager
def wire(port: int, *parts: bytes, source: str = "127.0.0.1") -> Iterator[Wire]:
    """A connection, from that loopback address, on which those bytes were sent."""
    with Wire(port, source) as made:
        yield made.send(*parts)


def ask(port: int, sent: bytes, *, head: bool = False, source: str = "127.0.0.1") -> Reply:
    """One request, one reply, one connection."""
    with wire(port, sent, source=source) as made:
        return made.reply(head=head)
