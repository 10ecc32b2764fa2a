"""Keys in programs: what is found, and what `--fix` may do about it."""

from pathlib import Path

import pytest

from tidegate.checks.fixing import fix
from tidegate.checks.verdict import State
from unit.checks import corpus
from unit.checks.programs import verdicts

KEY = corpus.key(1)
OS = "import os\nfrom anthropic import Anthropic\n"
SDK = "import Anthropic from '@anthropic-ai/sdk';\n"
BY_NAME = 'os.environ["ANTHROPIC_API_KEY"]'


def mended(root: Path, path: str, text: str) -> str:
    """A file after `--fix` of TG101, which must find something in it."""
    found = verdicts(root, "TG101", {path: text})
    assert [one.state for one in found] == [State.FAIL]
    _, troubles = fix(root, found)
    assert troubles == []
    return (root / path).read_bytes().decode()


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("a.py", f"{OS}K = '{KEY}'\n", f"{OS}K = {BY_NAME}\n"),
        ("a.py", f"{OS}K: str = '{KEY}'\n", f"{OS}K: str = {BY_NAME}\n"),
        ("a.py", f"{OS}use('{KEY}')\n", f"{OS}use({BY_NAME})\n"),
        ("a.py", f"{OS}K = ('{KEY[:40]}'\n     '{KEY[40:]}')\n", f"{OS}K = ({BY_NAME})\n"),
        ("a.py", f"import anthropic\ndef f():\n    import os\n    return use('{KEY}')\n",
         f"import anthropic\ndef f():\n    import os\n    return use({BY_NAME})\n"),
        ("a.ts", f"{SDK}const k = '{KEY}';\n", f"{SDK}const k = process.env.ANTHROPIC_API_KEY;\n"),
        ("a.ts", f"{SDK}const k = `{KEY}`;\n", f"{SDK}const k = process.env.ANTHROPIC_API_KEY;\n"),
        ("a.ts", f"{SDK}class A {{ k = '{KEY}'; }}\n", f"{SDK}class A {{ k = process.env.ANTHROPIC_API_KEY; }}\n"),
    ],
)  # fmt: skip
def test_a_key_that_is_assigned_or_given_is_read_from_the_environment(
    path: str, old: str, new: str, tmp_path: Path
) -> None:
    assert mended(tmp_path, path, old) == new


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", f"{OS}t = f\"{{'{KEY}'}}\"\n"),
        ("a.py", f"{OS}t = f\"{{use('{KEY}')}}\"\n"),
        ("a.py", f'{OS}t = f"{KEY}"\n'),
        ("a.py", f"{OS}match t:\n    case '{KEY}': pass\n"),
        ("a.py", f"{OS}t = 'Bearer {KEY}'\n"),
        ("a.py", f"{OS}t = 'ANTHROPIC_API_KEY={KEY}\\nOTHER=1'\n"),
        ("a.py", f"{OS}t = '''curl -H 'x-api-key: {KEY}' https://api.anthropic.com'''\n"),
        ("a.py", f"{OS}t = 'my_{KEY}'\n"),
        ("a.py", f"{OS}t = b'{KEY}'\n"),
        ("a.py", f"{OS}t += '{KEY}'\n"),
        ("a.py", f"{OS}t = {{'{KEY}': 1}}\n"),
        ("a.py", f"{OS}t['{KEY}'] = 1\n"),
        ("a.py", f"{OS}t = u == '{KEY}'\n"),
        ("a.py", f"{OS}def f(key='{KEY}'): pass\n"),
        ("a.py", f"{OS}os.environ['ANTHROPIC_API_KEY'] = '{KEY}'\n"),
        ("a.py", f"{OS}t = '{KEY.replace('api03', 'admin01')}'\n"),
        ("a.py", f"import anthropic\nt = '{KEY}'\n"),
        ("a.py", f"import anthropic\nt = '{KEY}'\nimport os\n"),
        ("a.py", f"{OS}def f(os): return use('{KEY}')\n"),
        ("a.py", f"import anthropic\nif x:\n    import os\nt = '{KEY}'\n"),
        ("a.py", f"import anthropic\nfrom os import path as os\nt = '{KEY}'\n"),
        ("a.ts", f"{SDK}const t = {{ '{KEY}': 1 }};\n"),
        ("a.ts", f"{SDK}const t = {{ Authorization: 'Bearer {KEY}' }};\n"),
        ("a.ts", f"{SDK}const t = `Bearer {KEY}`;\n"),
        ("a.ts", f"{SDK}const t = sql`{KEY}`;\n"),
        ("a.ts", f"{SDK}enum E {{ K = '{KEY}' }}\n"),
        ("a.ts", f"{SDK}export const enum E {{ K = '{KEY}' }}\n"),
        ("a.ts", f"{SDK}switch (t) {{ case '{KEY}': break }}\n"),
        ("a.ts", f"{SDK}process.env.ANTHROPIC_API_KEY = '{KEY}';\n"),
        ("a.ts", f"{SDK}const f = (process: any) => use('{KEY}');\n"),
        ("a.tsx", f'{SDK}const t = <Foo apiKey="{KEY}" />;\n'),
        ("a.tsx", f"{SDK}const t = <Foo apiKey={{'{KEY}'}} />;\n"),
        ("a.tsx", f"{SDK}const t = use('{KEY}');\n"),
    ],
)
def test_a_key_anywhere_else_is_told_and_left_alone(path: str, text: str, tmp_path: Path) -> None:
    assert mended(tmp_path, path, text) == text


