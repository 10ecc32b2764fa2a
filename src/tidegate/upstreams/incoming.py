"""Replies as they are parsed: bytes in, notes out, one reply at a time, no I/O.

The parser's callbacks only take notes.  What follows from them is decided after a whole feed, because bytes behind a
reply's end must spoil the connection before it is lent out again.  The notes are the same for every chunking.
"""

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MAX_HEAD = 65_536
"""Bytes that a head may have, and chunk framing and trailers between two pieces of a body."""


class Incoming:
    """What is known of the reply that is coming on one connection."""

    __slots__ = (
        "_bodyless",
        "_framing",
        "_headers",
        "_interim",
        "_parser",
        "_whole",
        "complete",
        "ends_with_connection",
        "headers",
        "on_body",
        "on_header",
        "pieces",
        "reusable",
        "status",
    )

    def __init__(self) -> None:
        self.status = 0
        """0 until the head is here."""
        self.headers: list[tuple[bytes, bytes]] = []
        """Whoever has the reply may clear it: nothing is read from it behind the head."""
        self.pieces: list[bytes] = []
        """Of the body, not taken yet."""
        self.complete = False
        self.ends_with_connection = False
        """Whether the body has no length of its own, so that EOF is its legal end."""
        self.reusable = False
        """Whether another reply may follow a complete one; the upstream allows it and sent nothing behind this one."""
        self._headers: list[tuple[bytes, bytes]] = []
        self._framing = self._whole = 0
        self._interim = self._bodyless = False
        note = self._headers.append
        # One frame of ours for a header, none for a piece: these two decide what parsing costs.
        self.on_header = lambda name, value: note((name.lower(), value))
        self.on_body = self.pieces.append
        self._parser: HttpResponseParser | None = HttpResponseParser(self)

    def expect(self, bodyless: bool) -> None:
        """Get ready for the next reply; `bodyless` when it answers HEAD."""
        if self._bodyless:
            self._parser = HttpResponseParser(self)  # the old one still waits for the body
        self._bodyless = bodyless
        self.status = self._framing = 0
        self.complete = self.reusable = False
        self._headers.clear()  # a trailer

    def feed(self, data: bytes) -> str:
        """Parse; returns what is wrong with it, empty when all is well."""
        parser = self._parser
        if parser is None:
            return "was closed"
        if self.complete:
            self.reusable = False
            return ""
        begun, pieces = self.status, self.pieces
        before = len(pieces)
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            if not self.complete:
                return "sent something that is not HTTP/1.1"
            self.reusable = False
        if self.complete and len(pieces) > self._whole:  # the body of something behind the reply
            self.reusable = False
            del pieces[self._whole :]
        # A piece came, or a small head.
        if len(pieces) != before if begun else self.status and self._framing + len(data) <= MAX_HEAD:
            self._framing = 0
            return ""
        return self._bounded(len(data), begun=bool(begun))

    def taken(self) -> bytes:
        """The pieces so far, joined, once."""
        pieces = self.pieces
        piece = b"".join(pieces)  # copies nothing where there is but one
        pieces.clear()
        return piece

    def close(self) -> None:
        """Let the parser go; the two hold each other."""
        self._parser = None

    def _bounded(self, size: int, *, begun: bool) -> str:
        """Count bytes that were not body: what is wrong when there are too many of them."""
        self._framing += size
        if begun:
            too_many = self._framing > MAX_HEAD
            return f"sent more than {MAX_HEAD} bytes of chunk framing or trailers" if too_many else ""
        if self._framing > MAX_HEAD and self._head_too_large():
            self.status = 0
            return f"sent a head of more than {MAX_HEAD} bytes"
        if self.status:
            self._framing = 0
        return ""

    def _head_too_large(self) -> bool:
        """Whether a head that came in more than MAX_HEAD bytes is itself that large, or still not at its end."""
        return not self.status or sum(len(name) + len(value) + 4 for name, value in self.headers) > MAX_HEAD

    # The parser's callbacks; they must not raise.

    def on_message_begin(self) -> None:
        """A second reply, where only one was asked for, spoils the connection."""
        if self.complete:
            self.reusable = False

    def on_headers_complete(self) -> None:
        """The head is here: 1xx is skipped, anything else is the reply."""
        parser = self._parser
        if parser is None or self.complete:
            return
        status = parser.get_status_code()
        if status < 200:
            self._interim = True
        else:
            self.headers = self._headers.copy()
            self.status = status
            self.ends_with_connection = not parser.should_keep_alive() and _has_no_length(self.headers)
            if self._bodyless:
                self.on_message_complete()
        self._headers.clear()

    def on_message_complete(self) -> None:
        """The reply is whole, or it was a 1xx."""
        parser = self._parser
        if self._interim:
            self._interim = False
        elif parser is not None and not self.complete:
            self.complete = True
            self.reusable = parser.should_keep_alive()
            self._whole = len(self.pieces)


def _has_no_length(headers: list[tuple[bytes, bytes]]) -> bool:
    known = dict(headers)
    coding = known.get(b"transfer-encoding")
    if coding is not None:
        return coding.lower().rpartition(b",")[2].strip() != b"chunked"
    return b"content-length" not in known
