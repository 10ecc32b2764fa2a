from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.fake.models import MODELS
from tidegate.fake.prompt import prompt_tokens, read_prompt
from tidegate.fake.tokens import count

SONNET, HAIKU = MODELS["claude-sonnet-5"], MODELS["claude-haiku-4-5"]
HI: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}]}
TOOL = {"name": "t", "input_schema": {"type": "object"}}


def tokens(body: dict[str, Any], **how: Any) -> int:
    return prompt_tokens(read_prompt(body, SONNET, **how))


def test_text_in_a_block_counts_as_plain_text() -> None:
    blocks = {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]}
    assert tokens(blocks) == tokens(HI) == 3 + 4 + count("Hi")


def test_tools_bring_their_system_prompt() -> None:
    auto = tokens({**HI, "tools": [TOOL]})
    forced = tokens({**HI, "tools": [TOOL], "tool_choice": {"type": "any"}})
    assert forced - auto == 474 - 354
    assert auto - tokens(HI) > 354


@pytest.mark.parametrize(("kind", "model", "extra"), [("bash_20250124", SONNET, 325), ("bash_20250124", HAIKU, 244)])
def test_typed_tools_bring_theirs(kind: str, model: Any, extra: int) -> None:
    body = {**HI, "tools": [{"type": kind, "name": "bash"}]}
    plain = prompt_tokens(read_prompt(HI, model)) + model.tools_auto
    assert prompt_tokens(read_prompt(body, model)) - plain - extra in range(1, 40)


def test_marks_end_segments() -> None:
    mark = {"type": "ephemeral"}
    body = {
        "tools": [{**TOOL, "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "system": [{"type": "text", "text": "Be kind.", "cache_control": mark}, {"type": "text", "text": "Be brief."}],
        "cache_control": mark,
        **HI,
    }
    assert [segment.ttl for segment in read_prompt(body, SONNET)] == ["1h", "5m", "", "5m"]


def test_documents_and_results_count_what_is_in_them() -> None:
    text = "water " * 100
    inner = [{"type": "text", "text": text}]
    for block in (
        {"type": "document", "source": {"type": "text", "data": text}},
        {"type": "document", "source": {"type": "content", "content": inner}},
        {"type": "tool_result", "tool_use_id": "t", "content": inner},
        {"type": "tool_result", "tool_use_id": "t", "content": text},
        {"type": "search_result", "title": "", "source": "", "content": inner},
        {"type": "thinking", "thinking": text, "signature": "x" * 5_000},
        {"type": "tool_use", "id": "t", "name": "n", "input": {"text": text}},
    ):
        body = {"messages": [{"role": "user", "content": [block]}]}
        assert count(text) * 0.5 <= tokens(body) <= count(text) * 2 + 40, block["type"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
BLOCK = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "tool_result", "thinking", "document", "search_result", "strange"])},
    optional={"text": st.text(), "content": JSON, "thinking": st.text(), "title": st.text(max_size=9)},
)


@settings(deadline=None)
@given(st.lists(BLOCK, max_size=5))
def test_any_block_is_counted_and_worst_is_the_most(blocks: list[dict[str, Any]]) -> None:
    body = {"messages": [{"role": "user", "content": blocks}]}
    assert 0 < tokens(body) <= tokens(body, worst=True) + len(blocks)
