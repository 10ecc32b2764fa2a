"""Secrets in the environment."""

from pathlib import Path

import pytest

from tidegate.model.errors import ConfigError
from tidegate.secrets import env


def test_the_variable(tmp_path: Path) -> None:
    secret = env.read("NAME", {"NAME": "value\n"})
    assert (secret.reveal(), secret.origin, secret.notices) == ("value", "env://NAME", ())
    file = tmp_path / "x"
    file.write_text("from file\n")
    file.chmod(0o600)
    secret = env.read("NAME", {"NAME_FILE": str(file), "NAME": ""})
    assert (secret.reveal(), secret.notices) == ("from file", ())
    assert secret.origin == f"env://NAME (NAME_FILE={file})"


TODO = "set it, or set NAME_FILE to the path of a file that holds the secret"


@pytest.mark.parametrize(
    ("rest", "environ", "line"),
    [
        ("NAME", {}, f"env://NAME: the environment variable NAME is not set; {TODO}"),
        ("NAME", {"NAME": ""}, f"env://NAME: the environment variable NAME is empty; {TODO}"),
        ("NAME", {"NAME": " \n"}, f"env://NAME: the environment variable NAME is empty; {TODO}"),
        ("NAME", {"NAME": "canary", "NAME_FILE": "x"}, "env://NAME: NAME and NAME_FILE are both set; keep one"),
        ("NAME", {"NAME_FILE": "/none/x"}, "env://NAME (NAME_FILE=/none/x): there is no such file"),
        (
            "NAME",
            {"NAME": '"canary"'},
            "env://NAME: NAME stands in quotes, which are part of its value; set it without them",
        ),
        ("", {}, "env://: write the name of a variable behind it, as in env://ANTHROPIC_API_KEY"),
        ("sk-ant-canary", {}, "env://: write the name of a variable behind it, as in env://ANTHROPIC_API_KEY"),
    ],
)
def test_what_is_missing(rest: str, environ: dict[str, str], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        env.read(rest, environ)
    assert str(caught.value) == line
    assert "canary" not in line
