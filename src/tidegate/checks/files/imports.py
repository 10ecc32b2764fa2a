"""What a source imports, told from its bytes, and which files of the project that may be.

It must be fast, and rather find one file too many: a program's own rules (program.py) come after it.

Rules
1. A relative import leads to one place.
2. An absolute one leads to every file whose path ends in its words; one word alone, such as `types`, only to files
   beside which there is no `__init__.py`: those of a package are imported with its name.
3. Of a package with a scope, such as `@acme/claude`, the last word counts: it may be a folder of this project.
"""

import posixpath
import re
from collections.abc import Container, Iterable, Iterator, Mapping

from tidegate.checks.files.kinds import LANGUAGES

_PYTHON = re.compile(
    rb"\n[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]*(\([^)]*\)|[^\n#]+)|import[ \t]+([^\n#]+))",
)
"""With the line end before it, which is searched for ten times faster than a beginning of a line."""
_SCRIPT = re.compile(rb"(?:from|require\(|import\(?)[ \t]*[\"']([^\"'\n]+)[\"']")
_REMARK = re.compile(rb"#[^\n]*")
_NAME = re.compile(rb"[.\w]+")
_ALIAS = re.compile(r"(?:@|~|\$lib|\$)?/|#|~")
_SAYS_NOTHING = frozenset({"__init__", "index"})
"""A file of this name is imported as its folder."""


class Imports:
    """Which of some files import which."""

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        self._sources = sources
        self._by_last: dict[tuple[str, bool], list[tuple[str, list[str]]]] = {}
        for path in sources:
            words = _words(path)
            self._by_last.setdefault((words[-1], _is_python(path)), []).append((path, words))

    def of(self, path: str) -> frozenset[str]:
        """The files that one file may import."""
        data = self._sources[path]
        if _is_python(path):
            specs = (_python_words(path, spec) for spec in _python_specs(data))
            return frozenset(one for words, exact in specs for one in self._python(words, exact=exact))
        scripts = {found.decode(errors="replace") for found in _SCRIPT.findall(data)}
        return frozenset(one for spec in scripts for one in self._script(path, spec))

    def named(self, name: str) -> frozenset[str]:
        """The files that a text such as `shop.limits.PerUser` may name something of."""
        words = [word for word in name.split(".") if word]
        return frozenset(self._python(words[:-1], exact=False))

    def _python(self, words: list[str], *, exact: bool) -> Iterator[str]:
        for path, known in self._by_last.get((words[-1], True), ()) if words else ():
            if exact:
                fits = known == words
            elif len(words) == 1:
                fits = not _in_package(path, known, self._sources)
            else:
                fits = _end_alike(known, words)
            if fits:
                yield path

    def _script(self, importer: str, spec: str) -> Iterator[str]:
        bare = _bare(spec)
        if bare.startswith("."):
            words = posixpath.normpath(posixpath.join(posixpath.dirname(importer), bare)).split("/")
            words = words[:-1] if words[-1] in _SAYS_NOTHING and len(words) > 1 else words
            yield from (path for path, known in self._by_last.get((words[-1], False), ()) if known == words)
            return
        alias = _ALIAS.match(bare)
        if alias is None and not bare.startswith("@") and "/" not in bare:
            return  # a package of others
        words = [word for word in bare[alias.end() if alias else 0 :].split("/") if word]
        for path, known in self._by_last.get((words[-1], False), ()) if words else ():
            if bare.startswith("@") or _end_alike(known, words):
                yield path


def _python_specs(data: bytes) -> set[str]:
    """`a.b` and `a.b.c` of `from a.b import c`; `.` and `.c` of `from . import c`."""
    specs: set[bytes] = set()
    for module, names, plain in _PYTHON.findall(b"\n" + data):
        if plain:
            specs.update(_first_names(plain))
        else:
            specs.add(module)
            joint = b"" if module.endswith(b".") else b"."
            specs.update(module + joint + name for name in _first_names(names))
    return {spec.decode(errors="replace") for spec in specs}


def _first_names(names: bytes) -> Iterator[bytes]:
    """`a` and `c` of `(a as b, c)`."""
    for part in _REMARK.sub(b"", names).split(b","):
        found = _NAME.search(part)
        if found:
            yield found[0]


def _python_words(importer: str, spec: str) -> tuple[list[str], bool]:
    """The words of an import, from the root of the project where it is relative."""
    words = [word for word in spec.split(".") if word]
    dots = len(spec) - len(spec.lstrip("."))
    if not dots:
        return words, False
    return [*importer.split("/")[:-dots], *words], True


def _words(path: str) -> list[str]:
    """`a/b/__init__.py` as a, b."""
    words = _bare(path).split("/")
    return words[:-1] if words[-1] in _SAYS_NOTHING and len(words) > 1 else words


def _bare(path: str) -> str:
    stem, ending = posixpath.splitext(path)
    return stem if ending.lower() in LANGUAGES else path


def _is_python(path: str) -> bool:
    return path.endswith(".py")


def _in_package(path: str, words: Iterable[str], sources: Container[str]) -> bool:
    beside = posixpath.dirname(path)
    if posixpath.basename(path) == "__init__.py":  # what counts is where the package itself lies
        beside = posixpath.dirname("/".join(words))
    return f"{beside}/__init__.py" in sources


def _end_alike(known: list[str], words: list[str]) -> bool:
    """Whether one ends in the other: the folder that is checked may itself be a package."""
    count = min(len(known), len(words))
    return known[-count:] == words[-count:]
