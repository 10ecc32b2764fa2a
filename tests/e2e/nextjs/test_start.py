"""`npm start` says at once what is missing, in one line each, and ends."""

import subprocess
from pathlib import Path

import pytest

from e2e.nextjs.application import SESSION_SECRET
from e2e.nextjs.building import clean_environment, find_npm

pytestmark = pytest.mark.slow

GOOD = {
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:8787",
    "ANTHROPIC_API_KEY": "tg_canaryofthetest",
    "SESSION_SECRET": SESSION_SECRET,
}
BAD = [
    ("ANTHROPIC_BASE_URL", "", "ANTHROPIC_BASE_URL is missing: the gateway's address"),
    ("ANTHROPIC_BASE_URL", "127.0.0.1:8787", "ANTHROPIC_BASE_URL must begin with http:// or https://"),
    ("ANTHROPIC_BASE_URL", "https://api.anthropic.com", "ANTHROPIC_BASE_URL is the Claude API itself"),
    ("ANTHROPIC_BASE_URL", "http://127.0.0.1:8787/v1", "ANTHROPIC_BASE_URL must have no path"),
    ("ANTHROPIC_API_KEY", "", "ANTHROPIC_API_KEY is missing: an app key"),
    ("ANTHROPIC_API_KEY", "sk-ant-canaryofthetest", "ANTHROPIC_API_KEY is no app key of a gateway"),
    ("SESSION_SECRET", "canaryofthetest", "SESSION_SECRET needs at least 32 characters"),
    ("CHAT_TIMEOUT_SECONDS", "canaryofthetest", "CHAT_TIMEOUT_SECONDS must be a number of seconds"),
    ("CHAT_TIMEOUT_SECONDS", "0", "CHAT_TIMEOUT_SECONDS must be a number of seconds"),
]


@pytest.mark.parametrize(("name", "value", "line"), BAD, ids=[f"{name}={value}" for name, value, _ in BAD])
def test_a_setting_that_is_wrong(example: Path, name: str, value: str, line: str) -> None:
    done = subprocess.run(
        [find_npm(), "start"],
        cwd=example,
        env=clean_environment(PORT="0", **{**GOOD, name: value}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    said = [text for text in done.stdout.split("\n") if text.startswith("settings: ")]
    assert len(said) == 2, done.stdout
    assert said[0].startswith(f"settings: {line}")
    assert ".env.example" in said[1]
    assert "canaryofthetest" not in done.stdout
    assert " at " not in done.stdout.replace(said[0], "").replace(said[1], "")
