"""docs/howto/nextjs.md and the example's README say what the example does; quick, and without npm."""

import json
import re

import pytest

from docs.pages import Block, blocks, code_spans, links, page, plain, prose, tables
from e2e.nextjs.application import ROUTES
from e2e.nextjs.building import EXAMPLE, sources
from e2e.nextjs.sentences import is_friendly, of_the_example

PAGE = page("howto/nextjs.md")
README = EXAMPLE / "README.md"


def code() -> dict[str, str]:
    return {
        path.relative_to(EXAMPLE).as_posix(): path.read_text("utf-8")
        for path in sources()
        if path.suffix in {".ts", ".tsx"}
    }


@pytest.mark.parametrize("block", blocks(PAGE, "ts"), ids=lambda block: f"line {block.line}")
def test_a_block_is_in_the_example(block: Block) -> None:
    lines = [line.strip() for line in block.text.strip().split("\n")]
    wanted = "\n".join(lines)
    assert any(wanted in "\n".join(map(str.strip, text.split("\n"))) for text in code().values())


def test_the_variables() -> None:
    named = re.findall(r"^#?([A-Z_]+)=", (EXAMPLE / ".env.example").read_text("utf-8"), re.MULTILINE)
    (table,) = [table for table in tables(PAGE) if table.columns[0] == "variable"]
    assert [plain(cell) for cell in table.column("variable")] == named
    used = set(re.findall(r"env\.([A-Z_]+)", "".join(code().values())))
    assert used - {"NEXT_RUNTIME"} == set(named)


def test_the_files() -> None:
    (table,) = [table for table in tables(README) if table.columns[0] == "file"]
    named = {name for cell in table.column("file") for name in code_spans(cell)}
    assert named == code().keys() - {"next.config.ts", "app/layout.tsx"}
    for path in (PAGE, README):
        mentioned = {name for _, line in prose(path) for name in code_spans(line) if name.endswith((".ts", ".tsx"))}
        assert mentioned <= code().keys(), path


def test_links() -> None:
    for path in (PAGE, README):
        for _, target in links(path):
            assert (path.parent / target.partition("#")[0]).exists(), target


def test_commands() -> None:
    scripts = json.loads((EXAMPLE / "package.json").read_text("utf-8"))["scripts"]
    for path in (PAGE, README):
        commands = re.findall(r"npm (?:run )?(\w+)", path.read_text("utf-8"))
        assert set(commands) <= {*scripts, "ci"}, path


def test_versions_are_exact_and_locked() -> None:
    package = json.loads((EXAMPLE / "package.json").read_text("utf-8"))
    lock = json.loads((EXAMPLE / "package-lock.json").read_text("utf-8"))["packages"]
    wanted = {**package["dependencies"], **package["devDependencies"]}
    assert {name: lock[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all("integrity" in entry for name, entry in lock.items() if name)
    systems = ("darwin-arm64", "linux-arm64-gnu", "linux-x64-gnu", "win32-x64-msvc")
    assert all(f"node_modules/@next/swc-{system}" in lock for system in systems), "others could not install it"


def test_the_same_limits_and_paths() -> None:
    """What two files say must agree."""
    settings, ask, question = (code()[f"{name}.ts"] for name in ("lib/settings", "app/ask", "lib/question"))
    seconds = re.search(r"TIMEOUT_SECONDS = (\d+)", settings)
    assert seconds
    for route in ROUTES:
        text = code()[f"app/api/{route}/route.ts"]
        assert f"maxDuration = {seconds[1]};" in text
        assert f"answer(request, '{route}', ask)" in text
        assert f"/api/{route}'" in code()["app/chat.tsx"]
    (memory,), (most,) = re.findall(r"MEMORY = (\d+)", ask), re.findall(r"MESSAGES = (\d+)", question)
    assert 2 * int(memory) + 1 <= int(most)
    assert f"takes {most} messages" in ask


def test_what_git_takes() -> None:
    ignored = (EXAMPLE / ".gitignore").read_text("utf-8").split("\n")
    assert {"node_modules/", ".next/", ".env*", "!.env.example", "next-env.d.ts"} <= set(ignored)


def test_no_file_is_long() -> None:
    lengths = {name: len(text.split("\n")) for name, text in code().items()}
    assert {name: lines for name, lines in lengths.items() if lines > 200} == {}


def test_the_sentences() -> None:
    """The search of other tests for friendly sentences finds the right ones, and no others."""
    assert len(of_the_example()) >= 12
    assert is_friendly("That was a bit fast: the limit for you is reached. Please try again in 12 seconds.")
    assert not is_friendly("That was a bit fast: <b>. Please try again in 12 seconds.")
    assert not is_friendly("Overloaded")
    assert not is_friendly("messages.0.content: Input should be a valid list.")
