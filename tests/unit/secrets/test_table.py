"""The sources: each is a file of its name."""

import importlib

from tidegate.secrets.table import NOT_BUILT, SOURCES


def test_every_source_has_a_file() -> None:
    for scheme, read in SOURCES.items():
        assert importlib.import_module(f"tidegate.secrets.{scheme}").read is read


def test_nothing_is_both_built_and_not() -> None:
    assert not set(SOURCES) & set(NOT_BUILT)
    assert sorted(NOT_BUILT) == list(NOT_BUILT)
