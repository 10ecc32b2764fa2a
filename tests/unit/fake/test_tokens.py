import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.fake.tokens import count, count_bytes

PROSE = "The harbour lies still under a thin fog, and nobody speaks of the storm that passed. "


@settings(deadline=None)
@given(st.text())
def test_never_above_the_bound(text: str) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    assert (size == 0) == (count(text) == 0)
    assert count(text) <= max(1, size * 2.33)
    assert count(text) <= max(1, count(text, worst=True))


@settings(deadline=None)
@given(st.integers(1, 200))
def test_prose_takes_a_quarter_to_half_a_token_a_byte(times: int) -> None:
    text = PROSE * times
    assert 0.24 <= count(text) / len(text) <= 0.46


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("ZZ/" * 400, 0.6, 1.7),
        ("/.-!" * 400, 1.69, 1.7),
        ("\u023a." * 400, 2.32, 2.33),
        ("\u6f6e" * 400, 0.24, 0.46),
    ],
)
def test_hostile_texts_take_more(text: str, low: float, high: float) -> None:
    assert low <= count(text) / len(text.encode()) <= high


def test_the_ratio_depends_on_the_text() -> None:
    ratios = {count(f"{PROSE * 20}{number}") for number in range(50)}
    assert len(ratios) > 40


def test_bytes_and_text_agree() -> None:
    assert count_bytes(PROSE.encode()) == count(PROSE)
    assert count_bytes(b"x" * 1_000, worst=True) == 2_330
