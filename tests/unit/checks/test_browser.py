"""Keys that browsers load: a public variable that is given as a key is one, whatever its name."""

from pathlib import Path

import pytest

from tidegate.checks.verdict import State
from unit.checks import corpus
from unit.checks.programs import verdicts
from unit.checks.test_keys import SDK

CALL = "fetch('https://api.anthropic.com/v1/messages', { method: 'POST', headers: %s });\n"


def told(root: Path, path: str, text: str) -> list[str]:
    """The first word of each finding of TG103: the variable's name."""
    found = verdicts(root, "TG103", {"package.json": "{}", path: text})
    assert {one.state for one in found} <= {State.FAIL}
    return [one.text.partition(" ")[0] for one in found]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("App.tsx", CALL % "{ 'x-api-key': import.meta.env.VITE_AI_KEY }"),
        ("App.tsx", CALL % "{ 'X-API-Key': `${import.meta.env.VITE_AI_KEY}` }"),
        ("App.tsx", "const k = import.meta.env.VITE_AI_KEY ?? '';\n" + CALL % "{ 'x-api-key': k }"),
        ("App.tsx", "const { VITE_AI_KEY } = import.meta.env;\n" + CALL % "{ 'x-api-key': VITE_AI_KEY }"),
        ("a.ts", "const h = new Headers(); // claude\nh.set('x-api-key', import.meta.env['VITE_AI_KEY']);\n"),
        ("a.ts", "const h = {}; // claude\nh['x-api-key'] = String(import.meta.env.VITE_AI_KEY!);\n"),
        ("a.ts", f"{SDK}const c = new Anthropic({{ apiKey: import.meta.env.VITE_AI_KEY }});\n"),
        ("a.ts", f"{SDK}const c = new Anthropic({{ apiKey: import.meta.env.VITE_AI_KEY.trim() }});\n"),
    ],
)
def test_what_is_given_as_a_key_is_one(path: str, text: str, tmp_path: Path) -> None:
    assert told(tmp_path, path, text) == ["VITE_AI_KEY"]


@pytest.mark.parametrize(
    "text",
    [
        CALL % "{ 'x-api-key': process.env.AI_KEY, 'x-origin': import.meta.env.VITE_URL }",
        CALL % "{ 'x-api-key': import.meta.env.VITE_MODE === 'dev' ? a : b }",
        CALL % "{ 'x-api-key': keyFor(import.meta.env.VITE_MODE) }",
        SDK + "fetch('/api/chat', { headers: { 'x-tenant': import.meta.env.VITE_TENANT } });\n",
    ],
)
def test_other_public_variables_are_fine(text: str, tmp_path: Path) -> None:
    assert told(tmp_path, "a.ts", text) == []


def test_a_variable_is_told_once(tmp_path: Path) -> None:
    text = CALL % "{ 'x-api-key': import.meta.env.VITE_ANTHROPIC_API_KEY }"
    assert told(tmp_path, "a.ts", text) == ["VITE_ANTHROPIC_API_KEY"]


def test_a_key_in_a_public_variable_of_any_name(tmp_path: Path) -> None:
    found = verdicts(
        tmp_path,
        "TG103",
        {
            "package.json": "{}",
            "a.ts": SDK,
            ".env": f"VITE_URL=https://example.com\nVITE_AI={corpus.key(1)} # anthropic\n",
        },
    )
    assert [str(one.place) for one in found] == [".env:2"]


@pytest.mark.parametrize("path", [".env", ".env.production", "deploy/prod/.env.local", "config/web.env", "vercel.json"])
def test_a_key_is_told_by_its_form_where_nothing_names_claude(path: str, tmp_path: Path) -> None:
    found = verdicts(
        tmp_path,
        "TG103",
        {
            "package.json": "{}",
            "a.ts": SDK,
            ".gitignore": ".env*\n*.env\n",
            "deploy/prod/Dockerfile": "FROM node\n",
            "config/web.ts": "export {}\n",
            path: f'"VITE_URL": "x"\n"VITE_AI": "{corpus.key(1)}"\n'.replace('"', "" if "env" in path else '"').replace(
                ": ", "=" if "env" in path else ": "
            ),
        },
    )
    assert [str(one.place) for one in found] == [f"{path}:2"]


def test_an_env_file_without_a_key_is_left_alone(tmp_path: Path) -> None:
    files = {"package.json": "{}", "a.ts": SDK, ".env": "VITE_AI=sk-ant-api03-your-key-here\n"}
    assert verdicts(tmp_path, "TG103", files) == []
