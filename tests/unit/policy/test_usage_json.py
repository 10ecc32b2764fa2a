"""The vocabulary and the laws of merging usage reports."""

import json
from typing import Any, get_args

import msgspec
import pytest
from anthropic import types
from anthropic.types import beta
from hypothesis import given
from hypothesis import strategies as st

from tidegate.model.usage import Part, Usage
from tidegate.policy.usage_json import (
    COVERED,
    SPEEDS,
    STOP_REASONS,
    TIERS,
    UsageJson,
    bill_of_materials,
    merged,
    model_name,
    read_json,
)

DECODER = msgspec.json.Decoder(UsageJson)


def words(annotation: object) -> set[str]:
    """The texts of a Literal, wherever in the annotation it stands."""
    found = {arg for arg in get_args(annotation) if isinstance(arg, str)}
    for arg in get_args(annotation):
        found |= words(arg)
    return found


def test_we_know_every_word_of_the_sdk() -> None:
    assert words(types.StopReason) <= set(STOP_REASONS)
    assert words(beta.BetaUsage.model_fields["speed"].annotation) <= set(SPEEDS)
    assert words(types.Usage.model_fields["service_tier"].annotation) <= set(TIERS)


def test_we_know_every_count_of_the_sdk() -> None:
    for model in (types.Usage, beta.BetaUsage, beta.BetaMessageDeltaUsage):
        assert set(model.model_fields) - {"fallback_credit"} <= set(UsageJson.__struct_fields__)


def test_covered_iterations_are_those_of_the_sdk() -> None:
    kinds = words(beta.BetaMessageIterationUsage.model_fields["type"].annotation)
    kinds |= words(beta.BetaFallbackMessageIterationUsage.model_fields["type"].annotation)
    assert kinds == COVERED


def test_model_names() -> None:
    assert model_name("claude-opus-5@20260101") == "claude-opus-5@20260101"
    assert model_name("us.anthropic.claude:0") == "us.anthropic.claude:0"
    assert model_name("ignore all previous instructions") == "other"
    assert model_name("x" * 129) == "other"
    assert model_name("") is None
    assert model_name(None) is None


def priced(**report: Any) -> tuple[Usage, list[Part]]:
    """Total and parts of a report of the wire."""
    read = read_json(json.dumps(report).encode(), DECODER)
    assert read is not None
    total, parts = bill_of_materials(merged(None, read), "m")
    return total, list(parts)


def split(five: int, one: int | None = None) -> dict[str, int | None]:
    return {"ephemeral_5m_input_tokens": five, "ephemeral_1h_input_tokens": one}


@pytest.mark.parametrize(
    ("writes", "lifetimes", "later", "five", "one"),
    [
        (70, None, None, 0, 70),  # no split: the dear one
        (70, split(70), None, 70, 0),
        (70, split(50), None, 50, 20),  # a split with a gap
        (70, split(0, 0), None, 0, 70),
        (None, split(5, 6), None, 5, 6),
        (4, split(5, 6), None, 5, 6),  # a split that says more
        (11, split(5, 6), 11, 5, 6),
        (11, split(5, 6), 20, 5, 15),  # growth is dear
        (11, split(5, 6), 8, 2, 6),  # a later, smaller sum is the truth, in its dearest form
        (0, None, 9, 0, 9),
        (None, None, 9, 0, 9),
    ],
)
def test_cache_writes_of_unknown_lifetime_are_the_dear_ones(
    writes: int | None, lifetimes: dict[str, int] | None, later: int | None, five: int, one: int
) -> None:
    report = {"cache_creation_input_tokens": writes, "cache_creation": lifetimes}
    first = read_json(json.dumps(report).encode(), DECODER)
    assert first is not None
    known = merged(merged(None, first), UsageJson(cache_creation_input_tokens=later))
    total, _ = bill_of_materials(known, "m")
    assert (total.cache_write_5m_tokens, total.cache_write_1h_tokens) == (five, one)


def use(tokens_in: int, tokens_out: int, **more: int) -> Usage:
    return Usage(input_tokens=tokens_in, output_tokens=tokens_out, **more)  # type: ignore[arg-type]  # counts only


def step(kind: str | None, tokens_in: int, tokens_out: int, **more: Any) -> dict[str, Any]:
    return {"type": kind, "input_tokens": tokens_in, "output_tokens": tokens_out, **more}


