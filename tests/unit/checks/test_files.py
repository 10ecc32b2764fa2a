"""Which files a project has and which are read: git's choice, hostile names and files, folders that are closed."""

import os
import subprocess
from pathlib import Path

import pytest

from tidegate.checks.files import git
from tidegate.checks.files.kinds import is_beside, is_skipped
from tidegate.checks.files.listing import Listing, list_files
from tidegate.checks.files.reading import LARGEST, LONGEST, Unread, decode, is_made, read_bytes
from tidegate.checks.files.settings import read_settings
from tidegate.checks.files.sources import Sources, choose_sources

ASKS = "import anthropic\n"


def write(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def init(root: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)


def chosen(root: Path) -> list[str]:
    return [source.path for source in choose_sources(list_files(root)).read]


@pytest.mark.parametrize("repository", [True, False])
def test_gitignore_counts_with_and_without_a_repository(tmp_path: Path, repository: bool) -> None:
    write(
        tmp_path, {"a.py": ASKS, "gen/b.py": ASKS, "keep/gen/c.py": ASKS, ".gitignore": "/gen/\n*.log\n", "x.log": "x"}
    )
    if repository:
        init(tmp_path)
    listing = list_files(tmp_path)
    assert listing.paths == (".gitignore", "a.py", "keep/gen/c.py")
    assert bool(listing.repository) == repository
    assert bool(listing.without) != repository


def test_folders_that_hold_no_source(tmp_path: Path) -> None:
    write(
        tmp_path, {f"{folder}/a.py": ASKS for folder in ("node_modules/x", ".venv/lib", "dist", "src", "a/__pycache__")}
    )
    assert list_files(tmp_path).paths == ("src/a.py",)


def test_what_git_tracks_in_a_build_folder_is_source(tmp_path: Path) -> None:
    write(tmp_path, {"build/a.py": ASKS, "out/b.py": ASKS})
    init(tmp_path)
    subprocess.run(["git", "-C", str(tmp_path), "add", "build"], check=True)
    assert list_files(tmp_path).paths == ("build/a.py",)


def test_a_folder_of_a_repository(tmp_path: Path) -> None:
    write(tmp_path, {"apps/web/a.py": ASKS, "apps/api/b.py": ASKS})
    init(tmp_path)
    assert list_files(tmp_path / "apps/web").paths == ("a.py",)


def test_an_ignored_folder_that_is_asked_for_by_name(tmp_path: Path) -> None:
    write(tmp_path, {"tmp/a.py": ASKS, ".gitignore": "tmp/\n"})
    init(tmp_path)
    listing = list_files(tmp_path / "tmp")
    assert listing.paths == ("a.py",)
    assert listing.repository is not None


def test_a_repository_inside_of_another(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": ASKS, "inner/b.py": ASKS})
    init(tmp_path)
    init(tmp_path / "inner")
    listing = list_files(tmp_path)
    assert listing.paths == ("a.py",)
    assert listing.notices == ("inner/ is a repository of its own and was left out; check it by itself",)


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": ASKS})
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "out.py").symlink_to("/etc/passwd")
    (tmp_path / "gone.py").symlink_to("nowhere")
    (tmp_path / "self.py").symlink_to("self.py")
    os.mkfifo(tmp_path / "pipe.py")
    assert list_files(tmp_path).paths == ("a.py",)
    init(tmp_path)
    assert list_files(tmp_path).paths == ("a.py",)


HOSTILE = [
    b"new\nline.py",
    b"\x1b[31mred.py",
    b"inv\xff\xfe.py",
    b"quote'\".py",
    b"-rf.py",
    b"`x`|y.py",
    "ünï.py".encode(),
    b" .py",
]


@pytest.mark.parametrize("repository", [True, False])
def test_hostile_names(tmp_path: Path, repository: bool) -> None:
    for name in HOSTILE:
        (tmp_path / os.fsdecode(name)).write_text(ASKS)
    if repository:
        init(tmp_path)
    assert sorted(os.fsencode(path) for path in chosen(tmp_path)) == sorted(HOSTILE)


def test_without_git_the_folder_is_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"a.py": ASKS, "node_modules/b.py": ASKS, "deep/c.py": ASKS})
    (tmp_path / "loop").symlink_to(tmp_path)
    monkeypatch.setattr(git, "which", lambda _: None)
    listing = list_files(tmp_path)
    assert listing.paths == ("a.py", "deep/c.py")
    assert listing.notices == ("git is not installed; .gitignore is not read",)


