"""Each path of the SDK has its way; a new one fails here until somebody has looked at it."""

import re
from pathlib import Path

import anthropic
import pytest

from tidegate.doors.guard.paths import way_of

DENIED = {
    "/v1/deployments",
    "/v1/deployments/{deployment_id}",
    "/v1/deployments/{deployment_id}/run",
    "/v1/deployments/{deployment_id}/unpause",
    "/v1/dreams",
    "/v1/messages/batches",
    "/v1/sessions",
    "/v1/sessions/{session_id}",
    "/v1/sessions/{session_id}/events",
    "/v1/sessions/{session_id}/resources",
    "/v1/sessions/{session_id}/resources/{resource_id}",
}
"""What the SDK can write to and the guard refuses: there is no bound for it yet."""


def posts() -> set[str]:
    """Every path that the SDK posts to."""
    found: set[str] = set()
    for file in (Path(anthropic.__file__).parent / "resources").rglob("*.py"):
        text = file.read_text("utf-8")
        found |= {
            path.partition("?")[0]
            for path in re.findall(r'self\._(?:post|put|patch)\(\s*(?:path_template\(\s*)?"([^"]*)"', text)
        }
        calls = len(re.findall(r"self\._(?:post|put|patch)\(", text))
        named = len(re.findall(r'self\._(?:post|put|patch)\(\s*(?:path_template\(\s*)?f?"', text))
        assert calls == named, f"{file.name} posts to a path that is not written there"
    return found


def test_every_path_of_the_sdk() -> None:
    ways = {path: way_of("POST", re.sub(r"\{[^}]*\}", "x_1", path)) for path in posts()}
    assert len(ways) > 80
    assert {path for path, way in ways.items() if way == "messages"} == {"/v1/messages"}
    assert {path for path, way in ways.items() if way == "free"} == {"/v1/messages/count_tokens"}
    assert {path for path, way in ways.items() if way == "denied"} == DENIED


@pytest.mark.parametrize(
    ("method", "path", "way"),
    [
        ("POST", "/v1/messages", "messages"),
        ("POST", "/anthropic/v1/messages", "messages"),
        ("POST", "/claude/v1/messages/count_tokens", "free"),
        ("GET", "/v1/models", "free"),
        ("GET", "/v1/models/claude-haiku-4-5", "free"),
        ("GET", "/v1/messages/batches/b_1/results", "straight"),
        ("GET", "/v1/files/f_1/content", "straight"),
        ("DELETE", "/v1/files/f_1", "straight"),
        ("POST", "/v1/files", "straight"),
        ("POST", "/v1/messages/batches/b_1/cancel", "straight"),
        ("POST", "/v1/messages/batches", "denied"),
        ("POST", "/v1/complete", "denied"),
        ("POST", "/v1/messages/", "denied"),
        ("POST", "/v1//messages", "denied"),
        ("POST", "/V1/MESSAGES", "denied"),
        ("POST", "/v1/%6dessages", "denied"),
        ("POST", "/v1/messages%2F", "denied"),
        ("POST", "/v2/messages", "denied"),
        ("POST", "/model/x/invoke", "denied"),
        ("PUT", "/v1/messages", "denied"),
        ("PATCH", "/v1/files/f_1", "straight"),
        ("POST", "/v1/filesystem", "denied"),
        ("POST", "/v1/files/%2e%2E/messages/batches", "denied"),
        ("POST", "/v1/files/../complete", "denied"),
        ("POST", "/v1/files/..%2fcomplete", "denied"),
        ("PATCH", "/v1/files/..", "denied"),
        ("POST", "/v1/files/a..b", "straight"),
        ("HEAD", "/v1/messages", "straight"),
    ],
)
def test_ways(method: str, path: str, way: str) -> None:
    assert way_of(method, path) == way