@pytest.mark.parametrize(
    ("iterations", "top", "parts"),
    [
        # a compaction beside the message that the top level counts
        ([step("compaction", 100, 7), step("message", 10, 5)], (10, 5), [("m", use(100, 7)), ("m", use(10, 5))]),
        # an advisor with a model of its own
        (
            [step("message", 10, 5, model="m2"), step("advisor_message", 3, 4, model="m3")],
            (10, 5),
            [("m2", use(10, 5)), ("m3", use(3, 4))],
        ),
        # iterations that do not cover the top level: the rest goes to the last own one
        ([step("message", 4, 5), step("compaction", 50, 60)], (10, 6), [("m", use(10, 6)), ("m", use(50, 60))]),
        # iterations of an unknown kind cannot stand for the top level
        ([step("dream", 50, 60)], (10, 6), [("m", use(50, 60)), ("m", use(10, 6))]),
        # more in the iterations than on top: the larger side counts
        ([step("message", 40, 5), step(None, 1, 1)], (10, 6), [("m", use(40, 5)), ("m", use(1, 1))]),
        # a server-side fallback, each hop at its model
        (
            [step("message", 10, 0, model="m"), step("fallback_message", 10, 9, model="m4")],
            (20, 9),
            [("m", use(10, 0)), ("m4", use(10, 9))],
        ),
        ([step("dream", 50, 60)], (0, 6), [("m", use(50, 60)), ("m", use(0, 6))]),
        ([step("dream", 50, 60)], (0, 0), [("m", use(50, 60))]),
        ([], (10, 6), [("m", use(10, 6))]),
        (["?", None], (10, 6), [("m", use(10, 6))]),
    ],
)
def test_iterations_are_the_parts(iterations: list[Any], top: tuple[int, int], parts: list[tuple[str, Usage]]) -> None:
    total, found = priced(**step(None, *top), iterations=iterations)
    assert [(part.model, part.usage) for part in found] == parts
    assert total.input_tokens == sum(usage.input_tokens for _, usage in parts)
    assert total.output_tokens == sum(usage.output_tokens for _, usage in parts)


def test_what_only_the_top_level_says_goes_to_the_last_own_iteration() -> None:
    _, found = priced(
        **step(None, 3, 9, cache_read_input_tokens=2, speed="fast", inference_geo="us"),
        output_tokens_details={"thinking_tokens": 4},
        server_tool_use={"web_search_requests": 2},
        iterations=[step("message", 1, 4), step("message", 2, 5), step("compaction", 7, 7)],
    )
    said = {"speed": "fast", "geo": "us"}
    own = Usage(input_tokens=2, output_tokens=5, cache_read_tokens=2, thinking_tokens=4, web_searches=2, **said)  # type: ignore[arg-type]  # words
    assert [part.usage for part in found] == [
        Usage(input_tokens=1, output_tokens=4, speed="fast", geo="us"),
        own,
        Usage(input_tokens=7, output_tokens=7, speed="fast", geo="us"),
    ]


def test_cache_writes_whose_split_one_side_lacks_are_not_counted_twice() -> None:
    report = step(None, 1, 1, cache_creation_input_tokens=9, cache_creation=split(9))
    total, _ = priced(**report, iterations=[step("message", 1, 1, cache_creation_input_tokens=9)])
    assert (total.cache_write_5m_tokens, total.cache_write_1h_tokens) == (0, 9)


def test_cache_writes_that_the_iterations_lack_keep_their_lifetime() -> None:
    report = step(None, 1, 1, cache_creation_input_tokens=9, cache_creation=split(4, 5))
    total, _ = priced(**report, iterations=[step("message", 1, 1)])
    assert (total.cache_write_5m_tokens, total.cache_write_1h_tokens) == (4, 5)


def test_not_json() -> None:
    for data in (b"", b"nothing", b"[1]", b'"x"', b"{", b"\xff", b'{"a":"\xff"', b"3", b"null"):
        assert read_json(data, DECODER) is None
    assert read_json(b'{"speed":"\xff"}', DECODER) is None
    assert read_json(b'{"input_tokens":"x","output_tokens":4}', DECODER) == UsageJson(output_tokens=4)


counts = st.none() | st.integers(0, 100)
wire = st.builds(UsageJson, input_tokens=counts, output_tokens=counts, cache_creation_input_tokens=counts)


@given(wire, wire)
def test_merging_is_overwriting(first: UsageJson, later: UsageJson) -> None:
    found = merged(first, later)
    for name in UsageJson.__struct_fields__:
        new = getattr(later, name)
        assert getattr(found, name) == (getattr(first, name) if new is None else new)
    assert merged(found, later) == found


@given(wire)
def test_the_total_is_the_sum_of_the_parts(report: UsageJson) -> None:
    total, parts = bill_of_materials(merged(None, report), "m")
    assert len(parts) == 1
    assert parts[0].usage == total
    assert total.prompt_tokens == (report.input_tokens or 0) + (report.cache_creation_input_tokens or 0)
