from typing import Any

import pytest

from tidegate.fake.command import build
from tidegate.fake.tools import chosen_tool, search_blocks, searches_wanted, tool_input

A: dict[str, Any] = {"name": "a", "input_schema": {"type": "object"}}
B: dict[str, Any] = {"name": "b", "input_schema": {"properties": {"n": {"type": "integer"}}, "required": ["n"]}}
SEARCH: dict[str, Any] = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
HI = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("orders", "body", "name"),
    [
        ({}, {"tools": [A, B]}, "a"),
        ({}, {"tools": [SEARCH]}, None),
        ({}, {"tools": [SEARCH, B]}, "b"),
        ({}, {}, None),
        ({}, {"tools": [A, B], "tool_choice": {"type": "tool", "name": "b"}}, "b"),
        ({"tool": "b"}, {"tools": [A, B]}, "b"),
        ({"tool": "c"}, {"tools": [A, B]}, None),
        ({"tool": False}, {"tools": [A], "tool_choice": {"type": "any"}}, None),
        ({"say": "hi"}, {"tools": [A]}, None),
        ({"say": "hi", "tool": True}, {"tools": [A]}, "a"),
    ],
)
def test_choice(orders: dict[str, Any], body: dict[str, Any], name: str | None) -> None:
    tool = chosen_tool({"messages": HI, **body}, build(orders))
    assert (tool and tool["name"]) == name


def test_inputs() -> None:
    assert type(tool_input(B, 5)["n"]) is int
    assert tool_input({"type": "bash_20250124", "name": "bash"}, 5) == {"command": "ls -l"}
    assert tool_input({"name": "x", "input_schema": {"properties": 5}}, 5) == {}


def test_searches() -> None:
    assert searches_wanted({"tools": [A, SEARCH]}, build({})) == 1
    assert searches_wanted({"tools": [SEARCH]}, build({"web_searches": 9})) == 3
    assert searches_wanted({"tools": [A]}, build({"web_searches": 9})) == 0
    use, result = search_blocks(77)
    assert use["id"] == result["tool_use_id"]
