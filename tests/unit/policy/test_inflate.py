"""Decompression in pieces."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.policy.inflate import PIECE, Garbage, inflate, inflater, is_plain


def test_names() -> None:
    assert is_plain(None)
    assert is_plain(b"")
    assert is_plain(b" Identity ")
    assert not is_plain(b"br")
    assert inflater(b"br") is None
    assert inflater(b"gzip, gzip") is None
    assert inflater(b" X-GZIP") is not None


@given(st.binary(max_size=500), st.integers(1, 9), st.sampled_from([b"gzip", b"deflate"]))
def test_any_chunking(data: bytes, step: int, encoding: bytes) -> None:
    packed = gzip.compress(data) if encoding == b"gzip" else zlib.compress(data)
    stream = inflater(encoding)
    assert stream is not None
    found = b"".join(piece for at in range(0, len(packed), step) for piece in stream.feed(packed[at : at + step]))
    assert found == data
    assert inflate(packed, encoding, 1000) == data


def test_pieces_are_bounded() -> None:
    data = bytes(range(256)) * 4096 + b"\0" * (PIECE * 3)
    stream = inflater(b"gzip")
    assert stream is not None
    found = list(stream.feed(gzip.compress(data)))
    assert b"".join(found) == data
    assert max(map(len, found)) <= PIECE


@pytest.mark.parametrize("more", range(0, 300, 7))
def test_nothing_is_held_back_when_all_input_is_used(more: int) -> None:
    data = b"\0" * (PIECE + more)
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(data) + packer.flush()
    stream = inflater(b"deflate")
    assert stream is not None
    assert b"".join(stream.feed(packed)) == data


def test_what_stands_before_a_fault_is_given_out() -> None:
    data = bytes(range(256)) * 40
    packed = gzip.compress(data)[:-8] + b"wrongsum"
    stream = inflater(b"gzip")
    assert stream is not None
    found: list[bytes] = []
    with pytest.raises(Garbage):
        found.extend(stream.feed(packed))
    assert b"".join(found) == data


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br"])
def test_garbage(encoding: bytes) -> None:
    with pytest.raises(Garbage):
        inflate(b"not compressed at all", encoding, 100)


def test_too_long() -> None:
    with pytest.raises(Garbage):
        inflate(gzip.compress(b"x" * 1001), b"gzip", 1000)
