import json
from random import Random
from typing import Any

import pytest

from tidegate.policy.features import unbounded_betas
from unit.policy.bodies import body_of, reading_of, respell, tree


@pytest.mark.parametrize(
    ("tool", "overhead", "unbounded"),
    [
        ({"name": "n", "input_schema": {}}, 1_000, ()),
        ({"type": "custom", "name": "n", "input_schema": {"type": "web_search_20250305"}}, 1_000, ()),
        ({"type": None, "name": "n"}, 1_000, ()),
        ({"type": "bash_20250124", "name": "bash"}, 1_400, ()),
        ({"type": "text_editor_20250728", "name": "n"}, 1_800, ()),
        ({"type": "computer_20251124", "name": "n"}, 7_000, ()),
        ({"type": "computer_toolset_20260801"}, 7_000, ()),
        ({"type": "browser_toolset_20260801"}, 9_000, ()),
        ({"type": "memory_20250818", "name": "memory"}, 2_500, ()),
        ({"type": "web_search_20260318", "name": "web_search"}, 4_000, ("web_search",)),
        ({"type": "web_fetch_20260318", "name": "web_fetch"}, 4_000, ("web_fetch",)),
        ({"type": "code_execution_20260521", "name": "c"}, 4_000, ("code_execution",)),
        ({"type": "tool_search_tool_bm25", "name": "c"}, 4_000, ("tool_search",)),
        ({"type": "advisor_20260301", "name": "advisor"}, 4_000, ("advisor",)),
        ({"type": "mcp_toolset", "mcp_server_name": "s"}, 4_000, ("mcp_toolset",)),
        ({"type": "bash_code_execution_20260101"}, 4_000, ("bash_code_execution",)),
        ({"type": "bash_forever"}, 4_000, ("server_tool",)),
        ({"type": "custom "}, 4_000, ("server_tool",)),
        ({"type": 5}, 4_000, ("server_tool",)),
    ],
)
def test_tools(tool: dict[str, Any], overhead: int, unbounded: tuple[str, ...]) -> None:
    reading = reading_of(body_of(tools=[tool]))
    assert (reading.tools, reading.tool_overhead, reading.unbounded) == (1, overhead, unbounded)
    inline = {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": tool}}
    assert reading_of(body_of([inline])).unbounded == unbounded
    spelled = respell(tree(json.loads(body_of(tools=[tool]))), Random(3), escapes=1)
    assert reading_of(spelled).unbounded == unbounded


def test_mentioned_tools_may_be_put_into_the_prompt_again() -> None:
    tool = {"name": "n", "description": "x" * 1_000, "input_schema": {}}
    mention = {"type": "tool_reference", "tool_name": "n"}
    once = reading_of(body_of(tools=[tool]))
    thrice = reading_of(body_of([{"type": "tool_result", "tool_use_id": "t", "content": [mention] * 3}], tools=[tool]))
    assert thrice.tool_overhead - once.tool_overhead >= 3 * 2_500


def test_searches() -> None:
    limited = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    free = {"type": "web_search_20250305", "name": "web_search"}
    assert reading_of(body_of(tools=[limited])).searches == 3
    assert reading_of(body_of(tools=[limited, limited])).searches == 6
    assert reading_of(body_of(tools=[limited, free])).searches == 0
    assert reading_of(body_of()).searches == 0


@pytest.mark.parametrize(
    ("fields", "unbounded"),
    [
        ({"mcp_servers": [{"type": "url"}]}, ("mcp_servers",)),
        ({"mcp_servers": []}, ()),
        ({"fallbacks": "default"}, ("fallbacks",)),
        ({"fallbacks": None}, ()),
        ({"compaction": {"type": "summarize"}}, ("compaction",)),
        ({"container": "c_1"}, ("container",)),
        ({"thread": {"type": "create"}}, ("thread",)),
        ({"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}, ()),
        ({"context_management": {"edits": [{"type": "compact_20260112"}]}}, ("context_management",)),
        ({"context_management": {"edits": 5}}, ("context_management",)),
        ({"context_management": {"edits": [5]}}, ("context_management",)),
        ({"context_management": 5}, ("context_management",)),
        ({"context_management": None}, ()),
        ({"speed": "warp"}, ("speed",)),
        ({"speed": 3}, ("speed",)),
        ({"service_tier": "gold"}, ("service_tier",)),
        ({"service_tier": "standard_only"}, ()),
        ({"a_future_field": {"anything": 1}}, ()),
    ],
)
def test_fields_without_a_bound(fields: dict[str, Any], unbounded: tuple[str, ...]) -> None:
    assert reading_of(body_of(**fields)).unbounded == unbounded
    assert reading_of(respell(tree(json.loads(body_of(**fields))), Random(1), escapes=0.5)).unbounded == unbounded


def test_betas() -> None:
    assert unbounded_betas(b"compact-2026-01-12, Server-Side-Fallback-2026-07-01,output-128k-2025-02-19") == (
        "compact",
        "server-side-fallback",
    )
    # What Claude Code sends with every request.
    code = b"claude-code-20250219,context-1m-2025-08-07,advisor-tool-2026-03-01,context-management-2025-06-27"
    assert unbounded_betas(code) == ()
    assert unbounded_betas(b"") == ()
    assert unbounded_betas(b"\xff\xfe") == ()
