"""Cutting a server-sent event stream into events, and keeping only the few that money depends on.

Rules of this file:

1. The result is the same for every chunking of the same bytes, byte by byte too.
2. Only wanted events are ever buffered, and at most `MOST` bytes of each: beyond that they are given without data.
   The rest is passed over at the speed of `bytes.find`.
3. Lines end with LF, CR or CRLF.  An event ends at a blank line; an unfinished last event never happened.
4. The name of an event is its `event:` line; when that is missing (or says `message`, the default of SSE), the `type`
   of its JSON decides, which is looked for at the start of the data so that big events need not be kept.
5. The data of an event that SDKs read begins with `{` and ends with `}`.  Where that is not so the stream is garbage
   from there on, and nothing behind it is read: `malformed_at`.
"""

import re
from collections.abc import Sequence

import msgspec

Event = tuple[bytes, bytes]
"""Name and data of a wanted event; several data lines are joined with LF."""

WANTED = frozenset({b"message_start", b"message_delta", b"message_stop", b"error"})
MOST = 4 * 1024 * 1024
"""A wanted event with more data than this is not read."""

_DELTA = b"event: content_block_delta\ndata: {"
_FRAME = len(b' {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}')
"""Bytes of the smallest delta without its text."""
_DELTA_HEAD = len(_DELTA)
_DELTA_COST = _DELTA_HEAD - 1 + _FRAME
"""What stands beside the text in a delta of the quick way: its lines up to `data:`, the frame, a line end."""

_CR, _LF = b"\r\n"
_CLOSE = ord("}")
_BOM = b"\xef\xbb\xbf"
_EOL = re.compile(rb"\r\n|\n|\r")
_TYPE = re.compile(rb'\s*\{\s*"type"\s*:\s*"([a-z_]{1,40})"')
_SNIFF = 128
"""Bytes at the start of unnamed data in which its type is looked for."""
_HEAD = 64
"""Longest line beginning that is looked at; no name that we know is longer."""

_UNDECIDED, _TO_DATA, _TO_NOTHING = range(3)
_UNNAMED, _KEEP, _SKIP = range(3)


class _Typed(msgspec.Struct):
    type: str = ""