def test_a_default_in_an_f_string_is_left_alone(tmp_path: Path) -> None:
    text = f"{OS}t = f\"{{os.getenv('ANTHROPIC_API_KEY', '{KEY}')}}\"\n"
    found = verdicts(tmp_path, "TG102", {"a.py": text})
    assert [(one.state, one.edits) for one in found] == [(State.FAIL, ())]


SETTINGS = "from anthropic import Anthropic\nfrom pydantic_settings import BaseSettings\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f'{SETTINGS}class S(BaseSettings):\n    anthropic_api_key: str = ""\n', 4),
        (f'{SETTINGS}class S(BaseSettings):\n    anthropic_api_key: str = "changeme"\n', 4),
        (f'{SETTINGS}class S(BaseSettings):\n    anthropic_api_key: str = Field(default="", repr=False)\n', 4),
        (f'{SETTINGS}class S(BaseSettings):\n    ANTHROPIC_API_KEY = SecretStr("")\n', 4),
        (f'{SETTINGS}class B(BaseSettings): pass\nclass S(B):\n    claude_api_key: str = ""\n', 5),
        (f'import pydantic_settings as p\n{SETTINGS}class S(p.BaseSettings):\n    anthropic_api_key: str = ""\n', 5),
    ],
)
def test_a_setting_with_a_default_is_told_as_a_variable_with_one(text: str, line: int, tmp_path: Path) -> None:
    found = verdicts(tmp_path, "TG102", {"a.py": text})
    assert [(one.state, one.place and one.place.line) for one in found] == [(State.WARN, line)]


@pytest.mark.parametrize(
    "text",
    [
        f"{SETTINGS}class S(BaseSettings):\n    anthropic_api_key: str\n",
        f"{SETTINGS}class S(BaseSettings):\n    anthropic_api_key: str | None = None\n",
        f"{SETTINGS}class S(BaseSettings):\n    anthropic_api_key: str = Field(repr=False)\n",
        f'{SETTINGS}class S(BaseSettings):\n    model: str = "claude-haiku-4-5"\n',
        f'{SETTINGS}class S:\n    anthropic_api_key: str = ""\n',
        f'{SETTINGS}class S(BaseSettings):\n    anthropic_api_key: str = "{KEY}"\n',  # TG101 has it
    ],
)
def test_other_settings_are_fine(text: str, tmp_path: Path) -> None:
    assert verdicts(tmp_path, "TG102", {"a.py": text}) == []
