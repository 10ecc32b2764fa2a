"""The documentation as data: pages, fenced blocks, directives for tests, tables, links."""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OURS = ("tutorials", "howto", "reference", "explanation")
"""The folders whose pages are tested in full; decisions and measurements are history."""

_PIECE = re.compile(
    r"^(?P<indent> *)```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^ *```$"
    r"|<!-- test: (?P<directive>.*?) *-->",
    re.MULTILINE | re.DOTALL,
)
_CODE = re.compile(r"`([^`\n]+)`")


class Block(NamedTuple):
    """A fenced block."""

    language: str
    text: str
    line: int


class Directive(NamedTuple):
    """`<!-- test: WORDS (why) -->`: what a test does beside running the blocks."""

    words: str
    line: int


class Table(NamedTuple):
    """A table; `title` is the nearest heading above it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, name: str) -> list[str]:
        """The cells of one column, as they are written."""
        return [row[self.columns.index(name)] for row in self.rows]


def pages() -> list[Path]:
    """README and every page of the folders above."""
    return [
        ROOT / "README.md",
        DOCS / "README.md",
        *(page for name in OURS for page in sorted((DOCS / name).glob("*.md"))),
    ]


def page(name: str) -> Path:
    """A page by its path below docs/."""
    return DOCS / name


@lru_cache
def text_of(path: Path) -> str:
    """The page as it is written."""
    return path.read_text("utf-8")


def pieces(path: Path) -> Iterator[Block | Directive]:
    """Blocks and directives in the order of the page."""
    text = text_of(path)
    for found in _PIECE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        if found["directive"] is not None:
            words = re.sub(r"\s*\([^()]*\)\s*$", "", " ".join(found["directive"].split()))
            yield Directive(words, line)
        else:
            yield Block(found["language"], dedent(found["text"]), line)


def blocks(path: Path, *languages: str) -> list[Block]:
    """The fenced blocks of these languages."""
    return [piece for piece in pieces(path) if isinstance(piece, Block) and piece.language in languages]


def prose(path: Path) -> list[tuple[int, str]]:
    """Line number and text of every line outside fenced blocks and directives."""
    text = _PIECE.sub(lambda found: "\n" * found[0].count("\n"), text_of(path))
    return list(enumerate(text.split("\n"), 1))


def code_spans(text: str) -> list[str]:
    """What stands between backticks."""
    return _CODE.findall(text)


def tables(path: Path) -> list[Table]:
    """The tables of a page."""
    found: list[Table] = []
    title = ""
    rows: list[tuple[str, ...]] = []
    for _, line in [*prose(path), (0, "")]:
        if line.startswith("#"):
            title = line.lstrip("#").strip()
        if line.startswith("|"):
            rows.append(tuple(cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip("|"))))
        elif rows:
            columns, rule, *body = rows
            assert all(set(cell) <= {"-", ":"} for cell in rule), f"{path}: not a table: {columns}"
            assert {len(row) for row in body} <= {len(columns)}, f"{path}: a row with missing cells under {columns}"
            found.append(Table(title, columns, tuple(body)))
            rows = []
    return found


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub makes of the headings of a page."""
    headings = [line.lstrip("#").strip() for _, line in prose(path) if re.match(r"#{1,6} ", line)]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(path: Path) -> Iterator[tuple[int, str]]:
    """Line number and target of every link."""
    for number, line in prose(path):
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            yield number, target


def one(path: Path, title: str, column: str | None = None) -> Table:
    """The only table below that heading, or the only one there whose first column is called so."""
    (table,) = [table for table in tables(path) if table.title == title and column in (None, table.columns[0])]
    return table


def plain(cell: str) -> str:
    """A cell that is one code span, without its backticks."""
    (code,) = code_spans(cell)
    assert cell == f"`{code}`", cell
    return code
