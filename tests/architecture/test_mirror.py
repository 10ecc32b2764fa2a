"""Tests of the inner rings stand where their module stands: `policy/limits.py`, `unit/policy/test_limits.py`."""

from pathlib import Path

from architecture.sources import SRC, UNIT, functions, modules, name

RINGS = ("model", "policy", "core")
DEBT = {
    "core/attempts.py",
    "core/call.py",
    "core/run_now.py",
    "core/telling.py",
    "model/errors.py",
    "model/keys.py",
    "model/labels.py",
    "model/money.py",
    "model/times.py",
    "model/usage.py",
    "policy/crash.py",
    "policy/journal.py",
    "policy/rules.py",
}
"""Modules with logic and without a test of their own.  An entry that is no longer true fails: take it out."""


def with_logic() -> set[str]:
    """Modules of the rings that have a function; ports only name them."""
    found = {name(path) for path in modules() if name(path).startswith(RINGS) and any(functions(path))}
    return found - {"core/ports.py"}


def own_tests(module: str) -> list[Path]:
    """`test_limits.py`, and parts of it such as `test_limits_memory.py`."""
    folder = UNIT / Path(module).parent
    stem = Path(module).stem
    return [*folder.glob(f"test_{stem}.py"), *folder.glob(f"test_{stem}_*.py")]


def test_every_module_with_logic_has_its_test() -> None:
    assert {module for module in with_logic() if not own_tests(module)} == DEBT


def test_every_test_has_its_module() -> None:
    strays = []
    for ring in RINGS:
        stems = {path.stem for path in (SRC / ring).rglob("*.py")}
        for path in (UNIT / ring).rglob("test_*.py"):
            words = path.stem.removeprefix("test_").split("_")
            if not any("_".join(words[:size]) in stems for size in range(1, len(words) + 1)):
                strays.append(path.relative_to(UNIT).as_posix())
    assert strays == []
