"""Who imports a framework's module without the framework reads one line."""

import subprocess
import sys

import pytest

from tidegate.frameworks.missing import missing

MODULES = ("starlette", "flask", "django")


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "gone"), [*((name, name) for name in MODULES), ("django", "asgiref"), ("starlette", "anyio")]
)
def test_without_the_framework(name: str, gone: str) -> None:
    said = run(f"import sys; sys.modules[{gone!r}] = None; import tidegate.frameworks.{name}")
    line = f"ModuleNotFoundError: tidegate.frameworks.{name} needs {name.capitalize()}: pip install {name}"
    assert said.splitlines()[-1] == line
    assert "During handling" not in said


def test_another_module_that_is_missing_is_told_as_always() -> None:
    other = ModuleNotFoundError("No module named 'blinker'", name="blinker")
    assert missing("flask", other) is other
    assert missing("flask", ModuleNotFoundError("nothing")).args == ("nothing",)


def test_the_package_needs_no_framework_and_no_sdk() -> None:
    heavy = ("anthropic", "httpx2", *MODULES, "anyio", "asgiref", "celery")
    assert run(f"import sys, tidegate.frameworks; print({{*{heavy!r}}} & {{*sys.modules}})").strip() == "set()"


@pytest.mark.parametrize("name", MODULES)
def test_each_loads_its_own_framework_alone(name: str) -> None:
    others = {"anthropic", "httpx2", *MODULES} - {name}
    assert run(f"import sys, tidegate.frameworks.{name}; print({others!r} & {{*sys.modules}})").strip() == "set()"
