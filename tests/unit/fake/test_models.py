import pytest

from tidegate.fake.models import MODELS, SNAPSHOTS, find_model, model_json, models_page, safe_id
from tidegate.fake.prices import RATES


def test_every_model_has_a_price() -> None:
    assert MODELS.keys() <= RATES.keys()
    assert set(SNAPSHOTS.values()) <= MODELS.keys()


def test_limits_of_the_sheet() -> None:
    small = {model.id for model in MODELS.values() if (model.window, model.max_output) == (200_000, 64_000)}
    assert small == {"claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-1"}
    assert {model.window for model in MODELS.values() if model.id not in small} == {1_000_000}
    fast = {model.id for model in MODELS.values() if model.fast}
    assert fast == {"claude-fable-5-2", "claude-mythos-5-2", "claude-opus-5-5", "claude-opus-5", "claude-opus-4-8"}


@pytest.mark.parametrize(
    ("model", "least"),
    [
        *(("claude-opus-5", 512), ("claude-haiku-5-5", 512), ("claude-sonnet-5", 1_024), ("claude-sonnet-4-5", 1_024)),
        *(
            ("claude-opus-4-8", 1_024),
            ("claude-opus-4-7", 2_048),
            ("claude-opus-4-6", 4_096),
            ("claude-haiku-4-5", 4_096),
        ),
    ],
)
def test_least_cacheable_prompts(model: str, least: int) -> None:
    assert MODELS[model].min_cache == least


def test_finding() -> None:
    assert find_model("claude-haiku-4-5-20251001") is MODELS["claude-haiku-4-5"]
    assert find_model("claude-haiku-4-5-20990101") is None
    assert find_model(["claude-haiku-4-5"]) is None


def test_pages_of_nothing() -> None:
    page = models_page(lifecycle=("future",))
    assert page == {"data": [], "has_more": False, "first_id": None, "last_id": None}


def test_lifecycles() -> None:
    stages = {model.id: model_json(model)["lifecycle"] for model in MODELS.values()}
    assert [name for name, stage in stages.items() if stage == "deprecated"] == ["claude-sonnet-4-5"]
    assert [name for name, stage in stages.items() if stage == "retired"] == ["claude-opus-4-1"]


def test_free_text_is_no_model_id() -> None:
    assert safe_id("claude-x[1m]@2") == "claude-x[1m]@2"
    for text in ("my secret", "x" * 129, "", None, "a\n"):
        assert safe_id(text) == "?"
