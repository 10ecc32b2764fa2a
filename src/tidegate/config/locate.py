"""Where each key of a TOML text stands: tomllib gives the values, this gives their lines.

Rules
1. The text is valid TOML (tomllib accepted it); nothing is checked here, so the scan can be short.
2. A path is what leads to a value in tomllib's tree: keys, and a number for each element of a list.
3. Every path of that tree gets a line: of its key, of its header, or of the element's first token.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r"""
      (?P<skip> [ \t\r]+ | \#[^\n]* )
    | (?P<newline> \n )
    | (?P<mark> [\[\]{}=,] )
    | (?P<word> \"{3}(?:\\.|[^\\])*?\"{3,5} | '{3}.*?'{3,5} | "(?:\\.|[^"\\])*" | '[^']*' | [^\s\[\]{}=,\#"']+ )
    """,
    re.VERBOSE | re.DOTALL,
)


class _Token(NamedTuple):
    text: str
    line: int
    start: int
    end: int


def lines_of(text: str) -> Mapping[Path, int]:
    """The line, from 1, of every path in a valid TOML text."""
    return _Scan(text).run()


class _Scan:
    """One pass over the tokens; `found` grows, `counts` knows the length of every array of tables."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.at = 0
        self.found: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}

    def run(self) -> Mapping[Path, int]:
        table: Path = ()
        while self.at < len(self.tokens):
            if self.peek() == "\n":
                self.at += 1
            elif self.peek() == "[":
                table = self.header()
            else:
                self.pair(table)
        return self.found

    def peek(self) -> str:
        return self.tokens[self.at].text if self.at < len(self.tokens) else "\n"

    def header(self) -> Path:
        """`[a.b]` or `[[a.b]]`: the path of the table that it opens."""
        line = self.tokens[self.at].line
        many = self.text[self.tokens[self.at].start :].startswith("[[")
        self.at += 2 if many else 1
        *parents, last = self.key("]")
        self.at += 2 if many else 1
        path: Path = ()
        for part in parents:
            path = self.newest((*path, part), line)
        path = (*path, last)
        if not many:
            self.found[self.newest(path, line)] = line
            return self.newest(path, line)
        self.found.setdefault(path, line)
        self.counts[path] = self.counts.get(path, 0) + 1
        self.found[self.newest(path, line)] = line
        return self.newest(path, line)

    def newest(self, path: Path, line: int) -> Path:
        """The path itself, or that of its last element when it is an array of tables."""
        self.found.setdefault(path, line)
        return (*path, self.counts[path] - 1) if path in self.counts else path

    def key(self, stop: str) -> list[str]:
        """The parts of the key before `stop`; tomllib itself undoes quotes and escapes."""
        first = self.tokens[self.at]
        while self.peek() != stop:
            self.at += 1
        tree = tomllib.loads(self.text[first.start : self.tokens[self.at - 1].end] + " = 0")
        parts: list[str] = []
        while isinstance(tree, dict):
            ((part, tree),) = tree.items()
            parts.append(part)
        return parts

    def pair(self, table: Path) -> None:
        """`a.b = value`."""
        line = self.tokens[self.at].line
        path = table
        for part in self.key("="):
            path = (*path, part)
            self.found.setdefault(path, line)
        self.at += 1
        self.value(path)

    def value(self, path: Path) -> None:
        opening = self.peek()
        self.at += 1
        if opening == "[":
            self.array(path)
        elif opening == "{":
            self.inline(path)
        else:
            while self.peek() not in {"\n", ",", "]", "}"}:  # a date and a time are two words
                self.at += 1

    def array(self, path: Path) -> None:
        number = 0
        while (token := self.peek()) != "]":
            if token in {"\n", ","}:
                self.at += 1
                continue
            self.found[(*path, number)] = self.tokens[self.at].line
            self.value((*path, number))
            number += 1
        self.at += 1

    def inline(self, path: Path) -> None:
        while (token := self.peek()) != "}":
            if token in {"\n", ","}:
                self.at += 1
            else:
                self.pair(path)
        self.at += 1


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "skip":
            yield _Token(match.group(), line, match.start(), match.end())
        line += match.group().count("\n")