def test_a_folder_that_may_not_be_opened_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As git says it: these tests may run as root, who may open everything."""
    said = git.Answer(0, b"a.py\0", "warning: could not open directory 'locked/': Permission denied\n")
    monkeypatch.setattr(git, "unignored_without_repository", lambda _: said)
    write(tmp_path, {"a.py": ASKS})
    listing = list_files(tmp_path)
    assert listing.closed == (Unread("locked", "cannot be opened: Permission denied", mentions=True),)


def test_a_repository_that_git_does_not_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        git, "git", lambda *_, **__: git.Answer(128, b"", "fatal: detected dubious ownership in repository\nmore")
    )
    assert git.find_repository(tmp_path) == "fatal: detected dubious ownership in repository"


def test_a_hook_of_the_repository_is_not_run(tmp_path: Path) -> None:
    init(tmp_path)
    witness = tmp_path / "witness"
    subprocess.run(["git", "-C", str(tmp_path), "config", "core.fsmonitor", f"touch {witness}; false"], check=True)
    write(tmp_path, {"a.py": ASKS})
    assert list_files(tmp_path).paths == ("a.py",)
    assert not witness.exists()


@pytest.mark.parametrize(
    ("path", "beside"),
    [
        ("app/a.py", False),
        ("tests/a.py", True),
        ("app/test_a.py", True),
        ("a.spec.ts", True),
        ("docs/x/a.py", True),
        ("conftest.py", True),
        ("app/contest.py", False),
        ("types.d.ts", True),
        ("protest/a.py", False),
    ],
)
def test_what_is_beside_what_is_launched(path: str, beside: bool) -> None:
    assert is_beside(path) == beside


def test_skipped() -> None:
    assert is_skipped("a/node_modules/b.js", tracked=True)
    assert is_skipped("dist/a.js", tracked=False)
    assert not is_skipped("dist/a.js", tracked=True)


def test_reading_a_file_that_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")
    for name, why in {
        "pipe": "is not a plain file",
        "link": "cannot be opened",
        "gone": "cannot be opened",
        ".": "plain file",
    }.items():
        found = read_bytes(tmp_path, name)
        assert isinstance(found, Unread)
        assert why in found.why


def test_a_file_that_is_too_large_to_be_looked_into(tmp_path: Path) -> None:
    with (tmp_path / "a.py").open("wb") as file:
        file.truncate(LARGEST + 1)
    found = read_bytes(tmp_path, "a.py")
    assert found == Unread("a.py", "is too large to be looked into (20 MB)", mentions=False)


def sources(root: Path) -> Sources:
    return choose_sources(list_files(root))


def test_a_source_that_is_too_large_to_be_read(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": ASKS + "x = 1\n" * (LONGEST // 6), "b.py": "x = 1\n" * (LONGEST // 5)})
    found = sources(tmp_path)
    assert found.read == ()
    assert found.unread == (Unread("a.py", f"is too large to be read ({LONGEST // 1000} kB)", True, names_claude=True),)


def test_what_machines_made_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, {"a.min.js": ASKS, "b.js": "anthropic;" * 3000, "c.bundle.js": ASKS})
    assert sources(tmp_path).read == ()
    assert is_made("x.js", b"a" * 20_000)
    assert not is_made("x.js", b"a\n" * 20_000)
    assert not is_made("x.py", b"a" * 20_000)
    assert not is_made("x.ts", b"a" * 20_000)


def test_languages_that_are_not_read(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "main.go": 'import "github.com/anthropics/anthropic-sdk-go"',
            "x.ipynb": '{"a": "anthropic"}',
            "y.rb": "puts 1",
        },
    )
    assert sources(tmp_path).foreign == ("main.go", "x.ipynb")


def test_only_what_has_to_do_with_claude_is_read(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "app/llm.py": f"{ASKS}from app.config import SIZE\n",
            "app/config.py": "SIZE = 5\n",
            "app/service.py": "from app.llm import ask\n",
            "app/routes.py": "from app import service\n",
            "app/other.py": "import json\n",
            "app/limits.py": "limiter = 1\n",
            "web/a.ts": "import { ask } from './llm'\n",
            "web/llm.ts": "import Anthropic from '@anthropic-ai/sdk'\n",
            "web/b.ts": "import { x } from './other'\n",
            "web/other.ts": "export const x = 1\n",
            "tests/test_llm.py": ASKS,
        },
    )
    found = sources(tmp_path)
    assert [one.path for one in found.read] == [
        "app/config.py",
        "app/limits.py",
        "app/llm.py",
        "app/routes.py",
        "app/service.py",
        "web/a.ts",
        "web/llm.ts",
    ]
    assert {one.path for one in found.read if one.mentions} == {"app/llm.py", "web/llm.ts"}


def test_two_thousand_files_of_which_two_are_read(tmp_path: Path) -> None:
    for number in range(2_000):
        write(tmp_path, {f"p{number % 50}/m{number}.py": f"import json\nX = {number}\n"})
    write(tmp_path, {"app/llm.py": ASKS, "app/main.py": "from app.llm import ask\n"})
    found = sources(tmp_path)
    assert found.looked_at == 2_002
    assert [one.path for one in found.read] == ["app/llm.py", "app/main.py"]


def test_settings(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "package.json": "{}",
            "compose.yaml": "ANTHROPIC_API_KEY: x",
            "other.yaml": "a: b",
            "Dockerfile": "FROM x",
            ".env": "ANTHROPIC_API_KEY=x",
            ".gitignore": ".env\n",
            "web/package.json": "{}",
            "web/.env.local": "CLAUDE=1",
            "tests/compose.yaml": "anthropic: 1",
        },
    )
    init(tmp_path)
    found = {text.path for text in read_settings(list_files(tmp_path))}
    assert found == {"package.json", "compose.yaml", "Dockerfile", ".env", "web/package.json", "web/.env.local"}


def test_decoding() -> None:
    assert decode(b"\xef\xbb\xbfa\xff") == "a\ufffd"


def test_a_listing_is_sorted_and_frozen(tmp_path: Path) -> None:
    write(tmp_path, {"b.py": "", "a.py": ""})
    listing = list_files(tmp_path)
    assert listing.paths == ("a.py", "b.py")
    with pytest.raises(AttributeError):
        listing.paths = ()  # type: ignore[misc]
    assert isinstance(listing, Listing)


def test_excluded_paths(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "", "old/b.py": ""})
    assert list_files(tmp_path, ("old/*",)).paths == ("a.py",)
