"""Compressed streams give the same bytes whatever the sizes of the reads, and all that is sound of a damaged one."""

import bz2
import gzip
import io
import lzma
import random
from collections.abc import Callable

import pytest

from tidegate.checks.scan.inflated import Inflated

FORMS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}
CONTENT = random.Random(1).randbytes(50_000) + bytes(100_000) + b"the end"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 7, 1000, 65_536, 10**9])
@pytest.mark.parametrize("times", [1, 3])
def test_the_whole_content(form: str, size: int, times: int) -> None:
    content = CONTENT if size > 100 else CONTENT[:300]
    stream = Inflated(io.BytesIO(FORMS[form](content) * times), form)
    pieces = []
    while piece := stream.read(size):
        assert len(piece) <= size
        pieces.append(piece)
    assert b"".join(pieces) == content * times


@pytest.mark.parametrize("form", FORMS)
def test_garbage_behind_it_is_the_end(form: str) -> None:
    stream = Inflated(io.BytesIO(FORMS[form](CONTENT) + b"garbage that is no member"), form)
    assert stream.read(10**9) == CONTENT
    assert stream.read(10**9) == b""


@pytest.mark.parametrize("form", FORMS)
def test_a_truncated_one_is_a_beginning(form: str) -> None:
    packed = FORMS[form](CONTENT)
    for cut in range(0, len(packed), 997):
        assert CONTENT.startswith(Inflated(io.BytesIO(packed[:cut]), form).read(10**9))
