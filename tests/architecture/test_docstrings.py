"""A module's first line says what it is for."""

import ast

from architecture.sources import modules, name, parsed


def test_every_module_says_what_it_is_for() -> None:
    silent = [name(path) for path in modules() if parsed(path).body and not ast.get_docstring(parsed(path))]
    assert silent == []
