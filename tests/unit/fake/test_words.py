from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.fake.words import words


@settings(deadline=None)
@given(st.integers(0, 2**96), st.integers(0, 30_000))
def test_so_many_words(seed: int, tokens: int) -> None:
    text = words(seed, tokens)
    assert len(text.split()) == tokens
    assert text == text.strip()
    assert text == words(seed, tokens)
