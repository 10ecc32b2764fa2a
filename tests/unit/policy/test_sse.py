"""The scanner against a slow reader of the SSE specification, for every chunking."""

import json
import re
import tracemalloc
from collections.abc import Iterator
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.policy.sse import MOST, WANTED, Event, EventScanner

DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"hi"}}\n\n'


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    at = 0
    for cut in sorted({cut % (len(data) + 1) for cut in cuts}):
        yield data[at:cut]
        at = cut
    yield data[at:]


def scan(chunks: list[bytes]) -> tuple[list[Event], bool, bool, int, bool]:
    scanner = EventScanner()
    events = [event for chunk in chunks for event in scanner.feed(chunk)]
    return events, scanner.output_seen, scanner.broken, scanner.output_bytes, scanner.at_boundary


def by_the_book(stream: bytes) -> tuple[list[Event], bool]:
    """Wanted events, and whether a content block was seen, as the specification says."""
    stream = stream.removeprefix(b"\xef\xbb\xbf")
    lines = re.split(rb"\r\n|\n|\r", stream)[:-1]
    events: list[Event] = []
    seen = False
    name = b""
    data: list[bytes] = []
    for line in lines:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if line:
            if field == b"event" and not data:
                name = value
            elif field == b"data":
                data.append(value)
            continue
        text = b"\n".join(data)
        if (name or b"message") == b"message" and text:
            name = json.loads(text)["type"].encode()
        if name in WANTED:
            events.append((name, text))
        seen = seen or name.startswith(b"content_block_")
        name, data = b"", []
    return events, seen


def plain(events: list[Event]) -> list[tuple[bytes, object]]:
    return [(name, json.loads(data or b"null")) for name, data in events]


KINDS = [
    "message_start", "message_delta", "message_stop", "error", "ping", "content_block_start", "content_block_delta",
    "content_block_stop", "something_new",
]  # fmt: skip


@st.composite
def ended(draw: st.DrawFn, lines: list[bytes]) -> bytes:
    """The lines and a blank one, each with a line end of its own; mostly LF, as Claude does."""
    if draw(st.booleans()):
        return b"\n".join(lines) + b"\n\n"
    eols = [draw(st.sampled_from([b"\n", b"\r", b"\r\n"])) for _ in lines]
    blank = draw(st.sampled_from([b"\r", b"\r\n"] if eols[-1] == b"\r" else [b"\n", b"\r", b"\r\n"]))
    return b"".join(line + eol for line, eol in zip(lines, eols, strict=True)) + blank


@st.composite
def events(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(KINDS))
    body: dict[str, object] = {"type": kind, "text": draw(st.text(max_size=8))}
    if draw(st.booleans()):
        body = dict(reversed(body.items()))
    indent = draw(st.sampled_from([None, None, None, 1]))
    data = json.dumps(body, indent=indent, ensure_ascii=draw(st.booleans())).encode()
    space = draw(st.sampled_from([b" ", b" ", b""]))
    lines = [b"data:" + space + line for line in data.split(b"\n")]
    name = draw(st.sampled_from([kind, kind, kind, "message", None]))
    if name:
        lines.insert(draw(st.sampled_from([0, 0, 0, len(lines)])), b"event:" + space + name.encode())
    noise = [b": hello", b":", b"id: 7", b"retry: 10", b"dat", b"event", b"x" * 99]
    lines = [*draw(st.lists(st.sampled_from(noise), max_size=2)), *lines]
    return draw(ended(lines))


usual = st.sampled_from([DELTA, DELTA, DELTA * 2, DELTA[:-1], b"event: ping\ndata: {}\n\n", b"\n", b"\r"])
tails = st.sampled_from([b"", b"event: message_st", b"data: {", b"event: message_stop\ndata: {}\n", b": c\n"])
well_formed = st.builds(
    lambda bom, body, tail: [bom, *body, tail],
    st.sampled_from([b"", b"", b"\xef\xbb\xbf"]),
    st.lists(st.one_of(usual.filter(lambda part: part != DELTA[:-1]), events()), max_size=12),
    tails,
)
anything = st.lists(st.one_of(st.binary(max_size=30), usual, events()), max_size=8)


@st.composite
def chunkings(draw: st.DrawFn, parts: list[bytes]) -> list[bytes]:
    """The parts in other pieces: cut at and near their borders, as a network does, and anywhere."""
    stream = b"".join(parts)
    borders = list(accumulate(map(len, parts)))
    near = st.builds(lambda at, by: max(0, at + by), st.sampled_from(borders or [0]), st.sampled_from([0, 0, 0, -1, 1]))
    cuts = draw(st.lists(st.one_of(near, near, st.integers(0, 5000)), max_size=12))
    return list(pieces(stream, cuts))


@given(st.data(), well_formed)
def test_any_chunking_gives_what_the_specification_says(data: st.DataObject, parts: list[bytes]) -> None:
    stream = b"".join(parts)
    expected, seen = by_the_book(stream)
    one_by_one = [stream[at : at + 1] for at in range(len(stream))]
    for chunks in ([stream], one_by_one, parts, data.draw(chunkings(parts))):
        found, output_seen, broken, *_ = scan(chunks)
        assert plain(found) == plain(expected)
        assert output_seen == seen
        assert not broken


