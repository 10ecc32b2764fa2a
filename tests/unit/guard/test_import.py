"""`import tidegate` is quick and does no work; the names come when they are used."""

import subprocess
import sys

import pytest

import tidegate

HEAVY = ("anthropic", "httpx2", "msgspec", "structlog", "asyncio", "sqlite3", "logging", "uvicorn", "typer")


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_nothing_heavy_is_loaded() -> None:
    code = (
        "import sys; before = set(sys.modules); import tidegate; "
        f"print([name for name in {HEAVY!r} if name in set(sys.modules) - before])"
    )
    assert run(code) == "[]"


def test_few_modules_are_loaded() -> None:
    code = "import sys; before = set(sys.modules); import tidegate; print(len(set(sys.modules) - before))"
    assert int(run(code)) < 40


def test_the_guards_package_loads_neither_library() -> None:
    code = "import sys, tidegate.doors.guard; print({'anthropic', 'httpx2'} & set(sys.modules))"
    assert run(code) == "set()"


def test_caller_and_bind_load_little() -> None:
    code = (
        "import sys, tidegate; tidegate.caller(user='u'); tidegate.bind(print); "
        "print({'anthropic', 'httpx2', 'structlog'} & set(sys.modules))"
    )
    assert run(code) == "set()"


def test_what_is_public() -> None:
    assert tidegate.__all__ == ["bind", "caller", "friendly", "guard"]
    assert set(tidegate.__all__) <= set(dir(tidegate))
    assert run("from tidegate import *; print(guard.__name__, caller.__name__, bind.__name__, friendly.__name__)") == (
        "guard caller bind friendly"
    )
    assert run("import tidegate.testing; print(tidegate.testing.FakeClaude.__name__)") == "FakeClaude"


def test_what_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'tidegate' has no attribute 'gaurd'"):
        _ = tidegate.gaurd


def test_no_thread_no_file_no_hook() -> None:
    code = (
        "import threading, os, tidegate; from tidegate import guard, caller, bind, friendly; "
        "print(threading.active_count(), os.path.exists('tidegate.db'))"
    )
    assert run(code) == "1 False"
