"""The learned ratio covers its quantile, never more than the strict bound, and forgets."""

from hypothesis import given
from hypothesis import strategies as st

from tidegate.policy.learning import DEFAULT, ENOUGH, QUANTILE, new_ratio


def test_little_knowledge_is_no_knowledge() -> None:
    ratio = new_ratio()
    for _ in range(ENOUGH - 1):
        ratio.learn(1, 100)
    assert ratio.tokens_per_byte() == DEFAULT


@given(st.lists(st.tuples(st.integers(0, 2_330), st.just(1_000)), min_size=ENOUGH, max_size=400))
def test_the_estimate_covers_its_share(calls: list[tuple[int, int]]) -> None:
    ratio = new_ratio()
    for tokens, size in calls:
        ratio.learn(tokens, size)
    estimate = ratio.tokens_per_byte()
    assert sum(tokens / size <= estimate for tokens, size in calls) >= QUANTILE * len(calls) - 1e-9
    assert estimate <= 2.5


def test_a_change_of_use_is_followed() -> None:
    ratio = new_ratio()
    for _ in range(20_000):
        ratio.learn(300, 1_000)
    for _ in range(200_000):
        ratio.learn(900, 1_000)
    assert ratio.tokens_per_byte() >= 0.9


def test_nothing_is_learned_from_nothing() -> None:
    ratio = new_ratio()
    ratio.learn(10, 0)
    assert ratio.total == 0
