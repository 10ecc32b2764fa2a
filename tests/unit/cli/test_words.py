"""Limits and budgets in words."""

import pytest

from tidegate.cli.words import budget_words, limit_words
from tidegate.policy.rules import Budget, Limit

MINUTE = 60_000_000


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Limit(per=("user",), counts="requests", amount=20, window=MINUTE), "20 requests a minute for each user"),
        (
            Limit(per=("organization",), counts="tokens", amount=2_000_000, window=1440 * MINUTE),
            "2,000,000 tokens a day for the organization",
        ),
        (Limit(per=("app", "user"), counts="concurrent", amount=4), "4 calls at a time for each app and user"),
        (
            Limit(per=("user",), where=(("app", ("chat",)),), counts="requests", amount=5, window=10_000_000),
            "5 requests in 10 seconds for each user (only app chat)",
        ),
        (
            Limit(per=("app",), where=(("app", ("a", "b")),), counts="requests", amount=5, window=500_000),
            "5 requests in 0.5 seconds for each app (only app a or b)",
        ),
    ],
)
def test_limits(limit: Limit, words: str) -> None:
    assert limit_words(limit) == words


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (
            Budget(per=("organization",), amount=500_000_000_000, every="month"),
            "500 USD a month for the organization",
        ),
        (
            Budget(per=("app",), where=(("app", ("reports",)),), amount=150_000_000, every="day"),
            "0.15 USD a day for the app reports",
        ),
        (Budget(per=("user", "model"), amount=10**12, every="total"), "1,000 USD in total for each user and model"),
    ],
)
def test_budgets(budget: Budget, words: str) -> None:
    assert budget_words(budget) == words
