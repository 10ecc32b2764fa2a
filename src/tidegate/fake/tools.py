"""Which tool the fake model uses, and with what input; server tools run at once, with invented results."""

import random
from typing import Any

from tidegate.fake.command import Command
from tidegate.fake.schema import fitting

SERVER_TOOLS = ("web_search_", "web_fetch_", "code_execution_", "tool_search_tool_", "mcp_", "advisor_")
TYPED_INPUTS: dict[str, dict[str, Any]] = {
    "bash_": {"command": "ls -l"},
    "text_editor_": {"command": "view", "path": "/tmp/notes.txt"},  # noqa: S108 - sample input, no file is touched
    "computer_": {"action": "screenshot"},
    "memory_": {"command": "view", "path": "/memories"},
}


def chosen_tool(body: dict[str, Any], command: Command) -> dict[str, Any] | None:
    """The client tool to call: as ordered, as `tool_choice` forces, else one unless a tool has just answered."""
    tools: list[dict[str, Any]] = [
        tool for tool in body.get("tools") or () if not str(tool.get("type", "")).startswith(SERVER_TOOLS)
    ]
    choice = body.get("tool_choice") or {}
    if not tools or command.tool is False or choice.get("type") == "none":
        return None
    named = command.tool if isinstance(command.tool, str) else choice.get("name")
    if named:
        return next((tool for tool in tools if tool.get("name") == named), None)
    if choice.get("type") != "any" and command.tool is None and (_answered(body) or command.say is not None):
        return None
    return tools[0]


def tool_input(tool: dict[str, Any], seed: int) -> dict[str, Any]:
    """An input that fits the tool's schema."""
    for prefix, given in TYPED_INPUTS.items():
        if str(tool.get("type", "")).startswith(prefix):
            return given
    schema = {"type": "object", **(tool.get("input_schema") or {})}
    found = fitting(schema, random.Random(seed))  # noqa: S311 - sample data, not secrets
    return found if isinstance(found, dict) else {}


def searches_wanted(body: dict[str, Any], command: Command) -> int:
    """How many web searches to run: as ordered, else one, within the tool's `max_uses`."""
    for tool in body.get("tools") or ():
        if str(tool.get("type", "")).startswith("web_search_"):
            wanted = 1 if command.web_searches is None else command.web_searches
            return min(wanted, tool.get("max_uses") or wanted)
    return 0


def search_blocks(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A search and its results."""
    use_id = f"srvtoolu_01{seed:x}"[:33]
    use = {"type": "server_tool_use", "id": use_id, "name": "web_search", "input": {"query": "tide tables"}}
    found = {
        "type": "web_search_result",
        "title": "Tide tables",
        "url": f"https://example.com/tides/{seed % 1_000}",
        "encrypted_content": f"{seed:x}" * 2,
        "page_age": "2 days ago",
    }
    return use, {"type": "web_search_tool_result", "tool_use_id": use_id, "content": [found]}


def _answered(body: dict[str, Any]) -> bool:
    content = body["messages"][-1]["content"]
    return isinstance(content, list) and any(block.get("type") == "tool_result" for block in content)
