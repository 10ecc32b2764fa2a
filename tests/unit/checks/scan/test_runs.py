"""Runs of base64: where they are, how wrapped lines are joined, what they decode to."""

import base64
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.checks.scan.runs import LEAST, decodings, joined, runs
from unit.checks.scan.hidden import wrapped

TEXT = b"ab+/" * 20


@pytest.mark.parametrize("behind", [b"", b" ", b"\n", b"=", b'"', b"\xff"])
@pytest.mark.parametrize("before", [b"", b" ", b"key=", b"\x00", b"\xc3\xa4"])
def test_a_run_in_any_surrounding(before: bytes, behind: bytes) -> None:
    assert list(runs(before + TEXT + behind)) == [(len(before), len(before) + len(TEXT))]


def test_shorter_ones_are_none() -> None:
    assert list(runs(b"a" * (LEAST - 1) + b" " + b"b" * (LEAST - 1))) == []
    assert len(list(runs(b"a" * LEAST + b" " + b"b" * LEAST))) == 2


@pytest.mark.parametrize("before", [b"", b"    ", b"> ", b"# ", b"\t"])
@pytest.mark.parametrize("width", [40, 64, 76])
@pytest.mark.parametrize("size", [100, 114, 300, 5000])
def test_wrapped_lines_are_joined(before: bytes, width: int, size: int) -> None:
    data = random.Random(size).randbytes(size)
    text = wrapped(data, before, width) + b"and then something else"
    start, end = next(runs(text))
    run, over = joined(text, start, end)
    assert run == base64.b64encode(data).rstrip(b"=")
    assert text[over:].lstrip(b"=\n") == b"and then something else"


def test_a_line_of_other_text_is_not_joined() -> None:
    text = TEXT + b"\nthese are words\n"
    assert joined(text, 0, len(TEXT)) == (TEXT, len(TEXT))


@settings(deadline=None)
@given(st.binary(min_size=40, max_size=200), st.integers(0, 3), st.booleans())
def test_one_of_the_decodings_has_the_content(data: bytes, before: int, url: bool) -> None:
    encoded = (base64.urlsafe_b64encode if url else base64.b64encode)(data).rstrip(b"=")
    assert any(data in one for one in decodings(b"xyz"[:before] + encoded))


@settings(deadline=None)
@given(st.text(alphabet="ABCxyz019+/-_", max_size=9000))
def test_every_run_can_be_decoded(text: str) -> None:
    assert decodings(text.encode())
