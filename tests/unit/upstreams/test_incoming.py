"""Every chunking of a reply gives the same notes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.upstreams.incoming import MAX_HEAD, Incoming

Notes = tuple[int, list[tuple[bytes, bytes]], bytes, bool, bool, str]


def notes(data: bytes, sizes: list[int], *, bodyless: bool = False) -> Notes:
    incoming = Incoming()
    incoming.expect(bodyless=bodyless)
    wrong = ""
    turn = 0
    while data and not wrong:
        size = sizes[turn % len(sizes)]
        piece, data = data[:size], data[size:]
        wrong = incoming.feed(piece)
        turn += 1
    return (incoming.status, incoming.headers, incoming.taken(), incoming.complete, incoming.reusable, wrong)


def reply(head: str, body: bytes = b"") -> bytes:
    return head.replace("\n", "\r\n").encode() + b"\r\n" + body


CHUNKED = b"3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\n\r\n"
CASES: dict[str, tuple[bytes, Notes]] = {
    "length": (
        reply("HTTP/1.1 200 OK\nContent-Length: 5\nX-A: 1\nx-a: 2\n", b"hello"),
        (200, [(b"content-length", b"5"), (b"x-a", b"1"), (b"x-a", b"2")], b"hello", True, True, ""),
    ),
    "chunked": (
        reply("HTTP/1.1 200 OK\ntransfer-encoding: chunked\n", CHUNKED),
        (200, [(b"transfer-encoding", b"chunked")], b"abcdefgh", True, True, ""),
    ),
    "trailer": (
        reply("HTTP/1.1 200 OK\ntransfer-encoding: chunked\n", b"1\r\na\r\n0\r\nx-sum: 9\r\n\r\n"),
        (200, [(b"transfer-encoding", b"chunked")], b"a", True, True, ""),
    ),
    "unfinished chunks": (
        reply("HTTP/1.1 200 OK\ntransfer-encoding: chunked\n", b"3\r\nabc\r\n"),
        (200, [(b"transfer-encoding", b"chunked")], b"abc", False, False, ""),
    ),
    "until the end": (reply("HTTP/1.1 200 OK\nx: y\n", b"abc"), (200, [(b"x", b"y")], b"abc", False, False, "")),
    "empty value": (
        reply("HTTP/1.1 200 OK\nx-empty:\nx-blank:  \ncontent-length: 0\n"),
        (200, [(b"x-empty", b""), (b"x-blank", b""), (b"content-length", b"0")], b"", True, True, ""),
    ),
    "close": (
        reply("HTTP/1.1 200 OK\nconnection: close\ncontent-length: 1\n", b"x"),
        (200, [(b"connection", b"close"), (b"content-length", b"1")], b"x", True, False, ""),
    ),
    "http 1.0": (
        reply("HTTP/1.0 200 OK\ncontent-length: 1\n", b"x"),
        (200, [(b"content-length", b"1")], b"x", True, False, ""),
    ),
    "204": (reply("HTTP/1.1 204 No Content\nx: y\n"), (204, [(b"x", b"y")], b"", True, True, "")),
    "304": (
        reply("HTTP/1.1 304 Not Modified\ncontent-length: 7\n"),
        (304, [(b"content-length", b"7")], b"", True, True, ""),
    ),
    "100 and 103 first": (
        reply("HTTP/1.1 100 Continue\n")
        + reply("HTTP/1.1 103 Early Hints\nlink: </x>\n")
        + reply("HTTP/1.1 200 OK\ncontent-length: 1\n", b"x"),
        (200, [(b"content-length", b"1")], b"x", True, True, ""),
    ),
    "a second reply": (
        reply("HTTP/1.1 200 OK\ncontent-length: 1\n", b"x" + reply("HTTP/1.1 500 No\ncontent-length: 1\n", b"y")),
        (200, [(b"content-length", b"1")], b"x", True, False, ""),
    ),
    "half a second reply": (
        reply("HTTP/1.1 200 OK\ncontent-length: 1\n", b"xHTT"),
        (200, [(b"content-length", b"1")], b"x", True, False, ""),
    ),
    "garbage behind": (
        reply("HTTP/1.1 200 OK\ncontent-length: 1\n", b"x\0\0\0"),
        (200, [(b"content-length", b"1")], b"x", True, False, ""),
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100_000])
def test_every_chunking_is_the_same(name: str, size: int) -> None:
    data, expected = CASES[name]
    assert notes(data, [size]) == expected


@given(st.sampled_from(sorted(CASES)), st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_any_chunking_is_the_same(name: str, sizes: list[int]) -> None:
    data, expected = CASES[name]
    assert notes(data, sizes) == expected


@pytest.mark.parametrize("size", [1, 5, 10_000])
@pytest.mark.parametrize("framing", ["content-length: 10", "transfer-encoding: chunked", "x: y"])
def test_the_reply_to_head_has_no_body(size: int, framing: str) -> None:
    status, _, body, complete, reusable, wrong = notes(reply(f"HTTP/1.1 200 OK\n{framing}\n"), [size], bodyless=True)
    assert (status, body, complete, wrong) == (200, b"", True, "")
    assert reusable == (framing != "x: y")


def test_a_body_behind_the_reply_to_head_spoils_the_connection() -> None:
    data = reply("HTTP/1.1 200 OK\ncontent-length: 3\n", b"abc")
    assert notes(data, [10_000], bodyless=True)[2:] == (b"", True, False, "")


def test_after_head_the_next_reply_is_read_afresh() -> None:
    incoming = Incoming()
    incoming.expect(bodyless=True)
    incoming.feed(reply("HTTP/1.1 200 OK\ncontent-length: 3\n"))
    assert incoming.complete
    incoming.expect(bodyless=False)
    assert not incoming.complete
    assert incoming.feed(reply("HTTP/1.1 201 OK\ncontent-length: 3\n", b"abc")) == ""
    assert (incoming.status, incoming.taken(), incoming.complete, incoming.reusable) == (201, b"abc", True, True)


def test_a_trailer_does_not_come_back_in_the_next_reply() -> None:
    incoming = Incoming()
    incoming.expect(bodyless=False)
    incoming.feed(CASES["trailer"][0])
    first = incoming.headers
    incoming.expect(bodyless=False)
    incoming.feed(CASES["length"][0])
    assert first == [(b"transfer-encoding", b"chunked")]
    assert incoming.headers == CASES["length"][1][1]


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 2OO OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\nPRI",
        b"HTTP/2 200\r\n\r\n",
    ],
)
def test_what_is_not_http_is_garbage(data: bytes) -> None:
    assert "not HTTP/1.1" in notes(data, [100_000])[5]
    assert "not HTTP/1.1" in notes(data, [1])[5]


@pytest.mark.parametrize("size", [1000, 65_536, 1_000_000])
def test_a_head_is_bounded(size: int) -> None:
    one_line = b"HTTP/1.1 200 OK\r\nx: " + b"a" * MAX_HEAD + b"\r\n\r\n"
    many_lines = b"HTTP/1.1 200 OK\r\n" + b"x: aaaaaaaaaaaaaaaaaaaaaa\r\n" * 3000 + b"\r\n"
    many_hints = reply("HTTP/1.1 103 Early Hints\nlink: </a>\n") * 3000
    assert "head of more" in notes(one_line, [size])[5]
    assert "head of more" in notes(many_lines, [size])[5]
    assert "head of more" in notes(many_hints, [size])[5]


def test_a_large_first_feed_is_not_a_large_head() -> None:
    data = reply("HTTP/1.1 200 OK\ntransfer-encoding: chunked\n", b"30000\r\n" + b"a" * 0x30000 + b"\r\n5\r\nhello\r\n")
    status, _, body, _, _, wrong = notes(data, [0x30020, 3])
    assert (status, len(body), wrong) == (200, 0x30000 + 5, "")


@pytest.mark.parametrize("flood", [b"1;" + b"x" * 2 * MAX_HEAD, b"0\r\n" + b"x: aaaaaaaaaaaaaaaa\r\n" * 4000])
def test_framing_is_bounded(flood: bytes) -> None:
    data = reply("HTTP/1.1 200 OK\ntransfer-encoding: chunked\n", b"1\r\na\r\n")
    assert "framing" in notes(data + flood, [1000])[5]


def test_a_slow_stream_of_tiny_feeds_is_not_a_flood() -> None:
    data = reply("HTTP/1.1 200 OK\ntransfer-encoding: chunked\n", b"000001\r\na\r\n" * 10_000)
    assert notes(data, [1])[2::3] == (b"a" * 10_000, "")


@pytest.mark.parametrize(
    ("lines", "legal"),
    [
        ("x: y\n", True),
        ("content-length: 5\n", False),
        ("transfer-encoding: chunked\n", False),
        ("transfer-encoding: gzip, Chunked\n", False),
        ("transfer-encoding: gzip\n", True),
    ],
)
def test_where_eof_is_a_legal_end(lines: str, legal: bool) -> None:
    incoming = Incoming()
    incoming.expect(bodyless=False)
    assert incoming.feed(reply(f"HTTP/1.1 200 OK\n{lines}")) == ""
    assert incoming.ends_with_connection == legal


def test_nothing_is_parsed_after_it_was_closed() -> None:
    incoming = Incoming()
    incoming.close()
    assert incoming.feed(b"HTTP/1.1 200 OK\r\n\r\n") == "was closed"
