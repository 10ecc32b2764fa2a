"""What a file is, told by its path: tables of names."""

import re
from typing import Final, Literal

Language = Literal["python", "typescript", "tsx"]

LANGUAGES: Final[dict[str, Language]] = {
    ".py": "python",
    ".ts": "typescript",
    ".mts": "typescript",
    ".cts": "typescript",
    ".tsx": "tsx",
    ".js": "tsx",
    ".jsx": "tsx",
    ".mjs": "tsx",
    ".cjs": "tsx",
}
"""What is read as a program."""

UNREAD: Final = {
    ".go": "Go", ".rb": "Ruby", ".java": "Java", ".kt": "Kotlin", ".php": "PHP", ".cs": "C#", ".rs": "Rust",
    ".ex": "Elixir", ".exs": "Elixir", ".scala": "Scala", ".swift": "Swift", ".vue": "Vue", ".svelte": "Svelte",
    ".astro": "Astro", ".ipynb": "Jupyter",
}  # fmt: skip
"""Programs in which Claude is looked for by name only."""

NEVER: Final = frozenset({
    ".git", ".hg", ".svn", "node_modules", "bower_components", ".venv", "venv", "virtualenv", "site-packages",
    "__pycache__", ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".eggs", ".next", ".nuxt",
    ".svelte-kit", ".turbo", ".parcel-cache", ".vercel", ".serverless", ".terraform", ".yarn", ".pnpm-store",
})  # fmt: skip
"""Folders that hold no source of the project, tracked by git or not."""

BUILT: Final = frozenset({"dist", "build", "out", "target", "coverage", "htmlcov", ".output", "_build"})
"""Folders that hold what a build made, unless git tracks them."""

BUNDLES: Final = ("dist", "build", "out", "public", "static", ".next/static", ".output/public", "www")
"""Where what browsers load usually lies, below the folder of an application."""

_BESIDE = frozenset({
    "test", "tests", "testing", "__tests__", "__mocks__", "spec", "specs", "e2e", "fixtures", "testdata", "cypress",
    "example", "examples", "sample", "samples", "docs", "doc", "docs_src", "cookbook", "cookbooks", "notebooks",
    "bench", "benchmark", "benchmarks", "evals", "migrations", "storybook", "stories",
})  # fmt: skip
_BESIDE_NAME = re.compile(r"(?:test_.*|.*_test|conftest|.*[.-](?:test|spec|stories|d|bench))\.[a-z]+")

MANIFESTS: Final = frozenset({
    "pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "Pipfile", "package.json", "deno.json",
})  # fmt: skip
"""A folder with one of these is an application of its own."""


def name_of(path: str) -> str:
    """`b.py` of `a/b.py`.  Thousands of paths are asked, which is why they are no objects."""
    return path.rpartition("/")[2]


def suffix(path: str) -> str:
    """`.py` of `a/b.py`, in lower case; "" of `.env`."""
    stem, _, end = name_of(path).rpartition(".")
    return f".{end.lower()}" if stem and end else ""


def language_of(path: str) -> Language | None:
    """The language as which a file is read; None: not a program, or none that is read."""
    return LANGUAGES.get(suffix(path))


def is_beside(path: str) -> bool:
    """Whether a file is beside what is launched: tests, examples, documentation."""
    parts = path.split("/")
    return any(part.lower() in _BESIDE for part in parts[:-1]) or bool(_BESIDE_NAME.fullmatch(parts[-1].lower()))


def is_skipped(path: str, *, tracked: bool) -> bool:
    """Whether a path lies in a folder that holds no source of the project."""
    folders = path.split("/")[:-1]
    return any(part in NEVER or (not tracked and part in BUILT) for part in folders)