class EventScanner:
    """One stream.  `feed` gives the wanted events that a chunk completes."""

    __slots__ = (
        "_after_cr",
        "_at_start",
        "_began",
        "_data",
        "_first",
        "_head",
        "_here",
        "_in_event",
        "_last",
        "_line",
        "_mode",
        "_name",
        "_output",
        "_size",
        "_start",
        "broken",
        "malformed_at",
        "output_seen",
    )

    def __init__(self) -> None:
        self.output_seen = False
        """A content block was seen."""
        self.broken = False
        """A wanted event could not be kept."""
        self.malformed_at: int | None = None
        """Where in the last chunk an event begins that is no JSON object; -1: in an earlier one; None: nowhere."""
        self._in_event = False  # the last byte fed lies within an event or a comment
        self._output = 0
        self._at_start = False  # True when the quick way may be tried: nothing of an event, no half line end
        self._after_cr = False
        self._start: bytes | None = b""  # bytes that may become a byte order mark; None once that is known
        self._line = _UNDECIDED
        self._head = b""  # of a line that is undecided
        self._mode = _UNNAMED
        self._name = b""
        self._data = bytearray()  # of an event that may be wanted
        self._size = 0  # bytes of data, kept or not
        self._first = self._last = b""  # of the data, white space aside
        self._here = self._began = 0  # places in the chunk: of the line at hand, of the event at hand

    @property
    def output_bytes(self) -> int:
        """About how many bytes of output text the deltas carried, never fewer than they did in plain text."""
        return max(0, self._output)

    @property
    def at_boundary(self) -> bool:
        """The bytes so far end where an event ends, so that another may be put in."""
        return not self._in_event and not self._start

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """The wanted events that end in this chunk."""
        # One delta a chunk is what a stream mostly is: seven cheap questions, and it is passed over.
        if self._at_start and chunk[:_DELTA_HEAD] == _DELTA and _CR not in chunk:
            end = chunk.find(b"\n", _DELTA_HEAD) + 1
            if end == len(chunk) - 1 and chunk[end] == _LF and chunk[end - 2] == _CLOSE:
                self._output += end - _DELTA_COST
                self.output_seen = True
                return ()
        return self._feed_lines(chunk)

    def _pass_deltas(self, chunk: bytes, at: int) -> int:
        """The quick way: passes over whole deltas as Anthropic writes them, from `at` to the first other thing."""
        while chunk.startswith(_DELTA, at):
            end = chunk.find(b"\n", at + _DELTA_HEAD) + 1
            if end == 0 or end == len(chunk) or chunk[end] != _LF or chunk[end - 2] != _CLOSE:
                break
            self._output += end - at - _DELTA_COST
            self.output_seen = True
            at = end + 1
        return at

    def _feed_lines(self, chunk: bytes) -> Sequence[Event]:
        """The full way: line by line, with short cuts at the ends of events."""
        at = shift = 0
        self._began = -1  # until an event begins in this chunk
        if self._start is not None:
            shift = len(self._start)
            chunk = self._start + chunk
            if len(chunk) < 3 and _BOM.startswith(chunk):
                self._start = chunk
                return ()
            self._start = None
            at = 3 if chunk.startswith(_BOM) else 0
        if self._after_cr and at < len(chunk):
            self._after_cr = False
            at += chunk[at] == _LF  # the LF of a CRLF that was cut in two
        events: list[Event] = []
        only_lf = _CR not in chunk
        if only_lf and self._at_start:
            at = self._pass_deltas(chunk, at)
        while (found := _line_end(chunk, at, only_lf)) is not None:
            end, after = found
            if at < end:
                self._here = at - shift
                self._add(chunk[at:end])
            self._end_line(events)
            if self.malformed_at is not None:
                return events
            at = after if self._in_event or not only_lf else self._pass_deltas(chunk, after)
        if at < len(chunk):
            self._here = at - shift
            self._add(chunk[at:])
        if chunk:
            self._after_cr = chunk.endswith(b"\r")
        self._at_start = not self._in_event and not self._after_cr
        return events

    def _add(self, piece: bytes) -> None:
        """Some more bytes of the current line."""
        if not self._in_event:
            self._in_event = True
            self._began = max(-1, self._here)
        if self._line == _UNDECIDED:
            head = self._head = self._head + piece
            if head.startswith(b"data:"):
                self._begin_data()
                piece = head[5:]
            elif not (b"data:".startswith(head[:5]) or b"event:".startswith(head[:6])):
                self._line = _TO_NOTHING
            else:
                self._head = head[: _HEAD + 1]
        if self._line == _TO_DATA:
            self._add_data(piece)

    def _begin_data(self) -> None:
        self._line = _TO_DATA
        if self._size:
            self._add_data(b"\n")
        elif self._name:
            self._mode = _KEEP if self._name in WANTED else _SKIP
        else:
            self._mode = _UNNAMED

    def _add_data(self, piece: bytes) -> None:
        self._size += len(piece)
        self._first = self._first or piece[:_SNIFF].lstrip()[:1]
        self._last = piece[-_SNIFF:].rstrip()[-1:] or self._last
        if self._mode == _SKIP:
            return
        sniff = self._mode == _UNNAMED and len(self._data) < _SNIFF
        self._data += piece
        if sniff and (found := _TYPE.match(self._data[:_SNIFF])):
            self._name = found[1]
            self._mode = _KEEP if self._name in WANTED else _SKIP
        if self._mode == _SKIP:
            self._data = bytearray()
        elif self._size > MOST:
            self.broken = True
            self._mode = _SKIP
            self._data = bytearray()
            # Without a name it may have been a report of usage: better one too many that cannot be read.
            self._name = self._name or b"message_delta"

    def _end_line(self, events: list[Event]) -> None:
        if self._line == _UNDECIDED and not self._head:
            self._end_event(events)
            self._in_event = False
        elif self._line == _UNDECIDED and self._head.startswith(b"event:"):
            name = self._head[6:].removeprefix(b" ")
            if not self._size:  # a name after the data comes too late to decide about it
                self._name = b"" if name == b"message" else name
        self._next_line()

    def _end_event(self, events: list[Event]) -> None:
        name = self._name
        if not name and self._mode == _UNNAMED and self._size:
            name = self._type_of_data()
        if self._size and (self._first, self._last) != (b"{", b"}") and _is_read(name):
            self.malformed_at = self._began
        elif name in WANTED:
            events.append((name, bytes(self._data)))
        elif name.startswith(b"content_block_"):
            self.output_seen = True
            if name == b"content_block_delta":
                self._output += self._size - _FRAME
        self._clear()

    def _type_of_data(self) -> bytes:
        try:
            return msgspec.json.decode(self._data, type=_Typed).type.encode()
        except (msgspec.MsgspecError, ValueError, RecursionError):
            self.broken = True
            return b""

    def _clear(self) -> None:
        self._name = b""
        self._data = bytearray()
        self._size = 0
        self._first = self._last = b""
        self._mode = _UNNAMED

    def _next_line(self) -> None:
        self._line = _UNDECIDED
        self._head = b""


def _is_read(name: bytes) -> bool:
    """Whether SDKs read the data of an event of that name; others they pass over."""
    return name in WANTED or name.startswith(b"content_block_")


def _line_end(chunk: bytes, at: int, only_lf: bool) -> tuple[int, int] | None:
    """Where the line at `at` ends and where the next one begins; None when it does not end in this chunk."""
    if only_lf:  # memchr is twenty times as fast as the pattern
        end = chunk.find(b"\n", at)
        return None if end < 0 else (end, end + 1)
    found = _EOL.search(chunk, at)
    return found.span() if found else None
