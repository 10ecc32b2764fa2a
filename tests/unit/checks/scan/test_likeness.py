"""What is drawn at random is a credential, what a person wrote is not."""

import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.checks.scan.likeness import looks_random
from unit.checks.scan.fakes import URLSAFE, drawn


@pytest.mark.parametrize(
    ("alphabet", "most"), [(URLSAFE, 0), (string.ascii_letters + string.digits, 0), (string.hexdigits[:16], 5)]
)
def test_of_random_bodies_next_to_none_is_refused(alphabet: str, most: int) -> None:
    rng = random.Random(1)
    assert sum(not looks_random(drawn(rng, 93, alphabet)) for _ in range(3000)) <= most


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        "x" * 93,
        string.ascii_letters + string.digits,
        "qwertyuiopasdfghjklzxcvbnmqwertyuiopasdfghjklzxcvbnm",
        "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6q7r8s9t0",
        "AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGhIjKlMnOpQrStUvWxYz",
        "12345678901234567890123456789012345678901234567890",
        "this-is-a-long-text-of-plain-words-without-any-secret",
        "9f86d081884c7d65" * 6,
        "k3J9-EXAMPLE-x82Lm0Qz71vTbNc4Rw5Yp6Hd2Gf8Sa",
        "k3J9-placeholder-x82Lm0Qz71vTbNc4Rw5Yp6Hd2Gf",
    ],
)
def test_what_people_write(text: str) -> None:
    assert not looks_random(text)


@settings(deadline=None)
@given(st.text(alphabet=URLSAFE, min_size=1, max_size=31), st.integers(3, 9))
def test_a_block_that_is_repeated(block: str, times: int) -> None:
    assert not looks_random(block * times)


@settings(deadline=None)
@given(st.text())
def test_any_text_has_an_answer(text: str) -> None:
    assert looks_random(text) in (True, False)
