import pytest

from tidegate.model.call import Reading
from tidegate.model.refusal import Refusal
from tidegate.policy.routes import apply_route
from tidegate.policy.rules import Route


def reading(max_tokens: int | None, budget: int | None = None) -> Reading:
    return Reading(model="m", max_tokens=max_tokens, size=100, text_bytes=100, thinking_budget=budget)


@pytest.mark.parametrize(
    ("asked", "budget", "sent"),
    [
        (None, None, 512),
        (0, None, 0),
        (512, None, 512),
        (513, None, 512),
        (100_000, 100, 512),
        (100_000, 512, 513),
        (100_000, 2_048, 2_049),
        (2_049, 2_048, 2_049),
        (2_048, 2_048, 2_048),
        (1_000, 4_000, 1_000),
        (None, 2_048, 512),
    ],
)
def test_clamp(asked: int | None, budget: int | None, sent: int) -> None:
    result = apply_route(reading(asked, budget), Route(name="r", max_tokens=512))
    assert isinstance(result, Reading)
    assert result.max_tokens == sent


@pytest.mark.parametrize("asked", [0, 512, None])
def test_refuse_lets_pass_what_fits(asked: int | None) -> None:
    result = apply_route(reading(asked), Route(name="r", max_tokens=512, when_above="refuse"))
    assert isinstance(result, Reading)


def test_refuse() -> None:
    result = apply_route(reading(513), Route(name="r", max_tokens=512, when_above="refuse"))
    assert isinstance(result, Refusal)
    assert result.reason == "max_tokens_too_large"
    assert "512" in result.detail


def test_a_route_without_a_cap_changes_nothing() -> None:
    before = reading(100_000)
    assert apply_route(before, Route(name="r")) is before
    assert apply_route(before, Route(name="r", models=("m",), max_tokens=100_000)) is before
