"""Names say what a thing is, not that it is a thing."""

import re

import pytest

from architecture.sources import SRC, classes, modules, name

FORBIDDEN_CLASS = re.compile(r"_*Base([A-Z].*)?|.*(Manager|Handler|Helper|Util|Service)s?")
FORBIDDEN_WORDS = {"base", "manager", "handler", "helper", "helpers", "util", "utils", "service", "services", "misc"}


@pytest.mark.parametrize(
    "bad", ["Base", "BaseStore", "_BaseFile", "KeyManager", "ErrorHandlers", "Utils", "AppService"]
)
def test_the_pattern(bad: str) -> None:
    assert FORBIDDEN_CLASS.fullmatch(bad)
    assert not FORBIDDEN_CLASS.fullmatch("Baseline")


def test_classes() -> None:
    bad = [
        f"{name(path)}: {one.name}"
        for path in modules()
        for one in classes(path)
        if FORBIDDEN_CLASS.fullmatch(one.name)
    ]
    assert bad == []


def test_modules_and_folders() -> None:
    found = {path.relative_to(SRC) for path in SRC.rglob("*") if path.suffix in {".py", ""} and "__" not in path.name}
    assert len(found) > 50
    assert [str(path) for path in sorted(found) if FORBIDDEN_WORDS & set(re.split(r"[_.]", path.name.lower()))] == []
