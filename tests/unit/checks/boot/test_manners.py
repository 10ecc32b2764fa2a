from pathlib import Path

import pytest

from tidegate.checks.boot.manners import named, switched


@pytest.mark.parametrize(
    ("name", "value", "state"),
    [
        ("ANTHROPIC_LOG", "debug", "fail"),
        ("ANTHROPIC_LOG", "DEBUG", "fail"),
        ("ANTHROPIC_LOG", "info", "pass"),
        ("FLASK_DEBUG", "1", "fail"),
        ("FLASK_DEBUG", "0", "pass"),
        ("NODE_TLS_REJECT_UNAUTHORIZED", "0", "fail"),
        ("DEBUG", "*", "warn"),
        ("DEBUG", "anthropic:*", "warn"),
        ("DEBUG", "false", "pass"),
        ("DJANGO_DEBUG", "True", "warn"),
        ("NODE_ENV", "development", "warn"),
        ("NODE_ENV", "production", "pass"),
        ("APP_ENV", "local", "warn"),
        ("ENVIRONMENT", "prod", "pass"),
        ("TIDEGATE_ENV", "development", "warn"),
        ("MY_DEBUG", "1", "pass"),
    ],
)
def test_switches(name: str, value: str, state: str) -> None:
    (found,) = switched({"PATH": "/bin", name: value})
    assert found.state.value == state
    assert (name in found.text) == (state != "pass")


def test_no_example(tmp_path: Path) -> None:
    assert [one.state.value for one in named({}, tmp_path)] == ["skipped"]


def test_every_name_is_there(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("# words\nONE=\nTWO=canary\nexport THREE=3\n#FOUR=\n")
    (tmp_path / ".env").write_text("THREE=canary\n")
    (found,) = named({"ONE": "", "TWO_FILE": "/run/two"}, tmp_path)
    assert (found.state.value, found.text) == ("pass", "every variable of .env.example is set (3)")


def test_missing_names_are_told_without_values(tmp_path: Path) -> None:
    (tmp_path / ".env.sample").write_text("".join(f"N{number}=canary\n" for number in range(10)))
    (found,) = named({"N0": "x"}, tmp_path)
    assert found.state.value == "warn"
    assert found.text == ".env.sample names what is not set here: N1, N2, N3, N4, N5, N6, N7, N8 and 1 more."


def test_an_example_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("canary canary\n")
    (found,) = named({}, tmp_path)
    assert found.state.value == "warn"
    assert ".env.example:1" in found.text
    assert "canary" not in found.text
