"""Two hundred look-alikes, in every form in which credentials are found, and no finding."""

import base64
import gzip
import random

import pytest

from tidegate.checks.scan.dig import Digger
from tidegate.checks.scan.sieve import Sieve
from unit.checks.scan.fakes import look_alikes


@pytest.mark.parametrize("seed", range(5))
def test_none_is_found(seed: int) -> None:
    digger = Digger(Sieve(), 10**8)
    lines = look_alikes(random.Random(seed))
    assert len(lines) >= 200
    assert [line for line in lines if digger.dig(line.encode())[0]] == []


@pytest.mark.parametrize(
    "form", [lambda text: text, gzip.compress, base64.encodebytes, lambda text: text.decode().encode("utf-16")]
)
def test_none_is_found_in_all_of_them_together(form: object) -> None:
    assert callable(form)
    text = "\n".join(look_alikes(random.Random(9))).encode()
    assert Digger(Sieve(), 10**8).dig(form(text)) == ([], None)
