"""What a careful gateway may rely on: no text is ever billed above 2.33 tokens a byte of the request."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.fake.models import MODELS
from tidegate.fake.prompt import prompt_tokens, read_prompt

TEXT = st.text(max_size=60) | st.text("\u023a.", max_size=60)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
INNER = st.fixed_dictionaries({"type": st.just("text"), "text": TEXT})
BLOCK = st.one_of(
    INNER,
    st.fixed_dictionaries({"type": st.just("tool_result"), "content": TEXT | st.lists(INNER, max_size=3)}),
    st.fixed_dictionaries({"type": st.just("tool_use"), "input": VALUE, "name": TEXT}),
    st.fixed_dictionaries({"type": st.just("thinking"), "thinking": TEXT}),
    st.fixed_dictionaries({"type": st.just("search_result"), "title": TEXT, "content": st.lists(INNER, max_size=2)}),
)
MESSAGE = st.fixed_dictionaries({"role": st.just("user"), "content": TEXT | st.lists(BLOCK, max_size=4)})
TOOL = st.fixed_dictionaries(
    {"name": TEXT, "description": TEXT, "input_schema": st.dictionaries(TEXT, VALUE, max_size=3)}
)
BODY = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGE, min_size=1, max_size=4)},
    optional={"system": TEXT | st.lists(INNER, max_size=3), "tools": st.lists(TOOL, min_size=1, max_size=3)},
)


@settings(deadline=None, max_examples=200)
@given(BODY, st.booleans(), st.booleans())
def test_input_is_bounded_by_the_bytes_of_the_request(body: dict[str, Any], worst: bool, escaped: bool) -> None:
    for model in (MODELS["claude-sonnet-5"], MODELS["claude-haiku-4-5"]):
        raw = json.dumps(body, separators=(",", ":"), ensure_ascii=escaped).encode("utf-8", "surrogatepass")
        overhead = model.tools_forced if body.get("tools") else 0
        tokens = prompt_tokens(read_prompt(body, model, worst=worst))
        assert tokens <= len(raw) * 233 // 100 + overhead + 3