@given(st.data(), anything)
def test_garbage_gives_the_same_for_every_chunking(data: st.DataObject, parts: list[bytes]) -> None:
    stream = b"".join(parts)
    whole = scan([stream])
    for chunks in ([stream[at : at + 1] for at in range(len(stream))], parts, data.draw(chunkings(parts))):
        assert scan(chunks) == whole


def test_data_lines_are_joined() -> None:
    assert scan([b"event: error\ndata: {\ndata:  }\n\n"])[0] == [(b"error", b" {\n  }")]


def test_a_name_after_the_data_comes_too_late() -> None:
    assert scan([b'data: {"type":"message_stop"}\nevent: ping\n\n'])[0] == [
        (b"message_stop", b' {"type":"message_stop"}')
    ]
    assert scan([b'data: {"type":"ping"}\nevent: message_stop\n\n'])[0] == []


def test_quick_and_full_way_agree_on_mixed_line_ends() -> None:
    sly = DELTA.removesuffix(b"\n\n") + b"\r\revent: message_stop\rdata: {}\n\n"
    assert scan([b"\n", sly])[0] == [(b"message_stop", b" {}")]
    assert scan([b"\n", DELTA + b"event: message_stop\ndata: {}\n\n"])[0] == [(b"message_stop", b" {}")]


def test_long_lines_are_not_kept() -> None:
    for start in (b"event: ", b"id: ", b": ", b"data", b"even"):
        scanner = EventScanner()
        tracemalloc.start()
        scanner.feed(start)
        for _ in range(300):
            scanner.feed(b"x" * 10_000)
        kept = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert kept < 20_000  # of three million
        scanner.feed(b"\n\n")
        assert scanner.at_boundary


@pytest.mark.parametrize("chunk", [1, 7, 65536, 10**7])
def test_a_big_delta_is_not_kept(chunk: int) -> None:
    size = 5 * 1024 * 1024 if chunk > 100 else 50_000
    delta = b'event: content_block_delta\ndata: {"type":"content_block_delta","text":"' + b"x" * size + b'"}\n\n'
    unnamed = delta.partition(b"\n")[2]
    for stream in (delta, unnamed):
        chunks = [stream[at : at + chunk] for at in range(0, len(stream), chunk)]
        tracemalloc.start()
        scanner = EventScanner()
        for piece in chunks:
            assert not scanner.feed(piece)
        kept = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert kept < 10_000
        assert scanner.output_seen
        assert not scanner.broken
        assert size - 60 < scanner.output_bytes <= size
        assert scanner.at_boundary


@pytest.mark.parametrize("chunk", [4096, 10**7])
def test_an_oversized_wanted_event_comes_without_data(chunk: int) -> None:
    for head, name in ((b"event: error\ndata: ", b"error"), (b"data: ", b"message_delta")):
        stream = head + b'{"x":"' + b"x" * MOST + b'"}\n\nevent: message_stop\ndata: {}\n\n'
        found, _, broken, _, boundary = scan([stream[at : at + chunk] for at in range(0, len(stream), chunk)])
        assert found == [(name, b""), (b"message_stop", b" {}")]
        assert broken
        assert boundary


def test_boundaries() -> None:
    scanner = EventScanner()
    assert scanner.at_boundary
    for chunk, boundary in [
        (b"\xef", False), (b"\xbb\xbf", True), (b"event: ping", False), (b"\n", False), (b"data: {}\n", False),
        (b"\n", True), (DELTA, True), (DELTA[:-1], False), (b"\n", True), (DELTA * 3, True), (DELTA + b"e", False),
        (b"vent: ping\r\ndata:{}\r\n", False), (b"\r", True), (b"\n", True), (b": comment\n", False), (b"\n", True),
    ]:  # fmt: skip
        scanner.feed(chunk)
        assert scanner.at_boundary is boundary, chunk


def test_output_bytes_are_about_the_text() -> None:
    texts = ["Hello", " there, world", "", "x" * 300]
    scanner = EventScanner()
    for text in texts:
        body = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
        scanner.feed(b"event: content_block_delta\ndata: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n")
    assert scanner.output_bytes == sum(map(len, texts))


MALFORMED = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,\n\n'


@pytest.mark.parametrize("cut", range(len(MALFORMED) + 1))
def test_a_malformed_event_ends_the_reading_where_it_begins(cut: int) -> None:
    """In whatever pieces it comes: its place in the last one, or -1 when it began in an earlier one."""
    before = b'event: ping\ndata: {"type": "ping"}\n\n'
    scanner = EventScanner()
    whole = before + MALFORMED + b"event: message_stop\ndata: {}\n\n"
    at = len(before) + cut
    events = [*scanner.feed(whole[:at])]
    if scanner.malformed_at is None:
        events += scanner.feed(whole[at:])
    assert scanner.malformed_at == (0 if cut == 0 else len(before) if cut == len(MALFORMED) else -1)
    assert events == []


@pytest.mark.parametrize("name", [b"ping", b"vendor_event"])
def test_events_that_no_sdk_reads_may_say_what_they_like(name: bytes) -> None:
    scanner = EventScanner()
    assert scanner.feed(b"event: %s\ndata: [DONE]\n\n" % name) == []
    assert scanner.malformed_at is None
